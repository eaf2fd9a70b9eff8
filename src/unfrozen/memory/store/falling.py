"""Letting states fall among stored patterns: a modern Hopfield network over a store."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.hopfield.network import MAX_STEPS, Retrieval
from unfrozen.memory.store.base import PatternStore
from unfrozen.memory.store.reading import checked_queries, read


@torch.no_grad()
def fall(
    store: PatternStore,
    queries: Float[Tensor, "b key"],
    beta: float,
    steps: int | None = None,
    *,
    near: float = 1e-5,
) -> Retrieval:
    """Update states until they rest, and keep the way and its energies.

    Args:
        store: auto-associative, with something in it.
        queries: where the states start, one a row.
        beta: inverse temperature.
        steps: updates at most; None to go on until all rest.
        near: a state rests when it moves by less than this share of the longest pattern's norm.

    Raises:
        MemoryShapeError: the store is empty or has values of its own, the queries have another
            width, or a number makes no sense.

    Source: Ramsauer et al. 2021, equations 2 and 3.
    """
    states = checked_queries(store, queries, beta)
    if store.own_values or len(store) == 0:
        raise MemoryShapeError("states fall in a store that keeps keys alone and is not empty")
    if steps is not None and steps < 0:
        raise MemoryShapeError(f"states fall for no or more steps, not {steps}")
    constant = math.log(len(store)) / beta + store.longest**2 / 2
    counts = torch.zeros(len(states), dtype=torch.int64, device=states.device)
    moving = torch.ones_like(counts, dtype=torch.bool)
    way, energies = [states], []
    for step in range((MAX_STEPS if steps is None else steps) + 1):
        found = read(store, states, beta)
        # The weights' logarithm is the energy's: one reading gives both.
        energies.append((states * states).sum(1) / 2 - found.log_sum_exp / beta + constant)
        if step == (MAX_STEPS if steps is None else steps) or not bool(moving.any()):
            break
        moved = torch.where(moving[:, None], found.values, states)
        counts = counts + moving
        moving = moving & ((moved - states).norm(dim=1) > near * store.longest)
        states = moved
        way.append(states)
    return Retrieval(states, counts, ~moving, torch.stack(way), torch.stack(energies))
