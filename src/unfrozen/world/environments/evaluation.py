"""How often and how fast a policy reaches its goals."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from jaxtyping import Bool, Float, Int

from unfrozen.errors import WorldError
from unfrozen.world.environments.floors import Policy, floor


@dataclass(frozen=True)
class Estimate:
    """A mean over episodes.

    Attributes:
        mean: of them.
        deviation: standard deviation of one episode.
        error: standard error of the mean.
    """

    mean: float
    deviation: float
    error: float


@dataclass(frozen=True, eq=False)
class Score:
    """Episodes of a policy, in the order of copies.

    Attributes:
        end: whether the goal was reached at the last step.
        ever: whether it was reached at any step.
        steps: until it was first reached; of the whole episode if it never was.
        rewards: sum over the episode.
    """

    end: Bool[np.ndarray, " episode"]
    ever: Bool[np.ndarray, " episode"]
    steps: Int[np.ndarray, " episode"]
    rewards: Float[np.ndarray, " episode"]

    @property
    def success_end(self) -> Estimate:
        """Share of episodes that end at the goal."""
        return _estimate(self.end)

    @property
    def success_ever(self) -> Estimate:
        """Share of episodes that are at the goal at some time: above `success_end` if a policy
        does not stop there.
        """
        return _estimate(self.ever)

    @property
    def mean_steps(self) -> Estimate:
        """Steps until the goal was first reached, or of the episode."""
        return _estimate(self.steps)

    @property
    def mean_reward(self) -> Estimate:
        """Rewards of an episode."""
        return _estimate(self.rewards)


def evaluate(
    env: VectorEnv[Any, Any, Any], policy: Policy | str, episodes: int = 100, seed: int = 0
) -> Score:
    """Let a policy act in all copies until every one has had its share of episodes.

    Shares are fixed beforehand, so that short episodes are not counted more often than long ones.

    Args:
        env: n copies, which begin anew when they are told to (those of `make(name, n)`).  Where
            `info` tells no `success`, it is an end with a reward above 0.
        policy: acts, or the name of a floor.
        episodes: of all copies together.
        seed: of copy 0, the others' follow; and of a floor.

    Raises:
        WorldError: there are no episodes, or copies that begin anew by themselves.
    """
    if episodes < 1:
        raise WorldError(f"a policy is evaluated on 1 episode or more, not {episodes}")
    mode = getattr(env.metadata.get("autoreset_mode"), "value", None)
    if mode != "Disabled":
        raise WorldError("copies that begin anew by themselves are not evaluated: make(name, n)")
    n = env.num_envs
    act = floor(policy, env, seed) if isinstance(policy, str) else policy
    left = episodes // n + (np.arange(n) < episodes % n)
    # Per copy: [success at the last step, at any, steps, rewards] of the episode under way.
    ever, steps, sums = np.zeros(n, np.bool_), np.zeros(n, np.int64), np.zeros(n)
    done: list[tuple[np.ndarray, ...]] = []
    observed, _ = env.reset(seed=seed)
    begun = np.ones(n, np.bool_)
    while left.any():
        observed, rewards, ended, cut, info = env.step(act(observed, begun))
        now = np.asarray(info.get("success", ended & (rewards > 0)), np.bool_)
        steps += ~ever
        sums += rewards
        ever |= now
        begun = ended | cut
        if not begun.any():
            continue
        rows = np.flatnonzero(begun & (left > 0))
        done.append((rows, now[rows], ever[rows], steps[rows], sums[rows]))
        left[rows] -= 1
        ever[begun], steps[begun], sums[begun] = False, 0, 0
        observed, _ = env.reset(options={"reset_mask": begun})
    rows, *columns = (np.concatenate(parts) for parts in zip(*done, strict=True))
    order = np.argsort(rows, kind="stable")
    end, once, length, total = (column[order] for column in columns)
    return Score(end, once, length, total)


def _estimate(values: np.ndarray) -> Estimate:
    deviation = float(values.std(ddof=1)) if len(values) > 1 else math.nan
    return Estimate(float(values.mean()), deviation, deviation / math.sqrt(len(values)))
