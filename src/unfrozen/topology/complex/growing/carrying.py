"""What is known of cells, carried from a snapshot of a growing complex to a later one by ids."""

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64, Shaped
from torch import Tensor, nn
from torch.optim import Optimizer, SparseAdam

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex

Fill = Callable[[Int64[np.ndarray, " new"]], Shaped[Tensor, "new ..."]]


def carry(
    rows: Shaped[Tensor, "before ..."],
    rank: int,
    before: Complex,
    after: Complex,
    *,
    fill: Fill | None = None,
) -> Shaped[Tensor, "after ..."]:
    """A row for each cell of the later complex: that of the same cell before, or a new one.

    Gradients go through to the rows that are kept.

    Args:
        rows: of a cochain, or of whatever has one for each cell of the rank.
        rank: of the cells.
        before: the complex that the rows are of.
        after: another whose ids are of the same count, such as a later snapshot.
        fill: rows of the new cells, given their ids; zeros by default.

    Raises:
        TopologyError: there is not a row for each cell before, or the new ones do not fit.

    Example:
        >>> before = Complex({1: [[0, 1], [1, 2]]})
        >>> after = before.with_cells(1, [[0, 2]]).restricted({1: np.array([2, 1])})
        >>> carry(torch.tensor([[1.0], [2.0]]), 1, before, after)
        tensor([[0.],
                [2.]])
    """
    places, new = _places(rank, before, after)
    if len(rows) != before.n_cells(rank):
        raise TopologyError(
            f"{len(rows)} rows are not one for each of {before.n_cells(rank)} cells of rank {rank}"
        )
    fresh = rows.new_zeros(len(new), *rows.shape[1:]) if fill is None else fill(new)
    if fresh.shape != (len(new), *rows.shape[1:]):
        raise TopologyError(
            f"rows of new cells are {[len(new), *rows.shape[1:]]}, not {list(fresh.shape)}"
        )
    return torch.cat([rows, fresh.to(rows)])[torch.from_numpy(places).to(rows.device)]


def _places(
    rank: int, before: Complex, after: Complex
) -> tuple[Int64[np.ndarray, " after"], Int64[np.ndarray, " new"]]:
    """Where each cell was, those of new cells counted on; and the ids of these."""
    none = np.zeros(0, np.int64)
    old, now = before.ids.get(rank, none), after.ids.get(rank, none)
    order = np.argsort(old)
    at = np.searchsorted(old[order], now)
    found = at < len(old)
    found[found] = old[order][at[found]] == now[found]
    places = np.zeros(len(now), np.int64)
    places[found] = order[at[found]]
    places[~found] = len(old) + np.arange(int((~found).sum()))
    return places, now[~found]


def carry_parameter(
    parameter: nn.Parameter,
    rank: int,
    before: Complex,
    after: Complex,
    *,
    optimizer: Optimizer | None = None,
    fill: Fill | None = None,
) -> nn.Parameter:
    """A parameter of one row a cell for the later complex, and the optimizer's state with it.

    The optimizer goes on with the new parameter in the place of the old.  What it knows of cells
    that stay is as it was, such as Adam's moments; what it counts for the parameter as a whole,
    such as Adam's steps, goes on; of new cells it knows what it knows before a first step.

    Args:
        parameter: such as the weight of an embedding of cells.
        rank: of the cells.
        before: the complex that the parameter is of.
        after: a later one.
        optimizer: of the parameter, where there is one.
        fill: rows of the new cells, given their ids; zeros by default.

    Returns:
        The new parameter, to be put where the old was: `embedding.weight = ...`.

    Raises:
        TopologyError: rows do not fit, the optimizer has not the parameter, or keeps of it what
            has not one entry for each of its own; nothing is changed.
    """
    with torch.no_grad():
        rows = carry(parameter.detach(), rank, before, after, fill=fill)
    grown = nn.Parameter(rows, requires_grad=parameter.requires_grad)
    if optimizer is None:
        return grown
    group = next(
        (g for g in optimizer.param_groups if any(p is parameter for p in g["params"])), None
    )
    if group is None:
        raise TopologyError("the optimizer has no such parameter")
    state = optimizer.state.get(parameter, {})
    for name, value in state.items():
        if isinstance(value, Tensor) and value.ndim and value.shape != parameter.shape:
            raise TopologyError(
                f"{type(optimizer).__name__} keeps {name} of {list(value.shape)} for a parameter "
                f"of {list(parameter.shape)}: which cells it is of is not known, so it cannot be "
                "carried"
            )
    _, new = _places(rank, before, after)
    initial = _initial(optimizer, group, rows.new_zeros(len(new), *rows.shape[1:])) if state else {}
    carried = {
        name: carry(value, rank, before, after, fill=lambda _, name=name: initial[name])
        if isinstance(value, Tensor) and value.ndim
        else value
        for name, value in state.items()
    }
    group["params"] = [grown if p is parameter else p for p in group["params"]]
    optimizer.state.pop(parameter, None)
    if carried:
        optimizer.state[grown] = carried
    return grown


def _initial(optimizer: Optimizer, group: dict[str, Any], rows: Tensor) -> dict[str, Any]:
    """What the optimizer knows of rows that have had no gradient yet.

    Not always zeros: Rprop begins with a step size, Adagrad with a sum of its own.  So another of
    its kind is asked, after a step along no gradient.
    """
    seed = nn.Parameter(rows.clone())
    seed.grad = torch.zeros_like(rows)
    if isinstance(optimizer, SparseAdam):
        seed.grad = seed.grad.to_sparse(1)
    settings = {name: value for name, value in group.items() if name != "params"}
    # Some are read when an optimizer is made, and not from the group.
    asked = signature(type(optimizer)).parameters
    named = {name: value for name, value in settings.items() if name in asked}
    try:
        kind: Any = type(optimizer)  # whose settings are in the group
        other = kind([{**settings, "params": [seed]}], **named)
        other.step()
    except (TypeError, ValueError, RuntimeError) as error:
        raise TopologyError(
            f"{type(optimizer).__name__} does not say how it begins with new cells: {error}"
        ) from error
    return dict(other.state[seed])
