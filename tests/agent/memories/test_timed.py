"""Slots with a time, against plain numpy and against what the slope of order promises."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.agent.states import softmax

from unfrozen.agent.memories import Evidence, TimedMemory
from unfrozen.errors import AgentError, MemoryShapeError

BETA, HALF_LIFE = 3.0, 4.0


def filled(seed: int, n: int = 12, shift: int = 0) -> tuple[TimedMemory, dict[str, np.ndarray]]:
    """A memory of random slots, and the same as arrays."""
    rng = np.random.default_rng(seed)
    slots = {
        "keys": rng.standard_normal((n, 3)),
        "values": rng.standard_normal((n, 2)),
        "strengths": rng.choice([-1.0, 0.5, 3.0], n),
        "times": np.sort(rng.integers(0, 100, n)) + shift,
    }
    memory = TimedMemory(3, 2, beta=BETA, half_life=HALF_LIFE)
    for key, value, strength, time in zip(*slots.values(), strict=True):
        memory.write(
            torch.from_numpy(key), torch.from_numpy(value), time=int(time), strength=float(strength)
        )
    return memory, slots


@given(seed=st.integers(0, 1000))
def test_recall_is_a_softmax_of_nearness_and_order(seed: int) -> None:
    memory, slots = filled(seed)
    queries = np.random.default_rng(seed + 1).standard_normal((5, 3))
    found = memory.recall(torch.from_numpy(queries))
    far = ((queries[:, None] - slots["keys"]) ** 2).sum(-1)
    like = -BETA * far / 2
    weights = softmax(like + np.arange(12) * math.log(2) / HALF_LIFE)
    np.testing.assert_allclose(found.weights, weights, atol=1e-12)
    value = (weights * slots["strengths"]) @ slots["values"]
    np.testing.assert_allclose(found.value, value, atol=1e-12)
    total = np.exp(like).sum(-1)
    np.testing.assert_allclose(found.confidence, total / (0.01 + total), atol=1e-12)
    assert found.ids == tuple(range(12))


@given(seed=st.integers(0, 1000), shift=st.integers(-50, 10**8))
def test_order_counts_and_time_does_not(seed: int, shift: int) -> None:
    memory, _ = filled(seed)
    later, _ = filled(seed, shift=shift)
    queries = torch.from_numpy(np.random.default_rng(seed).standard_normal((4, 3)))
    one, other = memory.recall(queries), later.recall(queries)
    assert torch.equal(one.weights, other.weights)
    assert torch.equal(one.confidence, other.confidence)


def test_of_one_key_each_half_life_halves_what_an_older_slot_weighs() -> None:
    memory = TimedMemory(2, 1, half_life=2.0)
    key = torch.tensor([0.6, 0.8])
    for number in range(5):
        memory.write(key, torch.tensor([float(number)]), time=7)
    weights = memory.recall(key[None]).weights[0].numpy()
    expected = 2.0 ** (-(4 - np.arange(5)) / 2)
    np.testing.assert_allclose(weights, expected / expected.sum(), atol=1e-12)


@given(signs=st.lists(st.booleans(), min_size=1, max_size=12))
def test_the_latest_word_outweighs_all_before_it(signs: list[bool]) -> None:
    memory, key = TimedMemory(2, 1), torch.tensor([0.6, 0.8])
    for sign in signs:
        memory.write(key, torch.ones(1), time=3, strength=1.0 if sign else -1.0)
    assert (float(memory.recall(key[None]).value) > 0) == signs[-1]


def test_another_key_does_not_win_by_being_newer_until_it_is_much_newer() -> None:
    key, other = torch.tensor([1.0, 0.0]), torch.tensor([0.8, 0.6])
    beta, half_life = 40.0, 5.0
    limit = beta * half_life * float((key - other).square().sum()) / (2 * math.log(2))
    third = torch.tensor([-1.0, 0.0])
    for lead, wins in ((0.95, False), (1.05, True)):
        memory = TimedMemory(2, 1, beta=beta, half_life=half_life)
        memory.write(key, torch.tensor([1.0]), time=0)
        for _ in range(round(limit * lead) - 1):
            memory.write(third, torch.tensor([0.0]), time=0)
        memory.write(other, torch.tensor([2.0]), time=0)
        assert (float(memory.recall(key[None]).value) > 1.5) == wins


def test_what_is_like_nothing_stored_has_no_confidence() -> None:
    memory = TimedMemory(2, 1)
    memory.write(torch.tensor([1.0, 0.0]), torch.ones(1), time=0)
    found = memory.recall(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    assert float(found.confidence[0]) == pytest.approx(1 / 1.01)
    assert float(found.confidence[1]) < 1e-9


@given(seed=st.integers(0, 1000))
def test_evidence_is_the_latest_slot_for_and_against(seed: int) -> None:
    # Few keys, so that many slots speak of one thing; times that are sometimes the same.
    rng = np.random.default_rng(seed)
    memory = TimedMemory(2, 1)
    keys = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    written = []
    for number in range(10):
        which, time = int(rng.integers(3)), int(rng.integers(5))
        strength = float(rng.choice([-2.0, 1.0, 3.0]))
        memory.write(torch.from_numpy(keys[which]), torch.ones(1), time=time, strength=strength)
        written.append((which, time, number, strength))
    found = memory.evidence(torch.from_numpy(keys))
    for which in range(4):
        of = [slot[1:] for slot in written if slot[0] == which]
        held = max((slot for slot in of if slot[2] > 0), default=(-math.inf, -1, 0.0))
        denied = max((slot[0] for slot in of if slot[2] < 0), default=-math.inf)
        assert (float(found.held[which]), int(found.source[which])) == held[:2]
        assert float(found.strength[which]) == held[2]
        assert float(found.denied[which]) == denied


def test_an_empty_memory_answers_nothing() -> None:
    memory = TimedMemory(3, 2)
    found = memory.recall(torch.zeros(4, 3))
    assert found.value.shape == (4, 2)
    assert not found.value.any()
    assert found.weights.shape == (4, 0)
    assert not found.confidence.any()
    assert memory.bytes == len(memory) == 0
    nothing: Evidence = memory.evidence(torch.zeros(4, 3))
    assert nothing.source.tolist() == [-1] * 4
    assert nothing.held.isneginf().all()
    assert nothing.denied.isneginf().all()


def test_what_is_forgotten_is_as_though_it_had_not_been_written() -> None:
    memory, _ = filled(0)
    memory.forget((3, 7))
    assert memory.ids == (0, 1, 2, 4, 5, 6, 8, 9, 10, 11)
    fresh = TimedMemory(3, 2, beta=BETA, half_life=HALF_LIFE)
    fresh.load(memory.rows(), memory.next_id)
    queries = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    for one, other in zip(memory.recall(queries), fresh.recall(queries), strict=True):
        assert one == other if isinstance(one, tuple) else torch.equal(one, other)
    # Numbers are not given twice.
    assert fresh.write(torch.zeros(3), torch.zeros(2), time=0) == 12
    with pytest.raises(MemoryShapeError):
        memory.forget(3)


def test_rows_begin_with_a_number_and_are_copies() -> None:
    memory, slots = filled(1)
    rows = memory.rows(9)
    assert rows["ids"].tolist() == [9, 10, 11]
    np.testing.assert_array_equal(rows["keys"], slots["keys"][9:])
    rows["keys"].zero_()
    np.testing.assert_array_equal(memory.rows(9)["keys"], slots["keys"][9:])
    assert memory.bytes == 12 * 8 * (3 + 2 + 2 + 1)


@pytest.mark.parametrize("half_life", [0.0, -1.0, math.inf, math.nan])
def test_a_half_life_that_is_none_is_refused(half_life: float) -> None:
    with pytest.raises(AgentError, match="positive half-life"):
        TimedMemory(2, 2, half_life=half_life)
