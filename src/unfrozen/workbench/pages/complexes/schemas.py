"""What the page *Complexes* asks, and what it is told, as typed JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

LiftName = Literal["cliques", "rings", "balls", "paths", "cofaces", "mapper"]


class Asked(BaseModel):
    """A request; fields that nobody knows are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class LiftIn(Asked):
    """A lift, and how far it goes: rank of cliques, nodes of rings, hops of balls, edges of paths.

    Attributes:
        name: of the lift.
        reach: of those four; None for what the lift takes by itself.
    """

    name: LiftName
    reach: Annotated[int | None, Field(ge=1, le=12)] = None


class BuildIn(Asked):
    """A complex by the name of an example, or by the number of an upload; lifted or not."""

    example: Annotated[str, Field(max_length=40)] | None = None
    upload: Annotated[int, Field(ge=1)] | None = None
    lift: LiftIn | None = None


class ExampleOut(BaseModel):
    """A complex that comes along."""

    name: str
    told: str


class UploadOut(BaseModel):
    """An upload: its number, its name, and what was left out of it."""

    number: int
    name: str
    nodes: int
    notes: list[str]


class RankOut(BaseModel):
    """Cells of a rank: how many, how many of them the lift added, and nodes of a cell."""

    rank: int
    cells: int
    added: int
    least: int
    most: int
    oriented: str | None


class MatrixNameOut(BaseModel):
    """A matrix that can be seen: its name as papers write it, and what it says."""

    name: str
    told: str


class SetOut(BaseModel):
    """A cell that is no polygon: its rank, its nodes, and a border around them where it is flat."""

    rank: int
    nodes: list[int]
    border: list[tuple[float, float]]


class BuiltOut(BaseModel):
    """A complex.

    Attributes:
        number: by which its matrices are asked for.
        name: of it.
        points: of the nodes, in two or three dimensions.
        labels: names of the nodes.
        edges: pairs of nodes.
        polygons: nodes of the cells of rank 2 that go round along edges, in order.
        sets: the other cells.
        left: cells that are not drawn, since there are too many.
        ranks: cells by rank.
        euler: characteristic.
        components: parts that no cell connects.
        betti: numbers; None where they are not known.
        matrices: that can be seen.
    """

    number: int
    name: str
    points: list[list[float]]
    labels: list[str]
    edges: list[tuple[int, int]]
    polygons: list[list[int]]
    sets: list[SetOut]
    left: int
    ranks: list[RankOut]
    euler: int
    components: int
    betti: list[int | None]
    matrices: list[MatrixNameOut]


class MatrixOut(BaseModel):
    """A matrix.

    Attributes:
        name: as papers write it.
        told: what it says.
        shape: rows and columns.
        entries: that are not zero.
        values: of the first rows and columns.
        rows, columns: what they are of, in words.
        cut: whether there are more than are given.
    """

    name: str
    told: str
    shape: tuple[int, int]
    entries: int
    values: list[list[float]]
    rows: str
    columns: str
    cut: bool
