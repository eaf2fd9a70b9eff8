"""What needs no learning: the policies that a learner is measured against.

The floor of chance (random, and random with a heading), what goes straight at the goal, and an
oracle that knows the world.  The last two read `truth`, which no agent may, and so does the
walk with a heading in rooms, for whether it bumped, which `info` tells as well.
"""

import copy
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import VectorEnv
from jaxtyping import Bool, Float, Int

from unfrozen.errors import WorldError
from unfrozen.world.environments.batched import Batched, Observation
from unfrozen.world.environments.rooms.pushing import CONTACT
from unfrozen.world.environments.rooms.shortest import guides, ways
from unfrozen.world.environments.rooms.walking import RoomsTruth
from unfrozen.world.environments.town.living import TownTruth

Policy = Callable[[Observation, Bool[np.ndarray, " n"]], Any]
"""Actions of n copies, by what they see and by which of them have just begun an episode."""

TURN = 0.9
"""Standard deviation of turns of the persistent walk, in radians a step."""
STRAIGHT = 0.8
"""Chance with which the persistent walk in a town goes on as before."""


def floor(name: str, env: VectorEnv[Any, Any, Any], seed: int = 0) -> Policy:
    """A floor by its name.

    Args:
        name: random, persistent, greedy or oracle.
        env: n copies of an environment; all but random know ours only.
        seed: of what it draws.

    Raises:
        WorldError: there is no such floor, or none of this environment.
    """
    if name not in FLOORS:
        raise WorldError(f"there is no floor {name!r}: choose from {', '.join(FLOORS)}")
    if name != "random" and not isinstance(env, Batched):
        raise WorldError(f"the floor {name!r} is one of our environments: others have 'random'")
    return FLOORS[name](env, seed)


def random(env: VectorEnv[Any, Any, Any], seed: int = 0) -> Policy:
    """Actions drawn anew at every step: normal in rooms, uniform elsewhere."""
    if isinstance(env, Batched) and isinstance(env.single_action_space, gymnasium.spaces.Box):
        rng = np.random.default_rng(seed)
        scale, shape = 2 / 3 * env.single_action_space.high, env.action_space.shape
        return lambda observed, begun: (scale * rng.normal(size=shape)).astype(np.float32)
    space = copy.deepcopy(env.action_space)  # Its generator is not ours to seed.
    space.seed(seed)
    return lambda observed, begun: space.sample()


def persistent(env: Batched, seed: int = 0, turn: float = TURN, again: float = 1.0) -> Policy:
    """A walk that keeps its heading.

    Args:
        env: rooms or a town.
        seed: of its turns.
        turn: standard deviation of turns in rooms, in radians a step.
        again: chance of a new heading at a wall; lower ones push on against it, so that what walls
            do is seen more often.
    """
    rng = np.random.default_rng(seed)
    n = env.num_envs
    if isinstance(env.truth, TownTruth):
        last = rng.integers(4, size=n)

        def walk(observed: Observation, begun: Bool[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
            nonlocal last
            new = (rng.random(n) >= STRAIGHT) | (np.asarray(observed["bumped"]) > 0) | begun
            last = np.where(new, rng.integers(4, size=n), last)
            return last

        return walk
    step = env.truth.settings.step
    heading = rng.uniform(0, 2 * np.pi, n)

    def wander(observed: Observation, begun: Bool[np.ndarray, " n"]) -> Float[np.ndarray, "n 2"]:
        nonlocal heading
        new = begun | (env.truth.bumped & (rng.random(n) < again))
        turned = heading + turn * rng.normal(size=n)
        heading = np.where(new, rng.uniform(0, 2 * np.pi, n), turned)
        return (step * np.stack([np.cos(heading), np.sin(heading)], 1)).astype(np.float32)

    return wander


def greedy(env: Batched, seed: int = 0) -> Policy:
    """Straight at the goal, whatever is in between.

    In rooms it slides along walls, and has to be lucky with doors; an object it pushes on
    from wherever it comes; in a town it takes what leads nearest as the crow flies.
    """
    rng = np.random.default_rng(seed)

    def act(observed: Observation, begun: Bool[np.ndarray, " n"]) -> Any:
        truth = env.truth
        if isinstance(truth, TownTruth):
            return _as_the_crow_flies(truth, rng)
        if truth.objects is None:
            return truth.goals - truth.positions
        return truth.objects - truth.positions

    return act


def oracle(env: Batched, seed: int = 0) -> Policy:
    """The shortest way in the world as it is.

    In rooms it is exact up to the length of a step; in a town to the step.  Pushing, it goes round
    the object and corrects its aim at every step: it succeeds, by no shortest way.
    """
    if isinstance(env.truth, TownTruth):
        return lambda observed, begun: env.truth.remaining[:, :4].argmin(1)
    if env.truth.objects is not None:
        return lambda observed, begun: _push(env.truth)
    n = env.num_envs
    expected, aim = np.full((n, 2), np.nan), np.zeros((n, 2))
    guide: np.ndarray | None = None

    def act(observed: Observation, begun: Bool[np.ndarray, " n"]) -> Float[np.ndarray, "n 2"]:
        nonlocal guide
        truth: RoomsTruth = env.truth
        layouts, which, at, goals = truth.layouts, truth.which, truth.positions, truth.goals
        if guide is None or begun.any():
            fresh = np.ones(n, np.bool_) if guide is None else begun
            known = guides(layouts, which[fresh], goals[fresh])
            guide = np.zeros((n, known.shape[1]), np.float32) if guide is None else guide
            guide[fresh] = known
        # Look around only where a corner was reached, or where something came in between.
        strayed = ~(np.abs(at - expected).max(1) < 1e-3)
        look = begun | strayed | (np.abs(at - aim).max(1) < 1e-3)
        if look.any():
            aim[look] = ways(layouts, which[look], at[look], goals[look], guide[look]).next
        move = aim - at
        length = np.linalg.norm(move, axis=1, keepdims=True)
        move *= truth.settings.step / np.maximum(length, truth.settings.step)
        expected[:] = at + move
        return move.astype(np.float32)

    return act


FLOORS: dict[str, Callable[..., Policy]] = {
    "random": random,
    "persistent": persistent,
    "greedy": greedy,
    "oracle": oracle,
}
"""Name -> what makes the policy, of n copies and a seed."""


def _as_the_crow_flies(truth: TownTruth, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
    side = truth.tables.side
    ahead = np.concatenate([truth.table, truth.place[:, None]], 1)
    off = [np.abs(ahead % side - truth.target[:, None] % side)]
    off.append(np.abs(ahead // side - truth.target[:, None] // side))
    gain = off[0] + off[1]
    # Of equally good ones any: a fixed choice would make a lucky town or an unlucky one.
    return (gain[:, :4] + 0.5 * rng.random((len(ahead), 4))).argmin(1)


def _behind(truth: RoomsTruth) -> Float[np.ndarray, "n 2"]:
    """Where a dot has to go next so that the object goes towards its goal."""
    assert truth.objects is not None
    way = truth.goals - truth.objects
    far = np.linalg.norm(way, axis=1, keepdims=True)
    unit = way / np.maximum(far, 1e-6)
    return truth.objects - unit * (CONTACT - np.minimum(truth.settings.step, far))


def _push(truth: RoomsTruth) -> Float[np.ndarray, "n 2"]:
    """Round the object at a distance, until it is between the dot and the goal; then on."""
    assert truth.objects is not None
    way = truth.goals - truth.objects
    left = np.linalg.norm(way, axis=1)
    back = np.arctan2(-way[:, 1], -way[:, 0])
    away = truth.positions - truth.objects
    angle = np.arctan2(away[:, 1], away[:, 0])
    off = (back - angle + np.pi) % (2 * np.pi) - np.pi
    ring = CONTACT + 0.8
    turn = np.clip(off, -truth.settings.step / ring, truth.settings.step / ring)
    on_ring = np.stack([np.cos(angle + turn), np.sin(angle + turn)], 1) * ring
    move = np.where(
        (np.abs(off) < 0.3)[:, None],
        _behind(truth) - truth.positions,
        truth.objects + on_ring - truth.positions,
    )
    # At the goal it stays: half of the reach leaves room for both.
    there = left < 0.5 * truth.settings.reach
    return np.where(there[:, None], 0, move).astype(np.float32)
