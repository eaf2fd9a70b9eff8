"""What all environments of ours share: n copies as arrays, and one of them as a Gymnasium Env."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from jaxtyping import Bool, Float, Int

from unfrozen.errors import WorldError
from unfrozen.world.environments.streams import Streams

Observation = dict[str, Any]
"""What n copies see, by name: arrays of n rows, or a tuple of n texts."""


class Batched(VectorEnv[Observation, Any, Any]):
    """n copies of an environment as arrays: a step of all of them is one call.

    Copies do not begin anew by themselves (Gymnasium's `AutoresetMode.DISABLED`): pass
    `options={"reset_mask": mask}` to `reset` for those that are to.  A copy that has ended goes on
    as long as it is stepped.  Copy i of `reset(seed=s)` is the single environment of seed s + i.
    What stays as it is during episodes (a goal's image) is the same array at every step.

    Args:
        n: copies.
        observation: space of what one copy sees.
        action: space of what one copy does.
        horizon: steps after which an episode is cut.

    Raises:
        WorldError: there are no copies, or no steps.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012
    options: ClassVar[tuple[str, ...]] = ()
    """Names of options of `reset`, beside `reset_mask`: an array of n rows each."""

    def __init__(
        self, n: int, observation: gymnasium.Space[Any], action: gymnasium.Space[Any], horizon: int
    ) -> None:
        if n < 1 or horizon < 1:
            raise WorldError(f"an environment has copies and steps, not {n} and {horizon}")
        self.num_envs, self.horizon = n, horizon
        self.single_observation_space, self.single_action_space = observation, action
        self.observation_space = batch_space(observation, n)
        self.action_space = batch_space(action, n)
        self.clock = np.zeros(n, np.int64)
        self._streams: Streams | None = None

    def reset(
        self,
        *,
        seed: int | Sequence[int] | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin episodes.

        Args:
            seed: of copy 0, the others' follow it; or one for each.  By default streams go on,
                and begin by chance the first time.
            options: `reset_mask` [n] says which copies begin anew, all by default; further ones
                are in `options` of the class.

        Raises:
            WorldError: seeds, the mask or an option do not fit, or copies that never began are
                left out.
        """
        given = dict(options or {})
        mask = given.pop("reset_mask", None)
        unknown = sorted(set(given) - set(self.options))
        if unknown:
            known = ", ".join(("reset_mask", *self.options))
            raise WorldError(f"reset has no option {unknown[0]!r}: choose from {known}")
        rows = np.arange(self.num_envs)
        if mask is not None:
            if np.shape(mask) != (self.num_envs,) or np.asarray(mask).dtype != np.bool_:
                raise WorldError(f"a reset mask is a boolean for each of {self.num_envs} copies")
            rows = np.flatnonzero(mask)
        seeds = self._seeds(seed)
        if self._streams is None:
            if len(rows) < self.num_envs:
                raise WorldError("the first reset begins all copies: it takes no mask")
            if seeds is None:
                seeds = np.random.default_rng().integers(2**62, size=self.num_envs)
            self._streams = Streams(seeds)
        elif seeds is not None:
            self._streams.seed(rows, seeds[rows])
        self.clock[rows] = 0
        self._begin(rows, self._streams, given, seeds is not None)
        return self._observe(), self._info()

    def _seeds(self, seed: Any) -> Int[np.ndarray, " n"] | None:
        if seed is None:
            return None
        if isinstance(seed, int | np.integer):
            return int(seed) + np.arange(self.num_envs)
        if len(seed) != self.num_envs or any(s is None for s in seed):
            raise WorldError(f"{self.num_envs} copies take one seed, or one each, not {seed}")
        return np.asarray(seed, np.int64)

    def step(
        self, actions: Any
    ) -> tuple[
        Observation,
        Float[np.ndarray, " n"],
        Bool[np.ndarray, " n"],
        Bool[np.ndarray, " n"],
        dict[str, Any],
    ]:
        """Do an action in every copy.

        Returns:
            Observations, rewards, which copies have ended, which were cut, and `info`.

        Raises:
            WorldError: no episode was begun, or actions are none of the space's.
        """
        if self._streams is None:
            raise WorldError("an episode begins with reset()")
        rewards, ended = self._move(np.asarray(actions))
        self.clock += 1
        cut = (self.clock >= self.horizon) & ~ended
        return self._observe(), rewards, ended, cut, self._info()

    @property
    @abstractmethod
    def truth(self) -> Any:
        """The present world as it is: for oracles and tests, never for an agent."""

    @abstractmethod
    def picture(self, row: int = 0) -> np.ndarray:
        """One copy from above as [height, width, 3] bytes, for people to look at."""

    @abstractmethod
    def _begin(
        self,
        rows: Int[np.ndarray, " r"],
        streams: Streams,
        options: dict[str, Any],
        seeded: bool,
    ) -> None: ...

    @abstractmethod
    def _move(
        self, actions: np.ndarray
    ) -> tuple[Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]: ...

    @abstractmethod
    def _observe(self) -> Observation: ...

    @abstractmethod
    def _info(self) -> dict[str, Any]: ...


def option(options: dict[str, Any], name: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """An option of `reset`, or None.

    Raises:
        WorldError: it has another shape.
    """
    if name not in options:
        return None
    value = np.asarray(options[name])
    if value.shape != shape:
        raise WorldError(f"the option {name!r} has the shape {shape}, not {value.shape}")
    return value


class Single(gymnasium.Env[Observation, Any]):
    """One environment, made from its batched twin of one copy.

    Args:
        twin: makes the twin for a number of copies.
        render_mode: "rgb_array" for pictures from above, or None.

    Raises:
        WorldError: there is no such mode.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 15}  # noqa: RUF012

    def __init__(self, twin: Callable[[int], Batched], render_mode: str | None = None) -> None:
        if render_mode not in (None, "rgb_array"):
            raise WorldError(f"environments are drawn as 'rgb_array', not {render_mode!r}")
        self.twin = twin(1)
        self.render_mode = render_mode
        self.observation_space = self.twin.single_observation_space
        self.action_space = self.twin.single_action_space
        self._begun = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: of this and following ones; by default they go on.
            options: as the twin's, without the axis of copies.

        Raises:
            WorldError: an option does not fit.
        """
        super().reset(seed=seed)
        if seed is None and not self._begun:
            seed = int(self.np_random.integers(2**62))
        self._begun = True
        given = {name: np.asarray(value)[None] for name, value in (options or {}).items()}
        observed, info = self.twin.reset(seed=None if seed is None else [seed], options=given)
        return _first(observed), _first(info)

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Do an action.

        Raises:
            WorldError: no episode was begun, or the action is none of the space's.
        """
        observed, rewards, ended, cut, info = self.twin.step(np.asarray(action)[None])
        return _first(observed), float(rewards[0]), bool(ended[0]), bool(cut[0]), _first(info)

    def render(self) -> np.ndarray | None:
        """The environment from above, if it was made to be drawn."""
        return None if self.render_mode is None else self.twin.picture()

    @property
    def truth(self) -> Any:
        """The present world as it is, in arrays of one row: for oracles and tests only."""
        return self.twin.truth


def _first(batch: dict[str, Any]) -> dict[str, Any]:
    # Copies: an environment's observations are the reader's own.
    return {
        name: value[0].copy() if isinstance(value[0], np.ndarray) else value[0]
        for name, value in batch.items()
    }
