"""Blocked steps: where, which, when, and until when."""

import itertools
import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.agent.states import unit

from unfrozen.agent.memories import StepMemory
from unfrozen.agent.memories.steps import STRENGTH, Step

KEYS = unit(0, 3, 32)
ALL = list(itertools.product(range(3), range(4)))


def asked(memory: StepMemory) -> tuple[list[float], list[float]]:
    """When each step was last blocked, and last open."""
    rows = torch.tensor([place for place, _ in ALL])
    found = memory.evidence(KEYS[rows], torch.tensor([action for _, action in ALL]))
    return found.held.tolist(), found.denied.tolist()


@given(
    events=st.lists(st.tuples(st.sampled_from(ALL), st.booleans(), st.integers(0, 9)), max_size=12)
)
def test_every_step_has_the_evidence_of_itself_alone(
    events: list[tuple[tuple[int, int], bool, int]],
) -> None:
    memory = StepMemory(32, 4)
    held, denied = dict.fromkeys(ALL, -math.inf), dict.fromkeys(ALL, -math.inf)
    for (place, action), shut, time in events:
        written = memory.blocked if shut else memory.opened
        written((Step(KEYS[place], action),), time=time)
        which = held if shut else denied
        which[place, action] = max(which[place, action], time)
    assert asked(memory) == (list(held.values()), list(denied.values()))
    assert memory.written == bool(events)
    assert memory.bytes == len(events) * 8 * (32 + 4 + 1 + 2 + 1)


def test_both_sides_of_a_step_are_written_at_once() -> None:
    memory = StepMemory(32, 4)
    ids = memory.blocked((Step(KEYS[0], 1), Step(KEYS[2], 3)), time=5)
    found = memory.evidence(KEYS[[0, 2, 1]], torch.tensor([1, 3, 1]))
    assert found.source.tolist() == [*ids, -1]
    assert found.strength.tolist() == [STRENGTH, STRENGTH, 0.0]


def test_a_place_that_is_nearly_the_same_is_the_same() -> None:
    memory = StepMemory(32, 4)
    memory.blocked((Step(KEYS[0], 1),), time=0)
    near, far = KEYS[0] + 0.005 * unit(1, 32), KEYS[0] + 0.2 * unit(1, 32)
    found = memory.evidence(torch.stack([near, far]), torch.tensor([1, 1]))
    assert found.held.isfinite().tolist() == [True, False]


def test_no_two_contents_have_one_version() -> None:
    memory, seen = StepMemory(32, 4), list[int]()
    seen.append(memory.version)
    for place in range(3):
        memory.blocked((Step(KEYS[place], 0), Step(KEYS[place], 2)), time=place)
        seen.append(memory.version)
    for ids in ((0,), (2, 3)):
        memory.slots.forget(ids)
        seen.append(memory.version)
    memory.opened((Step(KEYS[0], 0),), time=9)
    seen.append(memory.version)
    assert len(set(seen)) == len(seen)
