"""How many steps a second does each environment take on one core, beside those of others?"""

from collections.abc import Callable
from time import process_time
from typing import Any

import torch

from unfrozen.errors import WorldError
from unfrozen.world.environments import (
    ENVIRONMENTS,
    RoomTrajectories,
    collect,
    evaluate,
    make,
)

QUESTION = "steps of environments a second of one core, one and by the batch, beside others"
PEERS = ("CartPole-v1", "MountainCarContinuous-v0", "MiniGrid-FourRooms-v0")
COPIES, SECONDS, ROUNDS = 1024, 0.5, 3


def run() -> dict[str, float]:
    """Step each by actions drawn beforehand; the fastest of some rounds counts."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = _peers()
        for name in ENVIRONMENTS:
            found |= _ours(name)
        # Of comparable kind: places and sights, and points in a plane without images.
        for ours, peer in (
            ("town", "MiniGrid-FourRooms-v0"),
            ("two-rooms without images", "MountainCarContinuous-v0"),
        ):
            for kind in ("one", "batch"):
                if f"{peer}, {kind}" in found:
                    ratio = found[f"{ours}, {kind}"] / found[f"{peer}, {kind}"]
                    found[f"{ours}, times {peer}, {kind}"] = ratio
        return found | _learning()
    finally:
        torch.set_num_threads(threads)


def _ours(name: str) -> dict[str, float]:
    """With what is seen; images drawn at every step where there are any."""
    found = {f"{name}, one": _one(make(name)), f"{name}, batch": _batch(make(name, COPIES))}
    if name != "town":
        bare = f"{name} without images"
        found[f"{bare}, one"] = _one(make(name, observe="position"))
        found[f"{bare}, batch"] = _batch(make(name, COPIES, observe="position"))
    return found


def _peers() -> dict[str, float]:
    found: dict[str, float] = {}
    for name in PEERS:
        try:
            one = make(name)
        except WorldError:
            # Not installed: there is nothing to be measured against.
            continue
        found[f"{name}, one"] = _one(one)
        found[f"{name}, batch"] = _batch(make(name, 64))
    return found


def _one(env: Any) -> float:
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(64)]

    def steps() -> int:
        env.reset(seed=0)
        done = 0
        for action in actions:
            done += 1
            _, _, ended, cut, _ = env.step(action)
            if ended or cut:
                break
        return done

    return _rate(steps)


def _batch(env: Any) -> float:
    """Resets are counted: those of copies whose episode is over, as evaluation does them."""
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(16)]
    env.reset(seed=0)

    def steps() -> int:
        for action in actions:
            _, _, ended, cut, _ = env.step(action)
            over = ended | cut
            if over.any():
                env.reset(options={"reset_mask": over})
        return len(actions) * env.num_envs

    return _rate(steps)


def _learning() -> dict[str, float]:
    """What learning asks for: trajectories, images of windows, and scores of floors."""
    rooms = make("two-rooms", COPIES, observe="position")
    data = collect(rooms, "persistent", COPIES, 100)
    assert isinstance(data, RoomTrajectories)
    generator = torch.Generator().manual_seed(0)
    return {
        "collected steps": _rate(lambda: len(collect(rooms, "persistent", COPIES, 100)) * 100),
        "images of windows drawn": _rate(
            lambda: data.sample(64, 17, generator).images.shape[0] * 17
        ),
        "episodes of the oracle in two rooms": _rate(
            lambda: len(evaluate(rooms, "oracle", COPIES).end)
        ),
    }


def _rate(work: Callable[[], int]) -> float:
    """Units of work a second of processor: of the fastest round."""
    work()
    best = 0.0
    for _ in range(ROUNDS):
        began, done = process_time(), 0
        while (spent := process_time() - began) < SECONDS:
            done += work()
        best = max(best, done / spent)
    return best
