"""Claims of world models: what each needs to hold."""

from typing import Any

import torch

from unfrozen.papers import jepa
from unfrozen.papers.jepa import rooms
from unfrozen.world.jepa import Jepa, JepaSettings

FLOORS = {name: {"greedy": 0.4} for name in ("two-rooms", "two-rooms-random", "snake")}


def one(end: float, through: float = 1.0) -> dict[str, Any]:
    success = {"end": end, "ever": end}
    return {"success": success, "through_walls": through, "steps": 1500, "flat": success,
            "landmarks": success}  # fmt: skip


def claims(fixed: list[float], drawn: tuple[float, float], snake: float, full: bool = True) -> Any:
    found = {f"sigreg, seed {k}": one(end) for k, end in enumerate(fixed)}
    found |= {"vicreg, seed 0": one(0.9), "ema, seed 0": one(0.0)}
    return jepa._claims(
        found, {"seed 0": one(*drawn)}, {"seed 0": one(snake)}, FLOORS, 1e5, full
    )  # fmt: skip


def test_every_seed_has_to_reach_the_other_room() -> None:
    assert claims([0.98, 1.0], (0.9, 0.01), 1.0)[0].holds
    assert not claims([0.95, 1.0], (0.9, 0.01), 1.0)[0].holds
    assert not claims([0.98, 1.0], (0.9, 0.01), 1.0, full=False)[0].holds


def test_success_with_walls_that_are_walked_through_does_not_hold() -> None:
    assert claims([1.0], (0.9, 0.01), 1.0)[1].holds
    assert not claims([1.0], (0.9, 0.5), 1.0)[1].holds
    assert not claims([1.0], (0.8, 0.01), 1.0)[1].holds


def test_a_detour_is_found_nearly_always_or_not() -> None:
    assert claims([1.0], (0.9, 0.01), 0.98)[2].holds
    assert not claims([1.0], (0.9, 0.01), 0.97)[2].holds


def test_nothing_holds_but_in_the_full_run() -> None:
    assert all(claim.holds for claim in claims([1.0], (0.9, 0.01), 1.0))
    assert not any(claim.holds for claim in claims([1.0], (0.9, 0.01), 1.0, full=False))


def test_rollouts_are_counted_on_one_core() -> None:
    threads = torch.get_num_threads()
    small = Jepa(JepaSettings((2, 33, 33), actions=2, width=4, hidden=8)).eval()
    large = Jepa(JepaSettings((2, 33, 33), actions=2, width=256, hidden=1024)).eval()
    assert rooms.rollouts(small, times=5) > 2 * rooms.rollouts(large, times=5)
    assert torch.get_num_threads() == threads


def test_floors_of_rooms_are_told() -> None:
    found = rooms.floors("two-rooms", 8, 0)
    assert found["oracle"] == 1
    assert found["random"] < 0.5
