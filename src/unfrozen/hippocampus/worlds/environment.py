"""A world as a Gymnasium environment: actions in, symbols out."""

from typing import Any

import gymnasium
import numpy as np
import torch

from unfrozen.errors import MapError
from unfrozen.hippocampus.worlds.batch import batch, draw_symbols
from unfrozen.hippocampus.worlds.families import FAMILIES, named
from unfrozen.hippocampus.worlds.world import N_SYMBOLS, World


class WorldEnv(gymnasium.Env[np.int64, np.int64]):
    """One world, walked step by step.

    An observation is the symbol that is seen, an action one of the world's.  What cannot be done
    leaves the walk where it is.  `info` has the place and `possible`, a mask of actions.  A reset
    draws a new start, and with `options={"symbols": "new"}` new symbols: the next world of the
    same structure.

    Args:
        world: where to walk, or the name of a family, of which a world is drawn at every reset
            with new symbols.
        n_symbols: how many symbols there are.
        goal: a place that ends the walk with a reward of 1, of every world of a family; none by
            default.

    Raises:
        MapError: the world has no such goal, or too few symbols.

    Example:
        >>> from unfrozen.hippocampus.worlds import rectangle
        >>> env = WorldEnv(rectangle(3), goal=8)
        >>> symbol, info = env.reset(seed=0)
        >>> sorted(info)
        ['place', 'possible']
    """

    def __init__(
        self, world: World | str, n_symbols: int = N_SYMBOLS, goal: int | None = None
    ) -> None:
        self._family = named(world) if isinstance(world, str) else None
        self.n_symbols, self.goal = n_symbols, goal
        self._generator, self._seeded = torch.Generator(), False
        first = self._family.draw(self._generator) if self._family else world
        assert isinstance(first, World)
        self.world = first
        actions = first.n_actions
        if self._family:
            largest = self._family.make(max(self._family.sizes), self._generator)
            actions = largest.n_actions
        n = first.n_places
        if self._family:
            n = self._family.make(min(self._family.sizes), self._generator).n_places
        if goal is not None and not 0 <= goal < n:
            raise MapError(f"the goal is one of {n} places, not {goal}")
        self.observation_space = gymnasium.spaces.Discrete(n_symbols)
        self.action_space = gymnasium.spaces.Discrete(actions)
        self.n_actions = actions
        self.symbols: list[int] = []
        self.place = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        """Begin a walk.

        Args:
            seed: of what is drawn from now on; by default, the first time, of chance.
            options: `symbols`: "new" draws what is seen anew; `place`: where to begin.

        Raises:
            MapError: there is no such place, or too few symbols for the world's landmarks.
        """
        super().reset(seed=seed)
        options = options or {}
        if seed is not None or not self._seeded:
            drawn_by = int(self.np_random.integers(2**63)) if seed is None else seed
            self._generator.manual_seed(drawn_by)
            self._seeded = True
        if self._family is not None:
            self.world = self._family.draw(self._generator)
        if self._family or not self.symbols or options.get("symbols") == "new":
            drawn = draw_symbols(batch([self.world]), self.n_symbols, self._generator)
            self.symbols = drawn[0].tolist()
        n = self.world.n_places
        place = options.get("place")
        self.place = (
            int(torch.randint(n, (), generator=self._generator)) if place is None else int(place)
        )
        if not 0 <= self.place < n:
            raise MapError(f"a walk begins at one of {n} places, not {place}")
        return self._seen(), self._info()

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Take an action.

        Raises:
            MapError: there is no such action, or no walk was begun.
        """
        if not self.symbols:
            raise MapError("a walk begins with reset()")
        if not self.action_space.contains(np.int64(action)):
            raise MapError(f"actions are numbers below {self.n_actions}, not {action}")
        if int(action) < self.world.n_actions:
            to = int(self.world.neighbours[self.place, int(action)])
            self.place = to if to >= 0 else self.place
        there = self.goal is not None and self.place == self.goal
        return self._seen(), float(there), there, False, self._info()

    def _seen(self) -> np.int64:
        return np.int64(self.symbols[self.place])

    def _info(self) -> dict[str, Any]:
        possible = np.zeros(self.n_actions, dtype=np.int8)
        possible[: self.world.n_actions] = self.world.possible[self.place].numpy()
        return {"place": self.place, "possible": possible}


def register() -> tuple[str, ...]:
    """Make every family known to `gymnasium.make`, as "unfrozen/grid-v0" and so on.

    Returns:
        Their ids.
    """
    ids = {name: f"unfrozen/{name}-v0" for name in FAMILIES}
    for name, identity in ids.items():
        if identity not in gymnasium.registry:
            gymnasium.register(identity, entry_point=f"{__name__}:WorldEnv", kwargs={"world": name})
    return tuple(ids.values())
