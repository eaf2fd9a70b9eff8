"""Lives as evidence: what the paper of the whole agent measures, on small lives."""

import pytest

from unfrozen.agent.living.life import LifeSettings, Lived
from unfrozen.papers import ami
from unfrozen.papers.ami import rooms, town
from unfrozen.world.environments.town.changes import ScheduleSettings

LIFE = LifeSettings(seed=3, schedule=ScheduleSettings(changes=1, every=4))


def lived(number: int, phase: int, success: bool) -> Lived:
    return Lived(number, phase, "", "", success, 10, 8, 0.1, 1000, 0)


def life(before: int, first: bool, later: int) -> list[Lived]:
    """Five errands of which `before` are done, then five: the first three, and two `later`."""
    told = [k < before for k in range(5)] + [first] * 3 + [k < later for k in range(2)]
    return [lived(k, k // 5, success) for k, success in enumerate(told)]


def test_recovery_is_what_is_done_from_the_fourth_errand_on_as_a_share_of_before() -> None:
    assert town.recovered([life(5, False, 2)]) == 1
    assert town.recovered([life(4, True, 1)]) == pytest.approx(0.5 / 0.8)


def test_claims_hold_only_in_full_runs_whose_every_life_recovers() -> None:
    size = ami._BUDGETS["full"]
    arms = {"plastic": [life(5, True, 2)], "frozen": [life(5, False, 0)]}
    recovery, retention = ami._town_claims(arms, size, full=True)
    assert recovery.holds
    assert retention.holds
    assert "frozen 0.00" in recovery.note
    assert not any(claim.holds for claim in ami._town_claims(arms, size, full=False))
    worse = {**arms, "plastic": [life(5, True, 2), life(5, True, 1)]}
    assert not ami._town_claims(worse, size, full=True)[0].holds


def test_mode_1_is_compared_with_the_planner_seed_by_seed() -> None:
    good = {"mode_2": 1.0, "mode_1": 0.95, "ms_2": 100.0, "ms_1": 1.0}
    slow, weak = {**good, "ms_1": 10.0}, {**good, "mode_1": 0.8}
    assert ami._mode_claim([good, good], True).holds
    assert not ami._mode_claim([good, slow], True).holds
    assert not ami._mode_claim([good, weak], True).holds


def test_what_is_cited_counts_in_every_life_and_beside_its_control() -> None:
    good = {"cited": 20, "changed": 19, "controls": 20, "control_changed": 1}
    none = {"cited": 20, "changed": 20, "controls": 0, "control_changed": 0}
    held = ami._cited_claim([good, none], True)
    assert held.holds
    assert held.value == pytest.approx(0.975)
    assert not ami._cited_claim([good, {**good, "changed": 17}], True).holds
    assert not ami._cited_claim([good, {**good, "control_changed": 2}], True).holds
    # Without a control it is not known whether anything that is forgotten would do.
    assert not ami._cited_claim([none], True).holds
    assert not ami._cited_claim([good], False).holds


def test_a_town_is_explored_faster_than_by_chance_in_every_seed() -> None:
    good, poor = ({"agent": n, "walk": 40, "steps": 100} for n in (80, 50))
    assert ami._explored_claim([good, good], True).value == 2
    assert ami._explored_claim([good, good], True).holds
    assert not ami._explored_claim([good, poor], True).holds


def test_one_episode_may_be_lost_after_a_swap_and_no_more() -> None:
    one = {"plastic": [[True] * 5 + [False] + [True] * 4], "frozen": [[False] * 10]}
    two = {**one, "plastic": [[True] * 5 + [False, False] + [True] * 3]}
    assert rooms.after_swap(one["plastic"], 5) == (1.0, 1)
    assert ami._lock_claim([{"arms": one}], True).holds
    assert not ami._lock_claim([{"arms": one}, {"arms": two}], True).holds


def test_a_life_of_an_arm_is_told_as_json_and_back() -> None:
    done = list[int]()
    found = town.lived("plastic", LIFE, done.append)
    (back,) = town.as_lives([found])
    assert [one.number for one in back] == list(range(8))
    assert done == list(range(1, 9))
    assert all(one.success for one in back)


def test_what_is_cited_matters_and_the_rest_does_not() -> None:
    found = town.cited(LIFE, 6)
    assert found["cited"] >= 5
    assert found["changed"] / found["cited"] > 0.8
    assert found["control_changed"] / found["controls"] < 0.2


def test_what_is_new_on_the_map_is_seen_sooner_than_by_chance() -> None:
    found = town.explored(LIFE, 120)
    assert found["agent"] > 1.3 * found["walk"]
    assert found["steps"] <= 120


def test_floors_know_the_way_or_not() -> None:
    assert town.floor("oracle", LIFE) == 1
    assert town.floor("random", LIFE) < 0.7
