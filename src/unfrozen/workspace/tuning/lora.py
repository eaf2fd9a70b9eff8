"""Adapters of low rank whose beginning follows from a seed, so that a run needs to keep none.

W' = W + scale B A beside the linear map W of a module: A begins as noise, B as zero.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int8
from torch import Tensor, nn

from unfrozen.errors import ModelError
from unfrozen.language.architecture.probe import hooked
from unfrozen.language.architecture.sites import find_sites
from unfrozen.learning.zeroth_order.moves import Along, Moved, move
from unfrozen.learning.zeroth_order.noise import Draw

# A step that no run makes: its noise is where adapters begin.
_BEFORE = -1


@dataclass(frozen=True)
class Adapter:
    """What adapters are beside.

    Attributes:
        targets: last parts of the names of linear modules.
        rank: of each adapter.
        alpha: over the rank, the scale.
        seed: of where A begins.
        first: block from which on there are any; what lies below it is the same in every step, so
            that it need not be computed again.
    """

    targets: tuple[str, ...] = ("q_proj", "v_proj")
    rank: int = 8
    alpha: float = 16.0
    seed: int = 0
    first: int = 0

    def __post_init__(self) -> None:
        if not self.targets or self.rank < 1 or not self.alpha > 0 or self.first < 0:
            raise ModelError(
                "an adapter has targets, a rank and an alpha that are positive, and a first block "
                "from 0 on"
            )

    @property
    def scale(self) -> float:
        """By which B A is multiplied."""
        return self.alpha / self.rank

    def begin(self, parameter: str, rows: int, columns: int, device: torch.device) -> "Factors":
        """A and B before the first step.

        Args:
            parameter: full name of W.
            rows: of W.
            columns: of W.
            device: where they go.
        """
        a = torch.zeros(self.rank, columns, device=device)
        move([Moved(f"{parameter}.A", a, [Along(Draw(self.seed, _BEFORE), 1.0)])], "gaussian")
        # As large as the uniform numbers that PEFT begins with.
        return Factors(a / math.sqrt(3 * columns), torch.zeros(rows, self.rank, device=device))


@dataclass(frozen=True)
class Factors:
    """An adapter: B A.

    Attributes:
        a: what it reads.
        b: what it writes.
    """

    a: Float[Tensor, "rank columns"]
    b: Float[Tensor, "rows rank"]


def linear_modules(
    model: nn.Module, targets: tuple[str, ...], first: int = 0
) -> dict[str, nn.Linear]:
    """Linear modules by name.

    Args:
        model: that they are of.
        targets: last parts of their names.
        first: block that the first of them are in.

    Raises:
        ModelError: there are none.
    """
    every = {
        name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)
    }
    if first:
        blocks = find_sites(model).blocks
        if first >= len(blocks):
            raise ModelError(f"the model has blocks 0 to {len(blocks) - 1}, and none from {first}")
        inside = tuple(f"{block.name}." for block in blocks[first:])
        every = {name: module for name, module in every.items() if name.startswith(inside)}
    found = {name: module for name, module in every.items() if name.split(".")[-1] in targets}
    if not found:
        known = ", ".join(sorted({name.split(".")[-1] for name in every})) or "none"
        raise ModelError(
            f"the model has no linear modules called {', '.join(targets)}: there are {known}"
        )
    return found


@contextmanager
def adapted(
    model: nn.Module, adapter: Adapter, exponents: Mapping[str, Int8[Tensor, " _"]] | None = None
) -> Iterator[dict[str, Tensor]]:
    """A model with adapters beside its linear maps, for the length of a block.

    Args:
        model: whose weights stay as they are.
        adapter: what they are.
        exponents: of the features that each A reads, by which its columns are divided; see
            `unfrozen.workspace.tuning.preconditioning`.

    Yields:
        The parameters of adapters by name: ``<parameter>.A`` and ``<parameter>.B``.

    Raises:
        ModelError: the model has no such modules.
    """
    handles, parameters, beside = [], {}, []
    for name, module in linear_modules(model, adapter.targets, adapter.first).items():
        rows, columns = module.weight.shape
        factors = adapter.begin(f"{name}.weight", rows, columns, module.weight.device)
        parameters[f"{name}.weight.A"], parameters[f"{name}.weight.B"] = factors.a, factors.b
        found = None if exponents is None else exponents[f"{name}.weight.A"]
        beside.append((module, factors, found))
    for module, factors, found in beside:
        handles.append(module.register_forward_hook(_beside(factors, adapter.scale, found)))
    with hooked(handles):
        yield parameters


def evened(
    a: Float[Tensor, "rank columns"], exponents: Int8[Tensor, " columns"] | None
) -> Float[Tensor, "rank columns"]:
    """A as it reads: each column divided by two to the exponent of its feature."""
    return a if exponents is None else a * torch.exp2(-exponents.to(a))


def _beside(factors: Factors, scale: float, exponents: Tensor | None):
    def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        read = nn.functional.linear(args[0], evened(factors.a, exponents).to(args[0].dtype))
        return output + scale * nn.functional.linear(read, factors.b.to(read.dtype)).to(output)

    return hook
