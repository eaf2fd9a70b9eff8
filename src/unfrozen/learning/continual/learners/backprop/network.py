"""The network that learners by backpropagation share: rectified layers, and a head that grows."""

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from unfrozen.errors import LearningError
from unfrozen.learning.continual.learners.base import (
    Classes,
    Inputs,
    check_positive,
    nbytes,
    unknown,
)

OptimizerName = Literal["sgd", "adam"]
_OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
}


class Passed(NamedTuple):
    """What a network made of a batch.

    Attributes:
        logits: one a class met so far.
        hidden: the units of each hidden layer, rectified.
    """

    logits: Float[Tensor, "b classes"]
    hidden: list[Tensor]


class Layer(nn.Module):
    """A linear layer whose first weights are given: torch's own come from the global generator.

    Args:
        weight: of each unit, one a row; biases are zero.
    """

    def __init__(self, weight: Float[Tensor, "unit input"]) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(weight.new_zeros(len(weight)))

    def forward(self, rows: Float[Tensor, "b input"]) -> Float[Tensor, "b unit"]:
        """What units receive."""
        return nn.functional.linear(rows, self.weight, self.bias)


class Network(nn.Module):
    """Rectified hidden layers, and a linear head with a row for each class met so far.

    Weights are uniform within sqrt(6 / fan-in) (He et al. 2015), those of the head within
    1 / sqrt(fan-in); biases are zero.

    Args:
        width: of the input.
        hidden: widths of the hidden layers.
        generator: of the first weights.

    Raises:
        LearningError: there is no hidden layer, or one has no unit.
    """

    def __init__(self, width: int, hidden: Sequence[int], generator: torch.Generator) -> None:
        super().__init__()
        if not hidden or min(hidden) < 1:
            raise LearningError(f"hidden layers have one unit each at least, not {list(hidden)}")
        self._generator = generator
        widths = [width, *hidden]
        self.layers = nn.ModuleList(
            Layer(self.drawn(rows, columns)) for columns, rows in zip(widths, hidden, strict=False)
        )
        self.head = Layer(torch.zeros(0, hidden[-1]))

    @property
    def every(self) -> list[Layer]:
        """All layers, the head last."""
        return [layer for layer in (*self.layers, self.head) if isinstance(layer, Layer)]

    def drawn(self, rows: int, columns: int) -> Float[Tensor, "rows columns"]:
        """First weights of units with so many inputs."""
        return self._uniform(rows, columns, math.sqrt(6 / columns))

    def _uniform(self, rows: int, columns: int, bound: float) -> Tensor:
        return (2 * torch.rand(rows, columns, generator=self._generator) - 1) * bound

    def forward(self, rows: Float[Tensor, "b pixel"]) -> Passed:
        """All that is needed of a pass."""
        hidden = []
        for layer in self.layers:
            rows = torch.relu(layer(rows))
            hidden.append(rows)
        return Passed(self.head(rows), hidden)

    @torch.no_grad()
    def grow(self, classes: int) -> None:
        """Add rows to the head.  Its parameters become other ones."""
        width = self.head.weight.shape[1]
        more = self._uniform(classes, width, 1 / math.sqrt(width))
        self.head.weight = nn.Parameter(torch.cat([self.head.weight.data, more]))
        bias = self.head.bias.data
        self.head.bias = nn.Parameter(torch.cat([bias, bias.new_zeros(classes)]))


class Fit:
    """A network with its optimizer, which both grow when classes come.

    Args:
        inputs: what images are like.
        seed: of the first weights.
        hidden: widths of the hidden layers.
        rate: step size.
        optimizer: "sgd" or "adam".

    Raises:
        LearningError: a setting makes no sense.
    """

    def __init__(
        self, inputs: Inputs, seed: int, hidden: Sequence[int], rate: float, optimizer: str
    ) -> None:
        check_positive(rate=rate)
        if optimizer not in _OPTIMIZERS:
            known = ", ".join(_OPTIMIZERS)
            raise LearningError(f"there is no optimizer {optimizer!r}: use {known}")
        self.inputs, self.classes = inputs, Classes()
        self.network = Network(inputs.pixels, hidden, torch.Generator().manual_seed(seed))
        # Every parameter but the head's, which has no rows yet.
        self.optimizer = _OPTIMIZERS[optimizer](self.network.parameters(), lr=rate)

    @property
    def bytes(self) -> int:
        """Of the network, the optimizer's state and the numbers of classes."""
        state = [
            t for s in self.optimizer.state.values() for t in s.values() if isinstance(t, Tensor)
        ]
        return nbytes(*self.network.parameters(), *state) + self.classes.bytes

    def meet(self, classes: Int64[Tensor, " b"]) -> Int64[Tensor, " b"]:
        """Columns of classes; for those that are new the head grows."""
        new = self.classes.meet(classes)
        if new:
            before = list(self.network.head.parameters())
            self.network.grow(new)
            _replace(self.optimizer, before, list(self.network.head.parameters()))
        return self.classes.columns(classes)

    def update(
        self,
        rows: Float[Tensor, "b pixel"],
        columns: Int64[Tensor, " b"],
        penalty: Callable[[], Tensor] | None = None,
    ) -> Passed:
        """One step of the mean cross-entropy, and of a penalty on the weights.

        Returns:
            The pass that the step was taken from.
        """
        self.optimizer.zero_grad()
        passed = self.network(rows)
        loss = nn.functional.cross_entropy(passed.logits, columns)
        if penalty is not None:
            loss = loss + penalty()
        loss.backward()
        self.optimizer.step()
        return passed

    @torch.no_grad()
    def predict(self, images: UInt8[Tensor, "b height width"]) -> Int64[Tensor, " b"]:
        """The class with the largest logit."""
        if not len(self.classes):
            return unknown(images)
        return self.classes.of(self.network(self.inputs.rows(images)).logits.argmax(1))


def _replace(
    optimizer: torch.optim.Optimizer, before: Sequence[Tensor], after: Sequence[Tensor]
) -> None:
    """Give an optimizer longer parameters for those it had; what it keeps of new rows is zero."""
    (group,) = optimizer.param_groups
    for old, new in zip(before, after, strict=True):
        position = next(i for i, p in enumerate(group["params"]) if p is old)
        group["params"][position] = new
        state = optimizer.state.pop(old, None)
        if not state:
            continue
        for name, kept in state.items():
            if isinstance(kept, Tensor) and kept.shape == old.shape:
                state[name] = torch.cat([kept, torch.zeros_like(new[len(kept) :])])
        optimizer.state[new] = state
