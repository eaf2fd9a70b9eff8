"""What the page *Map* asks, and what it is told, as typed JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

FamilyName = Literal["grid", "maze", "objects", "borders", "hexagonal", "line"]
"""Families whose structure a model that comes along knows."""


class Asked(BaseModel):
    """A request; fields that nobody knows are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class WorldIn(Asked):
    """Which world: drawn by its seed.

    Attributes:
        family: of worlds.
        size: along a side; None for one that the papers take, drawn.
        seed: of the world and of what is seen where.
    """

    family: FamilyName = "grid"
    size: Annotated[int | None, Field(ge=3, le=12)] = None
    seed: Annotated[int, Field(ge=0, le=2**31)] = 0


class StepIn(Asked):
    """An action, by its number among the world's."""

    action: Annotated[int, Field(ge=0, le=63)]


class WanderIn(Asked):
    """Steps at random."""

    steps: Annotated[int, Field(ge=1, le=500)] = 60


class RouteIn(Asked):
    """A symbol to find the way to."""

    symbol: Annotated[int, Field(ge=0, le=999)]


class CellsIn(WanderIn):
    """Steps over which units are watched, and how many of them are shown."""

    steps: Annotated[int, Field(ge=50, le=5000)] = 800
    units: Annotated[int, Field(ge=1, le=36)] = 12


class FamilyOut(BaseModel):
    """A family of worlds: its name, what they are, and sizes that papers take."""

    name: str
    told: str
    sizes: list[int]


class GuessOut(BaseModel):
    """A symbol and its probability."""

    symbol: int
    chance: float


class StepOut(BaseModel):
    """A step that was taken.

    Attributes:
        number: from 0; a walk begins with step 0, of which nothing was foreseen.
        action: its name; empty at a beginning.
        moved: whether it led anywhere.
        symbol: seen then.
        guesses: what was foreseen, the likeliest first.
        right: whether the likeliest was seen; None where nothing was foreseen.
        fresh: whether the place was new to the walker.
    """

    number: int
    action: str
    moved: bool
    symbol: int
    guesses: list[GuessOut]
    right: bool | None
    fresh: bool


class AheadOut(BaseModel):
    """An action that could come next.

    Attributes:
        name: of it.
        dx, dy: how far it leads where it can be taken.
        possible: whether it can be taken here.
        foreseen: the likeliest symbol; None where none is likelier than others.
    """

    name: str
    dx: float
    dy: float
    possible: bool
    foreseen: GuessOut | None


class PlaceOut(BaseModel):
    """A place of the world: where it lies, and what is seen there; None before it was visited."""

    x: float
    y: float
    symbol: int | None


class DrawnOut(BaseModel):
    """A place as the map has it.

    Attributes:
        place: its number in the map.
        x, y: by the steps that lead to it.
        symbol: seen there.
        blocked: numbers of actions that could not be taken.
    """

    place: int
    x: float
    y: float
    symbol: int
    blocked: list[int]


class BeliefOut(BaseModel):
    """Where the map believes to be.

    Attributes:
        map: number of the world.
        place: number of the place.
        chance: of being in that world.
        decided: whether it has made up its mind which world it is in.
        known: whether the place was seen before.
        surprise: of what was seen, in nats.
        right: whether it is where it believes; None where that cannot be told.
    """

    map: int
    place: int
    chance: float
    decided: bool
    known: bool
    surprise: float
    right: bool | None


class WalkOut(BaseModel):
    """A walk as it is now.

    Attributes:
        id: its number.
        world: which world.
        size: of it.
        places: of the world.
        edges: pairs of places between which there is a step.
        here: the place where the walker is.
        ahead: each action from here.
        belief: where the map believes to be.
        drawn: the map of this world so far.
        walked: pairs of places of the map between which a step was taken.
        code: of the position; each number from -1 to 1 or so.
        steps: the last ones, the newest last.
        count: of all steps.
        foreseen: how often the likeliest symbol was seen at places that were visited before.
        visited: steps to such places.
    """

    id: int
    world: WorldIn
    size: int
    places: list[PlaceOut]
    edges: list[tuple[int, int]]
    here: int
    ahead: list[AheadOut]
    belief: BeliefOut
    drawn: list[DrawnOut]
    walked: list[tuple[int, int]]
    code: list[float]
    steps: list[StepOut]
    count: int
    foreseen: int
    visited: int


class RouteOut(BaseModel):
    """A way: actions by number and by name, and whether each step was taken before."""

    symbol: int
    actions: list[int]
    names: list[str]
    walked: list[bool]


class UnitOut(BaseModel):
    """A unit: its number, the share of its variance that place explains, and its rate by place."""

    unit: int
    consistency: float | None
    rates: list[float | None]


class CellsOut(BaseModel):
    """Rate maps.

    Attributes:
        steps: so far.
        of: units that there are.
        explained: units of which place explains more than half.
        places: as they lie.
        units: some of those.
    """

    steps: int
    of: int
    explained: int
    places: list[PlaceOut]
    units: list[UnitOut]
