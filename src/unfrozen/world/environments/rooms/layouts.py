"""Layouts of walls: rooms with a door or two, a snake of rooms, mazes; banks of episodes."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from unfrozen.errors import WorldError


@dataclass(frozen=True, eq=False)
class Layouts:
    """Layouts of one size.

    Args:
        solid: pixels [y, x] that are walls; the outermost all are.
        zones: 1 and 2 for free pixels where an episode begins and ends, or ends and begins; 0 for
            others.
        horizon: steps in which an episode can well be done.
        shown: pixels that are seen as walls, where that is not what they are: locked doors.

    Raises:
        WorldError: a layout is open to the outside, has no free pixels, or an empty zone; or what
            is shown has another shape.
    """

    solid: Bool[np.ndarray, "m h w"]
    zones: Int[np.ndarray, "m h w"]
    horizon: int = 80
    shown: Bool[np.ndarray, "m h w"] | None = None

    def __post_init__(self) -> None:
        solid = self.solid
        if self.seen.shape != solid.shape:
            raise WorldError(f"what is shown has the shape {solid.shape}, not {self.seen.shape}")
        edges = (solid[:, 0], solid[:, -1], solid[:, :, 0], solid[:, :, -1])
        if not all(edge.all() for edge in edges):
            raise WorldError("the outermost pixels of a layout are walls: this one is open")
        if (self.zones[solid] != 0).any():
            raise WorldError("zones in which episodes begin and end are free of walls")
        for zone in (1, 2):
            if not (self.zones == zone).any((1, 2)).all():
                raise WorldError("every layout has pixels where episodes begin and where they end")

    def __len__(self) -> int:
        return len(self.solid)

    @property
    def seen(self) -> Bool[np.ndarray, "m h w"]:
        """Pixels that are seen as walls."""
        return self.solid if self.shown is None else self.shown

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, in pixels."""
        return self.solid.shape[1], self.solid.shape[2]

    @cached_property
    def pixels(self) -> Int[np.ndarray, "m 3 k"]:
        """Flat numbers of free pixels, of zone 1 and of zone 2, repeated to one length."""
        flat = self.zones.reshape(len(self), -1)
        free = ~self.solid.reshape(len(self), -1)
        masks = np.stack([free, flat == 1, flat == 2], 1)
        # A stable sort puts the chosen pixels first, in order.
        return np.argsort(~masks, 2, kind="stable")[:, :, : masks.sum(2).max()]

    @cached_property
    def counts(self) -> Int[np.ndarray, "m 3"]:
        """How many pixels each list has before it ends."""
        flat = self.zones.reshape(len(self), -1)
        return np.stack(
            [(~self.solid).sum((1, 2)), (flat == 1).sum(1), (flat == 2).sum(1)], 1
        )  # fmt: skip


def two_rooms(
    size: int = 33, wall: int | None = None, door: int | None = None, width: int = 7
) -> Layouts:
    """Two rooms with a wall from top to bottom and a door in it.

    Args:
        size: of the square, in pixels.
        wall: its column; every one that leaves a third of the square on either side, if None.
        door: row of the door's middle; every one where it fits, if None.
        width: of the door, in pixels; odd.

    Raises:
        WorldError: wall or door are outside.
    """
    half = width // 2
    first, last = 1 + half, size - 2 - half
    if width < 1 or width % 2 == 0 or last < first:
        raise WorldError(f"a door's width is odd and fits {size} pixels: {width} does not")
    if wall is not None and not 2 <= wall <= size - 3:
        raise WorldError(f"a wall leaves room on both sides: {wall} is none of 2 to {size - 3}")
    if door is not None and not first <= door <= last:
        raise WorldError(f"the door's middle is one of {first} to {last}, not {door}")
    walls = range(size // 3, size - size // 3) if wall is None else (wall,)
    doors = range(first, last + 1) if door is None else (door,)
    pairs = [(x, y) for x in walls for y in doors]
    solid = np.repeat(_box(size)[None], len(pairs), 0)
    zones = np.zeros(solid.shape, np.int8)
    for i, (x, y) in enumerate(pairs):
        solid[i, :, x] = True
        solid[i, y - half : y + half + 1, x] = False
        zones[i, 1:-1, 1:x] = 1
        zones[i, 1:-1, x + 1 : -1] = 2
    return Layouts(solid, zones, horizon=round(80 * size / 33))


def two_doors(size: int = 33, width: int = 5, off: int = 3, locks: bool = True) -> Layouts:
    """Two rooms and a wall with two doors, of which one may be locked, which is not seen.

    Layout 0 has both open; in 1 the lower one is locked, in 2 the upper one.

    Args:
        size: of the square, in pixels.
        width: of the doors, in pixels.
        off: pixels of wall between a door and the nearer end of the wall.
        locks: whether there are layouts with a locked door; layout 0 alone otherwise.

    Raises:
        WorldError: the doors do not fit.
    """
    wall = size // 2
    if width < 1 or off < 0 or 2 * (width + off) > size - 3:
        raise WorldError(f"two doors of {width} pixels, {off} off the ends, do not fit {size}")
    doors = (slice(1 + off, 1 + off + width), slice(size - 1 - off - width, size - 1 - off))
    shown, zones = _box(size), np.zeros((size, size), np.int8)
    shown[:, wall] = True
    for door in doors:
        shown[door, wall] = False
    zones[1:-1, 1:wall], zones[1:-1, wall + 1 : -1] = 1, 2
    n = 3 if locks else 1
    solid, seen = np.repeat(shown[None], n, 0), np.repeat(shown[None], n, 0)
    for k, door in enumerate(doors[: n - 1], 1):
        solid[k, door, wall] = True
    return Layouts(solid, np.repeat(zones[None], n, 0), round(90 * size / 33), seen)


def snake(size: int = 33, walls: int = 3, width: int = 5) -> Layouts:
    """Walls from top to bottom whose doors are at alternate ends: a long way between end rooms.

    Args:
        size: of the square, in pixels.
        walls: how many.
        width: of doors, in pixels.

    Raises:
        WorldError: rooms would be narrower than two pixels, or doors wider than the square.
    """
    columns = [round((i + 1) * (size - 1) / (walls + 1)) for i in range(walls)]
    bounds = [0, *columns, size - 1]
    if walls < 1 or min(np.diff(bounds)) < 3 or not 1 <= width < size - 2:
        raise WorldError(f"{walls} walls with doors of {width} pixels do not fit {size} pixels")
    solid = _box(size)[None]
    for i, x in enumerate(columns):
        solid[0, :, x] = True
        where = slice(1, 1 + width) if i % 2 == 0 else slice(-1 - width, -1)
        solid[0, where, x] = False
    zones = np.zeros(solid.shape, np.int8)
    zones[0, 1:-1, 1 : columns[0]] = 1
    zones[0, 1:-1, columns[-1] + 1 : -1] = 2
    return Layouts(solid, zones, horizon=round(120 * size / 33 * max(1, (walls + 1) / 4)))


def open_room(size: int = 33) -> Layouts:
    """One room without walls; episodes begin and end on its left and right halves.

    Raises:
        WorldError: it has no two halves.
    """
    if size < 4:
        raise WorldError(f"an open room has at least 4 pixels a side, not {size}")
    solid = _box(size)[None]
    zones = np.where(solid, 0, 1).astype(np.int8)
    zones[0, :, size // 2 :] *= 2
    return Layouts(solid, zones, horizon=round(80 * size / 33))


def mazes(
    cells: int = 4, corridor: int = 7, openings: float = 0.0, number: int = 16, seed: int = 0
) -> Layouts:
    """Mazes of any size: walls of one pixel between cells, drawn depth first.

    Episodes lead between the quarter of the cells that are nearest to one end of the longest way
    through the maze and the quarter that are farthest from it.

    Args:
        cells: along a side.
        corridor: width of a cell, in pixels; images have `cells * (corridor + 1) + 1` a side.
        openings: share of the remaining walls that are opened, for ways round.
        number: of mazes.
        seed: draws them.

    Raises:
        WorldError: sizes or the share make no sense.
    """
    if cells < 2 or corridor < 2 or number < 1 or not 0 <= openings <= 1:
        raise WorldError(
            f"a maze has 2 cells a side, 2 pixels a cell and openings from 0 to 1 at least, not "
            f"{cells}, {corridor} and {openings}"
        )
    rng = np.random.default_rng(seed)
    size = cells * (corridor + 1) + 1
    solid = np.ones((number, size, size), np.bool_)
    zones = np.zeros(solid.shape, np.int8)
    longest = 0.0
    for i in range(number):
        joined = _passages(cells, openings, rng)
        ways = _distances(joined, cells)
        end = int(ways[int(ways[0].argmax())].argmax())
        order = np.argsort(ways[end], kind="stable")
        quarter = max(1, len(order) // 4)
        kind = np.zeros(cells * cells, np.int8)
        kind[order[:quarter]], kind[order[-quarter:]] = 1, 2
        longest = max(longest, float(ways[end].max()) * (corridor + 1))
        for cell in range(cells * cells):
            y, x = (1 + k * (corridor + 1) for k in divmod(cell, cells))
            inside = (i, slice(y, y + corridor), slice(x, x + corridor))
            solid[inside], zones[inside] = False, kind[cell]
        for a, b in joined:
            y, x = (1 + k * (corridor + 1) for k in divmod(a, cells))
            if b == a + 1:
                solid[i, y : y + corridor, x + corridor] = False
            else:
                solid[i, y + corridor, x : x + corridor] = False
    # Twice the longest way at full speed, and no less than two rooms take.
    return Layouts(solid, zones, horizon=max(80, round(2 * longest / 1.5)))


def _passages(cells: int, openings: float, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pairs of cells that are joined: a spanning tree and a share of the other neighbours."""

    def beside(cell: int) -> list[int]:
        y, x = divmod(cell, cells)
        near = ((y, x + 1), (y + 1, x), (y, x - 1), (y - 1, x))
        return [b * cells + a for b, a in near if 0 <= a < cells and 0 <= b < cells]

    path, seen, joined = [0], {0}, set[tuple[int, int]]()
    while path:
        ways = [cell for cell in beside(path[-1]) if cell not in seen]
        if not ways:
            path.pop()
            continue
        chosen = ways[int(rng.integers(len(ways)))]
        joined.add((min(path[-1], chosen), max(path[-1], chosen)))
        seen.add(chosen)
        path.append(chosen)
    rest = {(a, b) for a in range(cells * cells) for b in beside(a) if a < b} - joined
    joined |= {pair for pair in sorted(rest) if rng.random() < openings}
    return sorted(joined)


def _distances(joined: list[tuple[int, int]], cells: int) -> Int[np.ndarray, "c c"]:
    a, b = np.array(joined).T
    graph = csr_array((np.ones(len(a)), (a, b)), shape=(cells * cells, cells * cells))
    return shortest_path(graph, directed=False, unweighted=True).astype(np.int64)


def _box(size: int) -> Bool[np.ndarray, "h w"]:
    solid = np.ones((size, size), np.bool_)
    solid[1:-1, 1:-1] = False
    return solid
