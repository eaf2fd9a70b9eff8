"""Habits: what was done last at a place for a goal, and how sure that is."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.agent.states import unit

from unfrozen.agent.memories import Habits
from unfrozen.errors import MemoryShapeError

KEYS = unit(3, 4, 32)
PAIRS = list(itertools.product(range(4), range(4)))


@given(done=st.lists(st.tuples(st.sampled_from(PAIRS), st.integers(0, 3)), max_size=12))
def test_what_was_done_last_at_a_place_for_a_goal_is_done_again(
    done: list[tuple[tuple[int, int], int]],
) -> None:
    habits, last = Habits(32, 4), dict[tuple[int, int], int]()
    for time, ((place, goal), action) in enumerate(done):
        habits.form(KEYS[place], KEYS[goal], action, time=time)
        last[place, goal] = action
    for place, goal in PAIRS:
        found = habits.recall(KEYS[place], KEYS[goal])
        if (place, goal) in last:
            assert found.action == last[place, goal]
            assert found.confidence > 0.9
        else:
            assert found.confidence < 1e-6
    assert habits.bytes == len(done) * 8 * (64 + 4 + 2 + 1)


def test_of_habits_that_disagree_the_later_one_is_followed() -> None:
    habits = Habits(32, 4)
    one = habits.form(KEYS[0], KEYS[1], 2, time=0)
    other = habits.form(KEYS[0], KEYS[1], 3, time=0)
    found = habits.recall(KEYS[0], KEYS[1])
    # A write apart, at a quarter of a write a half-life: 16 to 1.
    assert found.action == 3
    assert found.confidence == pytest.approx(16 / 17 * 2 / 2.01)
    assert found.ids == (other,)
    habits.forget(found.ids)
    assert habits.recall(KEYS[0], KEYS[1])[::2] == (2, (one,))
    habits.forget((one,))
    assert habits.recall(KEYS[0], KEYS[1]) == (0, 0.0, ())


def test_forgetting_nothing_is_nothing_and_what_is_gone_cannot_go_again() -> None:
    habits = Habits(32, 4)
    habits.forget(())
    one = habits.form(KEYS[0], KEYS[1], 2, time=0)
    habits.forget((one,))
    with pytest.raises(MemoryShapeError):
        habits.forget((one,))


def test_an_action_that_does_not_exist_is_refused() -> None:
    with pytest.raises(RuntimeError):
        Habits(32, 4).form(KEYS[0], KEYS[1], 4, time=0)
