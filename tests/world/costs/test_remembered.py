"""Penalties and novelty from stored things, by brute force; and what deleting them does."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree

from unfrozen.errors import WorldError
from unfrozen.memory import HebbianMemory
from unfrozen.world.costs import Memory, Novelty, Slots, TotalCost

F64 = torch.float64


@pytest.fixture
def futures():
    g = torch.Generator().manual_seed(5)
    return torch.randn(4, 6, 3, generator=g, dtype=F64), torch.randn(
        4, 6, 2, generator=g, dtype=F64
    )


def slots(width, seed=6, n=20):
    g = torch.Generator().manual_seed(seed)
    keys = torch.randn(n, width, generator=g, dtype=F64)
    # Two rows of slot 3, as a memory has them that took two pairs in one write.
    return Slots(keys, torch.rand(n, generator=g, dtype=F64), (3, 3, *range(10, 8 + n)))


def test_penalties_are_kernel_sums(futures):
    states, actions = futures
    start = torch.zeros(2, 3, dtype=F64)
    before = torch.cat([torch.zeros(4, 1, 3, dtype=F64), states[:, :-1]], 1)
    queries = {"place": states, "step": torch.cat([before, states], 2),
               "action": torch.cat([before, actions], 2)}  # fmt: skip
    for of, query in queries.items():
        stored = slots(query.shape[2])
        found = Memory(stored, width=0.9, of=of, start=start)(states, actions)
        for row in range(4):
            for t in range(6):
                expected = sum(
                    float(s) * math.exp(-float((query[row, t] - k).square().sum()) / (2 * 0.9**2))
                    for k, s in zip(stored.keys, stored.strengths, strict=True)
                )
                assert float(found[row, t]) == pytest.approx(expected, rel=1e-9)


def test_to_delete_a_cited_slot_takes_its_share_away(futures):
    states, actions = futures
    stored = slots(3)
    cost = TotalCost((Memory(stored, width=1.0, weight=3.0),))
    before = cost(states, actions)
    for row, (told,) in enumerate(cost.attribute(states, actions, most=30)):
        assert {s.id for s in told.sources} == set(stored.ids)
        for source in (told.sources[0], told.sources[-1]):
            left = TotalCost((Memory(stored.without(source.id), width=1.0, weight=3.0),))
            after = left(states, actions)[row]
            assert float(before[row] - after) == pytest.approx(source.share, rel=1e-9)


def test_novelty_is_that_of_the_nearest(futures):
    states, actions = futures
    stored = slots(3)
    term = Novelty(stored, k=3, least=1e-3)
    far, _ = KDTree(stored.keys.numpy()).query(states.numpy().reshape(-1, 3), k=3)
    expected = -np.log(far + 1e-3).mean(1).reshape(4, 6)
    np.testing.assert_allclose(term(states, actions).numpy(), expected, rtol=1e-9)
    # What is cited and deleted is known less: the value falls, to that of the memory without it.
    for row, (told,) in enumerate(TotalCost((term,)).attribute(states, actions)):
        gone = max((s for s in told.sources if s.id != "others"), key=lambda s: s.share).id
        left = Novelty(stored.without(gone), k=3, least=1e-3)(states, actions)[row].sum()
        assert float(left) < float(term(states, actions)[row].sum())


def test_novelty_prefers_what_is_far():
    seen = Slots(torch.zeros(1, 1), torch.ones(1), (0,))
    ways = torch.tensor([[[0.0]], [[0.1]], [[5.0]]])
    found = Novelty(seen)(ways, ways)[:, 0]
    assert bool((found.diff() < 0).all())
    assert bool(found.isfinite().all())


def test_slots_of_a_memory_are_its_writes(futures):
    states, actions = futures
    memory = HebbianMemory(3, 1)
    first = memory.write(torch.randn(2, 3, generator=torch.Generator().manual_seed(0)),
                         torch.full((2, 1), 2.0))  # fmt: skip
    second = memory.write(torch.zeros(1, 3), torch.full((1, 1), 4.0))
    states, actions = states.float(), actions.float()

    def cost():
        return TotalCost((Memory(Slots.of(memory), width=1.0),))

    told = cost().attribute(states, actions)[0][0]
    assert {s.id for s in told.sources} == {first, second}
    before = float(cost()(states, actions)[0])
    share = next(s.share for s in told.sources if s.id == first)
    memory.forget(first)
    assert before - float(cost()(states, actions)[0]) == pytest.approx(share, rel=1e-5)
    memory.forget(second)
    assert float(cost()(states, actions).abs().max()) == 0
    assert float(TotalCost((Novelty(Slots.of(memory)),))(states, actions).abs().max()) == 0
    assert cost().attribute(states, actions)[0][0].sources == ()


def test_slots_that_do_not_fit_are_refused(futures, unchecked):
    states, actions = futures
    with pytest.raises(WorldError, match="one strength and one id"):
        Slots(torch.zeros(2, 3), torch.zeros(2), (1,))
    with pytest.raises(WorldError, match="no slot 99"):
        slots(3).without(99)
    with pytest.raises(WorldError, match="need to know where plans start"):
        Memory(slots(3), width=1.0, of="step")
    with pytest.raises(WorldError, match="keys of width 4"):
        Memory(slots(4), width=1.0)(states, actions)
    with pytest.raises(WorldError, match="positive"):
        Memory(slots(3), width=0.0)
    with pytest.raises(WorldError, match="at least one neighbour"):
        Novelty(slots(3), k=0)
    with pytest.raises(WorldError, match="has width 2"):
        Novelty(slots(2))(states, actions)
