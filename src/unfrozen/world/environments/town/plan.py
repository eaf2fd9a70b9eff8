"""The plan of a town: streets between blocks, rooms in the blocks, doors and sights."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, shortest_path

from unfrozen.errors import WorldError
from unfrozen.world.environments.town.facts import PLACES

STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""East, north, west and south, as (dx, dy): actions 0 to 3.  The way back is (action + 2) % 4."""


@dataclass(frozen=True)
class TownSettings:
    """Size and kind of a town.

    Attributes:
        blocks: along a side, with streets around each.
        block: cells along the side of a block.
        rooms: that can be entered, each with two doors or more.
        closed: share of the pieces of street that are closed, as long as none is cut off.
        sights: that streets show; a street's sight says little of where it is, a room's does.
    """

    blocks: int = 3
    block: int = 2
    rooms: int = 12
    closed: float = 0.05
    sights: int = 8

    def __post_init__(self) -> None:
        if self.blocks < 1 or self.block < 1 or self.sights < 1 or not 0 <= self.closed <= 1:
            raise WorldError("a town has blocks, cells in them, sights, and a share that is closed")
        most = min(len(PLACES), self.blocks**2 * (self.block**2 - max(0, self.block - 2) ** 2))
        if not 2 <= self.rooms <= most:
            raise WorldError(f"a town of this size has 2 to {most} rooms, not {self.rooms}")


@dataclass(frozen=True, eq=False)
class Town:
    """A plan: cells in rows from the south, joined by openings.

    Attributes:
        side: cells along a side; cell = x + side * y.
        street: which cells are streets.
        rooms: the cell of each room, in the order of `PLACES`.
        openings: where one can go from where, as far as one can see: doors locked or not.
        doors: which openings are doors.
        sights: what each cell looks like; those of rooms are unique and last.
        n_sights: how many there are.
    """

    side: int
    street: Bool[np.ndarray, " cell"]
    rooms: Int[np.ndarray, " room"]
    openings: Bool[np.ndarray, "cell 4"]
    doors: Bool[np.ndarray, "cell 4"]
    sights: Int[np.ndarray, " cell"]
    n_sights: int

    @property
    def names(self) -> tuple[str, ...]:
        """Of the rooms."""
        return PLACES[: len(self.rooms)]

    @property
    def cells(self) -> Int[np.ndarray, " used"]:
        """Cells that are streets or rooms."""
        return np.sort(np.concatenate([np.flatnonzero(self.street), self.rooms]))


def make_town(settings: TownSettings = TownSettings(), seed: int = 0) -> Town:
    """Draw a town.

    Streets run around the blocks.  Rooms are cells at the edge of blocks, with two doors each or
    more: to streets, or to a room next door that one can walk through.

    Args:
        settings: its size and kind.
        seed: draws it.
    """
    rng = np.random.default_rng(seed)
    pitch = settings.block + 1
    side = settings.blocks * pitch + 1
    x, y = np.arange(side * side) % side, np.arange(side * side) // side
    street = (x % pitch == 0) | (y % pitch == 0)
    openings = np.zeros((side * side, 4), np.bool_)
    beside = neighbours(side)
    both = (beside >= 0) & street[:, None] & street[beside]
    openings |= both
    _close_streets(openings, street, beside, settings.closed, rng)
    at_street = ((beside >= 0) & street[beside]).any(1)
    candidates = np.flatnonzero(~street & at_street)
    rooms = rng.choice(candidates, settings.rooms, replace=False)
    doors = _open_doors(rooms, street, beside, rng)
    openings |= doors
    sights = rng.integers(settings.sights, size=side * side)
    sights[rooms] = settings.sights + np.arange(len(rooms))
    return Town(side, street, rooms, openings, doors, sights, settings.sights + len(rooms))


def neighbours(side: int) -> Int[np.ndarray, "cell 4"]:
    """The cell next to each in the four directions; -1 outside."""
    x, y = np.arange(side * side) % side, np.arange(side * side) // side
    table = np.full((side * side, 4), -1)
    for action, (dx, dy) in enumerate(STEPS):
        inside = (x + dx >= 0) & (x + dx < side) & (y + dy >= 0) & (y + dy < side)
        table[inside, action] = (x + dx + side * (y + dy))[inside]
    return table


def switch(
    openings: Bool[np.ndarray, "cell 4"], cell: int, action: int, to: bool, side: int
) -> None:
    """Open or close an opening in place, from both sides."""
    dx, dy = STEPS[action]
    openings[cell, action] = openings[cell + dx + side * dy, (action + 2) % 4] = to


def leads(openings: Bool[np.ndarray, "cell 4"]) -> Int[np.ndarray, "cell 4"]:
    """Where actions lead: through openings to the next cell, else nowhere (the cell itself)."""
    side = round(len(openings) ** 0.5)
    here = np.arange(len(openings))[:, None]
    return np.where(openings, neighbours(side), here)


def distances(table: Int[np.ndarray, "cell 4"]) -> Int[np.ndarray, "cell cell"]:
    """Steps of the shortest way from cell to cell; a number above all others where there is none.

    Args:
        table: where actions lead.
    """
    n = len(table)
    rows = np.arange(n).repeat(4)
    graph = csr_array((np.ones(4 * n), (rows, table.ravel())), shape=(n, n))
    steps = shortest_path(graph, unweighted=True)
    return np.where(np.isfinite(steps), steps, n * n).astype(np.int32)


def connected(openings: Bool[np.ndarray, "cell 4"], cells: Int[np.ndarray, " used"]) -> bool:
    """Whether all of some cells can be reached from each other."""
    table = leads(openings)
    n = len(table)
    graph = csr_array((np.ones(4 * n), (np.arange(n).repeat(4), table.ravel())), shape=(n, n))
    labels = connected_components(graph, directed=False)[1]
    return bool((labels[cells] == labels[cells[0]]).all())


def _close_streets(
    openings: np.ndarray,
    street: np.ndarray,
    beside: np.ndarray,
    share: float,
    rng: np.random.Generator,
) -> None:
    cells = np.flatnonzero(street)
    pieces = [(cell, a) for cell in cells.tolist() for a in (0, 1) if openings[cell, a]]
    wanted = round(share * len(pieces))
    for k in rng.permutation(len(pieces)).tolist():
        if wanted == 0:
            return
        cell, action = pieces[k]
        side = round(len(street) ** 0.5)
        switch(openings, cell, action, False, side)
        if connected(openings, cells):
            wanted -= 1
        else:
            switch(openings, cell, action, True, side)


def _open_doors(
    rooms: np.ndarray, street: np.ndarray, beside: np.ndarray, rng: np.random.Generator
) -> Bool[np.ndarray, "cell 4"]:
    doors = np.zeros(beside.shape, np.bool_)
    side = round(len(street) ** 0.5)
    is_room = np.isin(np.arange(len(street)), rooms)
    for cell in rooms.tolist():
        at = beside[cell]
        outer = [a for a in range(4) if at[a] >= 0 and street[at[a]]]
        inner = [a for a in range(4) if at[a] >= 0 and is_room[at[a]]]
        chosen = [int(rng.choice(outer))]
        others = [a for a in (*outer, *inner) if a != chosen[0]]
        if others:
            chosen.append(int(rng.choice(others)))
        for action in chosen:
            switch(doors, cell, action, True, side)
    return doors
