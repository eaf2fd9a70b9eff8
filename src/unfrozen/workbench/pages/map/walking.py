"""A walk in a world, and the map that is made of it, kept while the workbench runs."""

import itertools
import threading
from collections import deque

import torch

from unfrozen.errors import MapError, WorkbenchError
from unfrozen.hippocampus.cognitive_map import CognitiveMap
from unfrozen.hippocampus.tem_t.files import trained
from unfrozen.hippocampus.worlds import World, batch, draw_symbols, named
from unfrozen.workbench.pages.map.schemas import (
    AheadOut,
    BeliefOut,
    DrawnOut,
    FamilyOut,
    GuessOut,
    PlaceOut,
    RouteOut,
    StepOut,
    WalkOut,
    WorldIn,
)

KEPT, SHOWN, GUESSES = 12, 60, 4
"""Walks that are remembered; steps of one that are shown; symbols of what was foreseen."""
_SIZES = {"line": (3, 8), "hexagonal": (3, 8)}
_ANY = (3, 12)
_FAMILIES = ("grid", "maze", "objects", "borders", "hexagonal", "line")


def families() -> list[FamilyOut]:
    """Families that can be walked, since a model that comes along knows them."""
    found = [named(name) for name in _FAMILIES]
    return [FamilyOut(name=one.name, told=one.told, sizes=list(one.sizes)) for one in found]


def drawn(asked: WorldIn) -> tuple[World, list[int], int]:
    """A world, what is seen at each of its places, and its size.

    Raises:
        MapError: worlds of the family do not come in that size.
    """
    family, generator = named(asked.family), torch.Generator().manual_seed(asked.seed)
    low, high = _SIZES.get(asked.family, _ANY)
    if asked.size is not None and not low <= asked.size <= high:
        raise MapError(f"{asked.family} worlds are walked here at sizes {low} to {high}")
    pick = int(torch.randint(len(family.sizes), (), generator=generator))
    size = asked.size or family.sizes[pick]
    world = family.make(size, generator)
    n_symbols = trained(asked.family).settings.n_symbols
    return world, draw_symbols(batch([world]), n_symbols, generator)[0].tolist(), size


class Walker:
    """Somebody in a world with a cognitive map.

    Args:
        number: of the walk.
        asked: which world.

    Raises:
        MapError: worlds of the family do not come in that size.
    """

    def __init__(self, number: int, asked: WorldIn) -> None:
        self.number, self.asked = number, asked
        self.world, self.symbols, self.size = drawn(asked)
        self.map = CognitiveMap(trained(asked.family))
        self.lock = threading.RLock()
        self._shifts = _shifts(self.world)
        self._generator = torch.Generator().manual_seed(asked.seed + 1)
        self._visited: set[int] = set()
        # The true place at which each place of the map was written.
        self._truth: dict[int, int] = {}
        self._steps: deque[StepOut] = deque(maxlen=SHOWN)
        self.count = self.foreseen = self.known = 0
        self.here = -1
        self.begin()

    def begin(self) -> None:
        """Set down somewhere in this world, without being told that it is this world."""
        with self.lock:
            self.here = int(
                torch.randint(self.world.n_places, (), generator=self._generator)
            )  # fmt: skip
            self.map.begin(self.symbols[self.here])
            self._took("", True, [], None)

    def step(self, action: int) -> None:
        """Take an action; one that leads nowhere leaves the walker where it is.

        Raises:
            MapError: the world has no such action.
        """
        world = self.world
        if action >= world.n_actions:
            raise MapError(f"this world has actions 0 to {world.n_actions - 1}, not {action}")
        with self.lock:
            to, name = int(world.neighbours[self.here, action]), world.actions[action]
            if to < 0:
                self.map.refuse(action)
                self._took(name, False, [], None)
                return
            chances = self.map.foresee(action)
            top = chances.topk(GUESSES)
            guesses = [
                GuessOut(symbol=symbol, chance=round(chance, 4))
                for chance, symbol in zip(top.values.tolist(), top.indices.tolist(), strict=True)
            ]
            self.here = to
            self.map.observe(action, self.symbols[to])
            # Even chances foresee nothing: the first of them is no guess.
            even = guesses[0].chance < 2 / len(chances)
            self._took(name, True, guesses, None if even else guesses[0].symbol == self.symbols[to])

    def wander(self) -> None:
        """A step at random, straight on if that is possible as often as not."""
        with self.lock:
            ways = torch.nonzero(self.world.possible[self.here])[:, 0].tolist()
            last = next((s.action for s in reversed(self._steps) if s.moved and s.action), None)
            ahead = -1 if last is None else self.world.actions.index(last)
            straight = float(torch.rand((), generator=self._generator)) < 0.5
            if ahead in ways and straight:
                self.step(ahead)
                return
            pick = int(torch.randint(len(ways), (), generator=self._generator))
            self.step(ways[pick])

    def route(self, symbol: int) -> RouteOut:
        """The way to a symbol, as the map knows it.

        Raises:
            MapError: it was not seen in this world, or no way is known.
        """
        with self.lock:
            found = self.map.route(symbol)
        return RouteOut(
            symbol=symbol,
            actions=list(found.actions),
            names=[self.world.actions[a] for a in found.actions],
            walked=list(found.walked),
        )

    def told(self) -> WalkOut:
        """The walk as the page shows it."""
        with self.lock:
            drawn_, walked = self._drawn()
            return WalkOut(
                id=self.number,
                world=self.asked,
                size=self.size,
                places=places(self.world, self.symbols, self._visited),
                edges=_edges(self.world),
                here=self.here,
                ahead=self._ahead(),
                belief=self._belief(),
                drawn=drawn_,
                walked=walked,
                code=[round(x, 3) for x in self.map.code.tolist()],
                steps=list(self._steps),
                count=self.count,
                foreseen=self.foreseen,
                visited=self.known,
            )

    def _took(self, action: str, moved: bool, guesses: list[GuessOut], right: bool | None) -> None:
        where, map_places = self.map.where, self.map.places
        fresh = self.here not in self._visited
        if moved and action and not fresh:
            self.known += 1
            self.foreseen += bool(right)
        self._visited.add(self.here)
        # A map that was dropped leaves its numbers to places that are written later.
        gone = min(map_places.least, map_places.n)
        self._truth = {p: at for p, at in self._truth.items() if p < gone}
        map_places.least = map_places.n
        if where.place >= 0:
            self._truth.setdefault(where.place, self.here)
        self._steps.append(
            StepOut(
                number=self.count, action=action, moved=moved, symbol=self.symbols[self.here],
                guesses=guesses, right=right, fresh=fresh,
            )
        )  # fmt: skip
        self.count += 1

    def _ahead(self) -> list[AheadOut]:
        found = []
        for action, name in enumerate(self.world.actions):
            possible = bool(self.world.possible[self.here, action])
            chances = self.map.foresee(action)
            best = int(chances.argmax())
            foreseen = None
            if possible and float(chances[best]) >= 2 / len(chances):
                foreseen = GuessOut(symbol=best, chance=round(float(chances[best]), 4))
            dx, dy = self._shifts[action]
            found.append(AheadOut(name=name, dx=dx, dy=dy, possible=possible, foreseen=foreseen))
        return found

    def _belief(self) -> BeliefOut:
        where = self.map.where
        at = self._truth.get(where.place)
        return BeliefOut(
            map=where.map, place=where.place, chance=round(where.probability, 4),
            decided=where.decided, known=where.known, surprise=round(where.surprise, 3),
            right=None if at is None else at == self.here,
        )  # fmt: skip

    def _drawn(self) -> tuple[list[DrawnOut], list[tuple[int, int]]]:
        """The map of the present world, laid out by its own steps from where the walker is."""
        where, kept = self.map.where, self.map.places
        ways: dict[int, list[tuple[int, int, int]]] = {}
        for (place, action), to in kept.edges.items():
            ways.setdefault(place, []).append((action, to, 1))
            ways.setdefault(to, []).append((action, place, -1))
        blocked: dict[int, list[int]] = {}
        for place, action in kept.blocked:
            blocked.setdefault(place, []).append(action)
        at, queue = {where.place: (0.0, 0.0)}, deque([where.place])
        while queue:
            place = queue.popleft()
            x, y = at[place]
            for action, to, sign in ways.get(place, ()):
                if to not in at:
                    dx, dy = self._shifts[action]
                    at[to] = x + sign * dx, y + sign * dy
                    queue.append(to)
        found = [
            DrawnOut(
                place=place, x=round(x, 3), y=round(y, 3), symbol=int(kept.symbols[place]),
                blocked=sorted(blocked.get(place, ())),
            )
            for place, (x, y) in sorted(at.items())
        ]  # fmt: skip
        pairs = {(min(a, b), max(a, b)) for (a, _), b in kept.edges.items() if a in at and b in at}
        return found, sorted(pairs)


class Walks:
    """The walks of a workbench: the last ones are remembered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._walks: dict[int, Walker] = {}
        self._numbers = itertools.count(1)

    def new(self, asked: WorldIn) -> Walker:
        """Begin a walk.

        Raises:
            MapError: worlds of the family do not come in that size.
        """
        with self._lock:
            walker = Walker(next(self._numbers), asked)
            self._walks[walker.number] = walker
            for number in list(self._walks)[:-KEPT]:
                del self._walks[number]
            return walker

    def get(self, number: int) -> Walker:
        """A walk by its number.

        Raises:
            WorkbenchError: it is forgotten.
        """
        with self._lock:
            if number not in self._walks:
                raise WorkbenchError(f"walk {number} is not remembered any more: begin another")
            return self._walks[number]

    def last(self) -> Walker:
        """The walk that was begun last; the first one if there is none yet."""
        with self._lock:
            found = max(self._walks, default=None)
            if found is not None:
                return self._walks[found]
        return self.new(WorldIn())


def places(world: World, symbols: list[int], visited: set[int] | None = None) -> list[PlaceOut]:
    """Places as they lie; what is seen only where somebody was.

    Args:
        world: with coordinates.
        symbols: seen at each place.
        visited: places; all by default.
    """
    assert world.coordinates is not None
    return [
        PlaceOut(
            x=round(x, 3),
            y=round(y, 3),
            symbol=symbols[i] if visited is None or i in visited else None,
        )
        for i, (x, y) in enumerate(world.coordinates.tolist())
    ]


def _edges(world: World) -> list[tuple[int, int]]:
    pairs = {
        (min(place, to), max(place, to))
        for place, row in enumerate(world.neighbours.tolist())
        for to in row
        if to >= 0 and to != place
    }
    return sorted(pairs)


def _shifts(world: World) -> list[tuple[float, float]]:
    """How far each action leads, from the first place where it can be taken."""
    assert world.coordinates is not None
    found = []
    for action in range(world.n_actions):
        at = torch.nonzero(world.possible[:, action])
        if not len(at):
            found.append((0.0, 0.0))
            continue
        place = int(at[0])
        to = int(world.neighbours[place, action])
        dx, dy = (world.coordinates[to] - world.coordinates[place]).tolist()
        found.append((round(dx, 3), round(dy, 3)))
    return found
