"""Errands in a town that changes, n copies at once."""

import string
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import gymnasium
import numpy as np
from jaxtyping import Int

from unfrozen.errors import WorldError
from unfrozen.world.environments.batched import Batched, Observation, option
from unfrozen.world.environments.streams import Streams
from unfrozen.world.environments.town.drawing import draw_town
from unfrozen.world.environments.town.facts import ITEMS
from unfrozen.world.environments.town.life import Life, Tables

HORIZON = 80


class TownTruth(NamedTuple):
    """The town as it is.

    Attributes:
        tables: of the lives: where actions lead, where persons are, distances.
        life: which of them each copy lives.
        errand: number of the present one, from 0.
        phase: how many changes have happened.
        place: cell.
        target: cell of the next stop of the errand.
        left: stops that are left of it.
    """

    tables: Tables
    life: Int[np.ndarray, " n"]
    errand: Int[np.ndarray, " n"]
    phase: Int[np.ndarray, " n"]
    place: Int[np.ndarray, " n"]
    target: Int[np.ndarray, " n"]
    left: Int[np.ndarray, " n"]

    @property
    def table(self) -> Int[np.ndarray, "n 4"]:
        """Where each action would lead."""
        return self.tables.table[self.life, self.phase, self.place]

    @property
    def remaining(self) -> Int[np.ndarray, "n 5"]:
        """Steps from there to the target, for each action; last, from here."""
        ahead = np.concatenate([self.table, self.place[:, None]], 1)
        rows = self.life[:, None], self.phase[:, None]
        return self.tables.distances[*rows, ahead, self.target[:, None]]


class VectorTown(Batched):
    """n lives in towns: an episode is an errand, and the next one begins where the last ended.

    Actions 0 to 3 go east, north, west and south, if nothing is in the way.  An errand is done at
    its last stop (reward 1, and the episode ends); an item is had on the way there as soon as one
    is where its seller is.  `reset` with a seed begins life anew at a street; without one, the
    next errand begins, and the changes that are due happen.  After the last errand those of the
    last phase are asked again.

    Observations, of the place where one is, and of nothing else:
        sight: what it looks like; streets share their sights, rooms have their own.
        exits: openings that one sees, east to south.  A locked door looks like any other.
        bumped: whether the last action led nowhere.
        persons: who is here.
        carried: number of the item that one has been given for the errand, from 1; 0 for none.
        errand: what is to be done, in words.
        told: what is told, in words, at the first step of an errand; else empty.

    `info` has `success`, `errand`, `phase` and `left`, for records.

    Options of `reset`: `place` [n] is a cell to begin at; `errand` [n] a number to go on with.

    Args:
        lives: copy i lives number i, and again from the first when there are more copies.
        n: copies.
        horizon: steps for an errand.

    Raises:
        WorldError: lives differ in size, or there are no copies or steps.
    """

    options: ClassVar[tuple[str, ...]] = ("place", "errand")

    def __init__(self, lives: Sequence[Life], n: int, horizon: int = HORIZON) -> None:
        self.tables = tables = Tables(lives)
        spaces, persons = gymnasium.spaces, tables.persons.shape[2]
        letters = string.ascii_letters + " ."
        longest = max(len(text) for text in (*tables.asked.flat, *tables.told.flat))
        words = spaces.Text(longest, min_length=0, charset=letters)
        observation = spaces.Dict(
            sight=spaces.Discrete(tables.n_sights),
            exits=spaces.MultiBinary(4),
            bumped=spaces.Discrete(2),
            persons=spaces.MultiBinary(persons),
            carried=spaces.Discrete(len(ITEMS) + 1),
            errand=words,
            told=words,
        )
        super().__init__(n, observation, spaces.Discrete(4), horizon)
        self._life = np.arange(n) % len(tables.lives)
        self._count = np.zeros(n, np.int64)
        self._place = np.zeros(n, np.int64)
        self._left = np.zeros(n, np.int64)
        self._bumped = np.zeros(n, np.int64)
        self._silence = ("",) * n
        self._began()

    @property
    def truth(self) -> TownTruth:
        """Where everything is: for oracles and tests, never for an agent."""
        target = np.where(self._left == 2, self._stops[:, 0], self._stops[:, 1])
        return TownTruth(
            self.tables, self._life, self._count, self._phase, self._place, target, self._left
        )  # fmt: skip

    def picture(self, row: int = 0, *, target: bool = True) -> np.ndarray:
        """One copy from above; see `draw_town`.

        Args:
            row: which.
            target: whether the next stop is shown.
        """
        truth = self.truth
        life = self.tables.lives[self._life[row]]
        return draw_town(
            life, int(self._phase[row]), int(truth.place[row]),
            int(truth.target[row]) if target else None,
        )  # fmt: skip

    def _began(self) -> None:
        """Look up what stays for the whole errand."""
        total, every = self.tables.phases.shape[1], self.tables.every
        late = total - every + (self._count - total) % every
        self._row = np.where(self._count < total, self._count, late)
        self._phase = self.tables.phases[self._life, self._row]
        self._stops = self.tables.stops[self._life, self._row]
        self._items = self.tables.items[self._life, self._row]
        self._asked = tuple(self.tables.asked[self._life, self._row].tolist())

    def _begin(
        self, rows: np.ndarray, streams: Streams, options: dict[str, Any], seeded: bool
    ) -> None:
        # New arrays: the present ones were handed out.
        self._place, self._count = self._place.copy(), self._count.copy()
        self._bumped, self._left = self._bumped.copy(), self._left.copy()
        if seeded:
            streets = self.tables.streets
            drawn = streams.uniform(rows, 1)[:, 0] * streets.shape[1]
            self._place[rows] = streets[self._life[rows], drawn.astype(np.int64)]
            self._count[rows] = 0
        else:
            self._count[rows] += 1
        n = self.num_envs
        if (given := option(options, "errand", (n,))) is not None:
            if given[rows].min(initial=0) < 0:
                raise WorldError("errands are numbered from 0")
            self._count[rows] = given[rows]
        if (given := option(options, "place", (n,))) is not None:
            used = np.stack([life.town.cells for life in self.tables.lives])
            if not (used[self._life[rows]] == given[rows, None]).any(1).all():
                raise WorldError("a place to begin at is a street or a room of the town")
            self._place[rows] = given[rows]
        self._bumped[rows] = 0
        self._began()
        self._left[rows] = np.where(self._items[rows] > 0, 2, 1)

    def _move(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = self.num_envs
        if actions.shape != (n,) or not np.issubdtype(actions.dtype, np.integer):
            raise WorldError(f"actions are {n} whole numbers from 0 to 3, not {actions!r}")
        if actions.min() < 0 or actions.max() > 3:
            raise WorldError(f"actions are whole numbers from 0 to 3, not {actions!r}")
        to = self.tables.table[self._life, self._phase, self._place, actions]
        self._bumped = (to == self._place).astype(np.int64)
        self._place = to
        before = self._left
        first = (before == 2) & (to == self._stops[:, 0])
        left = before - first
        # Who has the item and who waits for it may be at one place.
        left = left - ((left == 1) & (to == self._stops[:, 1]))
        self._left = left
        ended = left == 0
        return (ended & (before > 0)).astype(np.float64), ended

    def _observe(self) -> Observation:
        life, phase, place = self._life, self._phase, self._place
        told = self._silence
        fresh = (self.clock == 0) & (self._row == self._count)
        if fresh.any():
            told = tuple(np.where(fresh, self.tables.told[life, self._row], "").tolist())
        return {
            "sight": self.tables.sights[life, place],
            "exits": self.tables.exits[life, phase, place],
            "bumped": self._bumped,
            "persons": (self.tables.persons[life, phase] == place[:, None]).astype(np.int8),
            "carried": np.where((self._items > 0) & (self._left < 2), self._items, 0),
            "errand": self._asked,
            "told": told,
        }

    def _info(self) -> dict[str, Any]:
        return {
            "success": self._left == 0,
            "errand": self._count,
            "phase": self._phase,
            "left": self._left,
        }
