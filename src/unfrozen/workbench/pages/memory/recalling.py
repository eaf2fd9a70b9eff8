"""Recall: a damaged pattern falls into what a memory stores, step by step."""

from typing import TYPE_CHECKING

from unfrozen.errors import MemoryShapeError
from unfrozen.workbench.pages.memory.schemas import (
    DamageIn,
    NetworkIn,
    RecallIn,
    RecallOut,
    StepOut,
)

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from unfrozen.memory.hopfield import HopfieldNetwork

_UPDATES = 60
_REST = 1e-3
_NEAR = 0.1
_SHOWN = 200
"""Steps that are shown; of more, evenly spaced ones."""


def recall(asked: RecallIn) -> RecallOut:
    """The way from a damaged pattern to where it rests.

    Networks of signs change one feature at a time: each step is one that flipped.

    Raises:
        MemoryShapeError: the patterns do not fit each other, or the network.
    """
    import torch

    if len({len(row) for row in asked.patterns}) != 1:
        raise MemoryShapeError("the patterns are of different widths: give all as many features")
    patterns = torch.tensor(asked.patterns)
    if asked.shown >= len(patterns):
        raise MemoryShapeError(f"there is no pattern {asked.shown}: there are {len(patterns)}")
    if asked.start is not None and len(asked.start) != patterns.shape[1]:
        raise MemoryShapeError(
            f"the start has {len(asked.start)} features, the patterns {patterns.shape[1]}"
        )
    signs = asked.network.kind in ("classical", "dense")
    if signs and not bool((patterns.abs() == 1).all()):
        raise MemoryShapeError(
            f"a {asked.network.kind} network stores signs: give patterns of 1 and -1, or choose "
            "a modern one"
        )
    start = (
        damaged(patterns[asked.shown], asked.damage)
        if asked.start is None
        else torch.tensor(asked.start)
    )
    network = _network(asked.network, patterns.shape[1])
    network.write(patterns)
    with torch.no_grad():
        way = network.retrieve(start[None], _UPDATES, trajectory=True)
        assert way.trajectory is not None
        states, updates = way.trajectory[:, 0], list(range(len(way.trajectory)))
        if signs:
            states, updates = _flips(states)
        elif len(states) > 1 and bool(torch.equal(states[-1], states[-2])):
            states, updates = states[:-1], updates[:-1]
        if len(states) > _SHOWN:
            kept = torch.linspace(0, len(states) - 1, _SHOWN).round().long()
            states, updates = states[kept], [updates[int(i)] for i in kept]
        energies = network.energy(states)
        cosines = _unit(states) @ _unit(patterns).T
    nearest = int(cosines[-1].argmax())
    gap = (states[-1] - patterns[nearest]).norm() / patterns[nearest].norm().clamp(min=1e-12)
    steps = [
        StepOut(
            state=[round(x, 4) for x in state],
            energy=energy,
            cosines=[round(x, 4) for x in row],
            update=update,
        )
        for state, energy, row, update in zip(
            states.tolist(), energies.tolist(), cosines.tolist(), updates, strict=True
        )
    ]
    return RecallOut(
        steps=steps,
        converged=bool(way.converged[0]),
        nearest=nearest,
        recalled=float(gap) < _NEAR,
    )


def damaged(pattern: "Float[Tensor, ' d']", damage: DamageIn) -> "Float[Tensor, ' d']":
    """A pattern with some of it gone; the same for the same seed.

    Args:
        pattern: whole.
        damage: what is done to it.

    Raises:
        MemoryShapeError: a share is above one.
    """
    import torch

    if damage.kind != "noise" and damage.amount > 1:
        raise MemoryShapeError(f"a share is from 0 to 1, not {damage.amount}")
    generator = torch.Generator().manual_seed(damage.seed)
    if damage.kind == "noise":
        return pattern + damage.amount * torch.randn(len(pattern), generator=generator)
    hit = torch.randperm(len(pattern), generator=generator)[: round(damage.amount * len(pattern))]
    out = pattern.clone()
    out[hit] = -out[hit] if damage.kind == "flip" else 0.0
    return out


def _network(asked: NetworkIn, width: int) -> "HopfieldNetwork":
    from unfrozen.memory.hopfield import (
        ClassicalHopfield,
        DenseHopfield,
        EpanechnikovHopfield,
        ModernHopfield,
    )

    if asked.kind == "classical":
        return ClassicalHopfield(width, rule=asked.rule)
    if asked.kind == "dense":
        return DenseHopfield(width, degree=asked.degree)
    if asked.kind == "kernel":
        return EpanechnikovHopfield(width, beta=asked.beta, tolerance=_REST)
    return ModernHopfield(width, beta=asked.beta, alpha=asked.alpha, tolerance=_REST)


def _flips(way: "Float[Tensor, 'time d']") -> "tuple[Float[Tensor, 'step d'], list[int]]":
    """Between the states of whole updates, which go through the features in order, every flip."""
    import torch

    states, updates = [way[0]], [0]
    for update in range(1, len(way)):
        now = way[update - 1].clone()
        for feature in (way[update] != now).nonzero().flatten().tolist():
            now[feature] = way[update][feature]
            states.append(now.clone())
            updates.append(update)
    return torch.stack(states), updates


def _unit(rows: "Float[Tensor, 'n d']") -> "Float[Tensor, 'n d']":
    return rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-12)
