"""Networks of layers that learn by themselves, and two ways of asking them for a class."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unfrozen.errors import LearningError
from unfrozen.learning.forward_forward.goodness import goodness, of_one_length
from unfrozen.learning.forward_forward.labels import (
    embed,
    hard,
    hybrids,
    neutral,
    one_hot,
    wrong,
)
from unfrozen.learning.forward_forward.layer import GoodnessLayer, Loss, linear_stack

Negatives = Literal["hard", "wrong", "hybrid"]
Write = Callable[
    [Float[Tensor, "batch ..."], Float[Tensor, "batch label"]], Float[Tensor, "batch ..."]
]
"""How a label is written into samples."""


class ForwardForward(nn.Module):
    """Layers of goodness, with a linear classifier on what all but the first of them give.

    A label is written into the input; the right one makes it real and a wrong one false.  No graph
    ever spans two layers.  Any optimizer of PyTorch moves the weights: `accumulate` leaves their
    gradients, a layer at a time.

    Args:
        layers: what each gives is the next one's input.
        classes: how many.
        width: features of what all layers but the first give, together (of a single layer, of it).
        negatives: "hard" draws wrong labels as the classifier takes them for right, "wrong" evenly;
            "hybrid" needs no labels: two images joined are false, and the classifier alone is told
            classes.
        write: writes labels; into the first features without.

    Raises:
        LearningError: there is no layer, or fewer than two classes.

    Source: Hinton 2022, section 3.3.

    Example:
        >>> network = dense([16, 32, 32], classes=4)
        >>> network.predict(torch.rand(3, 16)).shape
        torch.Size([3])
    """

    def __init__(
        self,
        layers: Sequence[GoodnessLayer],
        classes: int,
        width: int,
        *,
        negatives: Negatives = "hard",
        write: Write = embed,
    ) -> None:
        super().__init__()
        if not layers or classes < 2:
            raise LearningError("a network takes at least one layer and two classes")
        strange = [type(one).__name__ for one in layers if not isinstance(one, GoodnessLayer)]
        if strange:
            raise LearningError(
                f"{', '.join(strange)} learns by no goodness: what only transforms belongs into "
                "the module of a GoodnessLayer"
            )
        if negatives not in ("hard", "wrong", "hybrid"):
            raise LearningError(f"negatives are hard, wrong or hybrid, not {negatives!r}")
        self.layers = nn.ModuleList(layers)
        self.classifier = nn.Linear(width, classes, device="meta").to_empty(device="cpu")
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)
        self.classes, self.negatives, self.write = classes, negatives, write

    def accumulate(
        self,
        samples: Float[Tensor, "batch ..."],
        classes: Int64[Tensor, " batch"],
        generator: torch.Generator,
    ) -> list[float]:
        """Add every layer's gradient of its own loss, and the classifier's.

        Args:
            samples: to learn from.
            classes: of each.
            generator: draws wrong labels.

        Returns:
            The loss of each layer, and last of the classifier.
        """
        with torch.no_grad():
            given = self._features(self._unlabelled(samples))
        logits = self.classifier(given)
        told = F.cross_entropy(logits, classes)
        told.backward()
        if self.negatives == "hybrid":
            real, false = samples, hybrids(samples, generator)
        else:
            other = (
                hard(classes, logits.detach(), generator)
                if self.negatives == "hard"
                else wrong(classes, self.classes, generator)
            )
            real = self.write(samples, one_hot(classes, self.classes, samples))
            false = self.write(samples, one_hot(other, self.classes, samples))
        return [*self.contrast(real, false), told.item()]

    def contrast(
        self, real: Float[Tensor, "batch ..."], false: Float[Tensor, "batch ..."]
    ) -> list[float]:
        """Add every layer's gradient, on samples that are real and false for whatever reason.

        Args:
            real: samples.
            false: as many.

        Returns:
            The loss of each layer.
        """
        n, state = len(real), torch.cat([real, false])
        losses = []
        for layer in self._layers():
            state = layer(state)
            loss = layer.loss(state[:n], state[n:])
            loss.backward()
            losses.append(loss.item())
            # The graph is gone; the layer above sees numbers alone.
            state = state.detach()
        return losses

    @torch.no_grad()
    def scores(self, samples: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch label"]:
        """Goodness of every class written into each sample, of all layers but the first.

        Of a single layer, its own.  Takes a pass a class.

        Raises:
            LearningError: the network was told no labels.
        """
        if self.negatives == "hybrid":
            raise LearningError("no label was learnt with hybrids: ask the classifier")
        found = []
        for c in range(self.classes):
            label = samples.new_full((len(samples),), c, dtype=torch.long)
            written = self.write(samples, one_hot(label, self.classes, samples))
            each = self.goodness_of_layers(written)
            found.append(each[1 if len(each) > 1 else 0 :].sum(0))
        return torch.stack(found, 1)

    @torch.no_grad()
    def goodness_of_layers(
        self, samples: Float[Tensor, "batch ..."]
    ) -> Float[Tensor, "layer batch"]:
        """Goodness that every layer finds in samples as they are, labels written or not."""
        found = []
        for layer in self._layers():
            samples = layer(samples)
            found.append(goodness(samples))
        return torch.stack(found)

    @torch.no_grad()
    def logits(self, samples: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch label"]:
        """What the classifier says of samples whose label is neutral: one pass."""
        return self.classifier(self._features(self._unlabelled(samples)))

    def predict(
        self,
        samples: Float[Tensor, "batch ..."],
        by: Literal["goodness", "classifier"] = "goodness",
    ) -> Int64[Tensor, " batch"]:
        """The most likely class of each sample.

        Args:
            samples: to be asked.
            by: all classes tried ("goodness"), or one pass ("classifier").

        Raises:
            LearningError: there is no such way, or the network was told no labels.
        """
        if by not in ("goodness", "classifier"):
            raise LearningError(f"a class is found by goodness or by classifier, not by {by!r}")
        return (self.scores(samples) if by == "goodness" else self.logits(samples)).argmax(1)

    def _unlabelled(self, samples: Tensor) -> Tensor:
        if self.negatives == "hybrid":
            return samples
        return self.write(samples, neutral(len(samples), self.classes, samples))

    def _layers(self) -> list[GoodnessLayer]:
        return [layer for layer in self.layers if isinstance(layer, GoodnessLayer)]

    def _features(self, samples: Tensor) -> Tensor:
        found = []
        for layer in self._layers():
            samples = layer(samples)
            found.append(of_one_length(samples).flatten(1))
        return torch.cat(found[1 if len(found) > 1 else 0 :], 1)


def dense(
    widths: Sequence[int],
    classes: int,
    *,
    loss: Loss = "symmetric",
    sharpness: float = 16.0,
    negatives: Negatives = "hard",
    peers: float = 0.03,
    generator: torch.Generator | None = None,
) -> ForwardForward:
    """A network of linear layers.

    Args:
        widths: of the input, and of every layer.
        classes: how many.
        loss: of every layer; see `GoodnessLayer`.
        sharpness: likewise.
        negatives: see `ForwardForward`.
        peers: see `GoodnessLayer`.
        generator: of the first weights; seed 0 without.

    Raises:
        LearningError: there is no layer, or a setting makes no sense.
    """
    layers = [
        GoodnessLayer(module, width, loss=loss, sharpness=sharpness, peers=peers)
        for module, width in linear_stack(widths, generator)
    ]
    above = widths[2:] if len(widths) > 2 else widths[1:]
    return ForwardForward(layers, classes, sum(above), negatives=negatives)
