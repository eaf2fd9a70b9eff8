"""Networks whose layers each learn the class by a loss of their own: one pass, no negatives."""

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from unfrozen.errors import LearningError

Answer = Literal["last", "sum"]


@runtime_checkable
class LocalLayer(Protocol):
    """What a layer of a `LocalNetwork` must do; it is a module as well."""

    def __call__(self, below: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        """Activity, with a graph that begins at this layer."""
        ...

    def logits(self, activity: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch label"]:
        """What this layer says of every class."""
        ...

    def loss(
        self, activity: Float[Tensor, "batch ..."], classes: Int64[Tensor, " batch"]
    ) -> Float[Tensor, ""]:
        """What it makes small."""
        ...


class LocalNetwork(nn.Module):
    """Layers that learn by themselves; none waits for an answer from above.

    Args:
        layers: modules that are `LocalLayer`; what each gives is the next one's input.

    Raises:
        LearningError: there is no layer.
    """

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        if not layers:
            raise LearningError("a network takes at least one layer")
        self.layers = nn.ModuleList(layers)

    def accumulate(
        self,
        samples: Float[Tensor, "batch ..."],
        classes: Int64[Tensor, " batch"],
        generator: torch.Generator | None = None,
    ) -> list[float]:
        """Add every layer's gradient of its own loss.

        Args:
            samples: to learn from.
            classes: of each.
            generator: for networks that draw; not used.

        Returns:
            The loss of each layer.
        """
        state, losses = samples, []
        for layer in self._layers():
            state = layer(state)
            loss = layer.loss(state, classes)
            loss.backward()
            losses.append(loss.item())
            # The graph is gone; the layer above sees numbers alone.
            state = state.detach()
        return losses

    @torch.no_grad()
    def logits(self, samples: Float[Tensor, "batch ..."]) -> Float[Tensor, "layer batch label"]:
        """What each layer says of every class."""
        found = []
        for layer in self._layers():
            samples = layer(samples)
            found.append(layer.logits(samples))
        return torch.stack(found)

    def predict(
        self, samples: Float[Tensor, "batch ..."], by: Answer = "sum"
    ) -> Int64[Tensor, " batch"]:
        """The most likely class of each sample.

        Args:
            samples: to be asked.
            by: the last layer, or the sum of all layers' log-probabilities.

        Raises:
            LearningError: there is no such way.
        """
        if by not in ("last", "sum"):
            raise LearningError(f"a class is found by the last layer or by the sum, not by {by!r}")
        found = self.logits(samples)
        return (found[-1] if by == "last" else found.log_softmax(2).sum(0)).argmax(1)

    def _layers(self) -> list[LocalLayer]:
        return list(self.layers)  # type: ignore[arg-type]
