"""Forward-Forward over time: a still image as a film, and layers that see the one above as well."""

from collections.abc import Iterator, Sequence
from itertools import islice

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unfrozen.errors import LearningError
from unfrozen.learning.forward_forward.goodness import goodness, of_one_length, symmetric_loss
from unfrozen.learning.forward_forward.labels import hard, neutral, one_hot


class TopDown(nn.Module):
    """Layers driven by the layer below and the layer above, a step ago; the label is the top.

    What a layer learns at a step reaches no other layer and no step before: states that come in
    carry no graph.

    Args:
        widths: of the image, and of every layer.
        classes: how many; their label is held on top.
        steps: that an image is shown for.
        scored: steps whose goodness tells a class, counted from 1.
        keep: share of a layer's state that stays.
        sharpness: of the loss; see `symmetric_loss`.
        generator: of the first weights; seed 0 without.

    Raises:
        LearningError: a setting makes no sense.

    Source: Hinton 2022, section 3.4.

    Example:
        >>> TopDown([16, 32, 32], classes=4).predict(torch.rand(3, 16)).shape
        torch.Size([3])
    """

    def __init__(
        self,
        widths: Sequence[int],
        classes: int,
        *,
        steps: int = 8,
        scored: tuple[int, ...] = (3, 4, 5),
        keep: float = 0.3,
        sharpness: float = 16.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if len(widths) < 2 or classes < 2 or not 0 <= keep < 1 or not sharpness > 0:
            raise LearningError(
                "give the width of the image and of at least one layer, two classes or more, keep "
                "from 0 up to 1, and a positive sharpness"
            )
        if not scored or min(scored) < 1 or max(scored) > steps:
            raise LearningError(f"steps that are scored are from 1 to {steps}, not {scored}")
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        self.classes, self.steps, self.scored = classes, steps, tuple(scored)
        self.keep, self.sharpness = keep, sharpness
        above = [*widths[2:], classes]
        self.up, self.down = nn.ModuleList(), nn.ModuleList()
        for below, width, top in zip(widths, widths[1:], above, strict=False):
            for maps, source in ((self.up, below), (self.down, top)):
                one = nn.Linear(source, width, bias=maps is self.up, device="meta").to_empty(
                    device="cpu"
                )
                # Both together turn half of the units on.
                nn.init.normal_(one.weight, std=(2 * source) ** -0.5, generator=generator)
                if one.bias is not None:
                    nn.init.zeros_(one.bias)
                maps.append(one)
        self.classifier = nn.Linear(sum(widths[1:]), classes, device="meta").to_empty(device="cpu")
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def states(
        self, images: Float[Tensor, "batch ..."], label: Float[Tensor, "batch label"]
    ) -> Iterator[list[Float[Tensor, "batch _"]]]:
        """Every layer's state after each step; each carries a graph of its own, of that step.

        Args:
            images: shown at every step.
            label: held on top.
        """
        image, top = of_one_length(images.detach().flatten(1)), of_one_length(label)
        state = [image]
        with torch.no_grad():
            # The first states are those of a pass upwards.
            for up in self.up:
                state.append(F.relu(up(of_one_length(state[-1]))))
        layers = state[1:]
        for _ in range(self.steps):
            sent = [image, *(of_one_length(one.detach()) for one in layers), top]
            layers = [
                self.keep * layers[k].detach()
                + (1 - self.keep) * F.relu(self.up[k](sent[k]) + self.down[k](sent[k + 2]))
                for k in range(len(layers))
            ]
            yield layers

    def accumulate(
        self,
        samples: Float[Tensor, "batch ..."],
        classes: Int64[Tensor, " batch"],
        generator: torch.Generator,
    ) -> list[float]:
        """Add the gradient of every layer at every step, and the classifier's.

        Args:
            samples: images to learn from.
            classes: of each.
            generator: draws wrong labels, as the classifier takes them for right.

        Returns:
            The loss of each layer, a mean over steps, and last of the classifier.
        """
        n = len(samples)
        logits = self.classifier(self._settled(samples))
        told = F.cross_entropy(logits, classes)
        told.backward()
        wrong = hard(classes, logits.detach(), generator)
        label = one_hot(torch.cat([classes, wrong]), self.classes, samples)
        losses = [0.0] * len(self.up)
        for layers in self.states(samples.repeat(2, *[1] * (samples.ndim - 1)), label):
            for k, state in enumerate(layers):
                good = goodness(state) / state.shape[1]
                loss = symmetric_loss(good[:n], good[n:], self.sharpness) / self.steps
                loss.backward()
                losses[k] += loss.item()
        return [*losses, told.item()]

    @torch.no_grad()
    def scores(self, samples: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch label"]:
        """Goodness of every class held on top, of all layers over the steps that are scored."""
        found = []
        for c in range(self.classes):
            label = one_hot(
                torch.full((len(samples),), c, device=samples.device), self.classes, samples
            )
            each = [
                sum(goodness(state) / state.shape[1] for state in layers)
                for step, layers in enumerate(self.states(samples, label), 1)
                if step in self.scored
            ]
            found.append(torch.stack([torch.as_tensor(one) for one in each]).sum(0))
        return torch.stack(found, 1)

    def predict(self, samples: Float[Tensor, "batch ..."]) -> Int64[Tensor, " batch"]:
        """The class that is best held on top."""
        return self.scores(samples).argmax(1)

    @torch.no_grad()
    def _settled(self, samples: Tensor) -> Tensor:
        """What layers are after the last step that is scored, under a label that tells nothing."""
        label = neutral(len(samples), self.classes, samples)
        layers = next(islice(self.states(samples, label), max(self.scored) - 1, None))
        return torch.cat([of_one_length(state) for state in layers], 1)
