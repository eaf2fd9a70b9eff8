"""What the page *Memory* asks, and what it is told, as typed JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from unfrozen.workbench.pages.knowledge.schemas import WhereIn

MOST_PATTERNS, MOST_FEATURES = 200, 1024
Pattern = Annotated[list[float], Field(min_length=1, max_length=MOST_FEATURES)]


class Asked(BaseModel):
    """A request; fields that nobody knows are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class NetworkIn(Asked):
    """Which memory.

    Attributes:
        kind: "classical", "dense", "modern" or "kernel".
        rule: of the classical one.
        degree: of the dense one.
        beta: inverse temperature of the modern one, inverse squared width of the kernel.
        alpha: of the modern one: 1 for softmax, 2 for sparsemax.
    """

    kind: Literal["classical", "dense", "modern", "kernel"] = "modern"
    rule: Literal["hebb", "storkey", "pseudo-inverse"] = "hebb"
    degree: Annotated[int, Field(ge=2, le=20)] = 3
    beta: Annotated[float, Field(gt=0, le=1000)] = 0.1
    alpha: Annotated[float, Field(ge=1, le=4)] = 1.0


class DamageIn(Asked):
    """What is done to a pattern.

    Attributes:
        kind: "flip" turns signs, "mask" sets to zero, "noise" adds Gaussian noise.
        amount: share of the features; of noise, its standard deviation.
        seed: of the choice.
    """

    kind: Literal["flip", "mask", "noise"] = "flip"
    amount: Annotated[float, Field(ge=0, le=10)] = 0.2
    seed: Annotated[int, Field(ge=0, le=2**31)] = 0


class RecallIn(Asked):
    """Patterns to store, one to damage, and a memory to recall it from."""

    patterns: Annotated[list[Pattern], Field(min_length=1, max_length=MOST_PATTERNS)]
    shown: Annotated[int, Field(ge=0)] = 0
    damage: DamageIn = DamageIn()
    start: Pattern | None = None
    network: NetworkIn = NetworkIn()


class StepOut(BaseModel):
    """A state on the way.

    Attributes:
        state: its features.
        energy: of it.
        cosines: with each pattern.
        update: the number of the update that it belongs to.
    """

    state: list[float]
    energy: float
    cosines: list[float]
    update: int


class RecallOut(BaseModel):
    """The way of a state.

    Attributes:
        steps: from the start to where it rests.
        converged: whether it rests.
        nearest: number of the pattern that it is nearest to.
        recalled: whether it is within a tenth of that pattern's norm of it.
    """

    steps: list[StepOut]
    converged: bool
    nearest: int
    recalled: bool


class SetOut(BaseModel):
    """Patterns that come along, or that were uploaded.

    Attributes:
        names: of the patterns.
        patterns: rows of features.
        width: features of a row of the picture; 0 where they are no pictures.
    """

    names: list[str]
    patterns: list[list[float]]
    width: int


class HeadsIn(WhereIn):
    """How heads are looked at: rows of text, and tokens of each."""

    rows: Annotated[int, Field(ge=1, le=64)] = 4
    length: Annotated[int, Field(ge=16, le=512)] = 128
    seed: Annotated[int, Field(ge=0, le=2**31)] = 0


class HeadsOut(BaseModel):
    """Heads of a model, a row a layer; see `unfrozen.language.heads.Heads`."""

    state: str
    corpus: str
    length: int
    queries: int
    mass: float
    patterns: list[list[float]]
    share: list[list[float]]
    first: list[list[float]]
    classes: list[list[str]]
