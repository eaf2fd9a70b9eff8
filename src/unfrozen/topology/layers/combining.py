"""How merge nodes join what arrives: sum, mean, side by side, or by attention over neighbourhoods.

Source: Hajij et al. 2022, definition of merge nodes, and of higher-order attention across
neighbourhoods.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unfrozen.errors import TopologyError
from unfrozen.topology.layers.layer import glorot

Beta = Callable[[Tensor], Tensor]


class NeighbourhoodAttention(nn.Module):
    """A weighted mean of what arrives along some neighbourhoods, for each cell its own.

    b^k = softmax over k of v · tanh(m^k U), so that the weights of a cell sum to one.

    Args:
        width: features of what arrives.
        hidden: features that are compared; as many as arrive by default.
        generator: draws the weights, on the CPU.
        device: as for any module.
        dtype: as for any module.

    Source: Hajij et al. 2022, attention b^k across neighbourhoods of higher-order message passing;
    the score is that of Wang et al. 2019 (HAN), but for each cell.
    """

    def __init__(
        self,
        width: int,
        hidden: int | None = None,
        *,
        generator: torch.Generator,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.weight = glorot((width, hidden or width), generator, device, dtype)
        self.vector = glorot((hidden or width, 1), generator, device, dtype)

    def weights(self, parts: Sequence[Float[Tensor, "cell feature"]]) -> Float[Tensor, "cell _"]:
        """How much each neighbourhood counts for each cell."""
        scores = [torch.tanh(part @ self.weight) @ self.vector for part in parts]
        return torch.cat(scores, 1).softmax(1)

    def forward(self, parts: Sequence[Float[Tensor, "cell feature"]]) -> Float[Tensor, "cell _"]:
        """The mean."""
        shares = self.weights(parts).split(1, 1)
        return torch.stack([s * part for s, part in zip(shares, parts, strict=True)]).sum(0)


Joined = Literal["sum", "mean", "concat"]
How = Joined | NeighbourhoodAttention


def combine(
    parts: Sequence[Float[Tensor, "cell _"]], how: How, rank: int
) -> Float[Tensor, "cell _"]:
    """What arrives at a merge node of a rank, as one.

    Raises:
        TopologyError: what is to be added up differs.
    """
    if how == "concat":
        return torch.cat(list(parts), 1)
    # One feature would otherwise be added to every other.
    combined_width([part.shape[1] for part in parts], how, rank)
    if isinstance(how, NeighbourhoodAttention):
        return how(parts)
    found = parts[0]
    for part in parts[1:]:
        found = found + part
    return found / len(parts) if how == "mean" and len(parts) > 1 else found


def combined_width(widths: Sequence[int | None], how: How, rank: int) -> int | None:
    """Features of what arrives at a merge node, as one.

    Raises:
        TopologyError: what is to be added up differs.
    """
    if how == "concat":
        return None if None in widths else sum(each for each in widths if each is not None)
    own = {each for each in widths if each is not None}
    if isinstance(how, NeighbourhoodAttention):
        own.add(len(how.weight))
    if len(own) > 1:
        raise TopologyError(
            f"what arrives at rank {rank} has {', '.join(map(str, sorted(own)))} features, and has "
            "one number of them unless it is put side by side: how='concat'"
        )
    return next(iter(own), None)


@torch.no_grad()
def width_after(beta: Beta, width: int | None, rank: int) -> int | None:
    """Features that a nonlinearity makes of some, tried on two cells.

    Raises:
        TopologyError: it takes no such features, or gives no [cell, feature].
    """
    if width is None:
        return None
    device, dtype = torch.device("cpu"), torch.get_default_dtype()
    if isinstance(beta, nn.Module):
        # What it keeps of what it has seen, such as running means, is not to be touched.
        beta = copy.deepcopy(beta).eval()
        for own in beta.parameters():
            device, dtype = own.device, own.dtype
            break
    try:
        with torch.random.fork_rng(devices=[]):
            found = beta(torch.zeros(2, width, device=device, dtype=dtype))
    except (RuntimeError, ValueError, TypeError) as error:
        line = str(error).splitlines()[0]
        raise TopologyError(
            f"{named(beta)} does not take {width} features of rank {rank}: {line}"
        ) from error
    if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != 2:
        raise TopologyError(f"{named(beta)} makes no [cell, feature] of cells of rank {rank}")
    return found.shape[1]


class Function(nn.Module):
    """A function as a module.

    Args:
        function: of one tensor, or of some.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *x: Tensor) -> Tensor:
        """What the function makes of them."""
        return self.function(*x)

    def extra_repr(self) -> str:
        """What torch prints of it."""
        return named(self.function)


def named(what: object) -> str:
    """What a function or module is called."""
    if isinstance(what, Function):
        return named(what.function)
    name = getattr(what, "__name__", None)
    return type(what).__name__ if name is None else str(name).strip("<>")
