"""What the page *Knowledge* asks, and what it is told, as typed JSON."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from unfrozen.workbench.models import Where

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Prompt = Annotated[str, StringConstraints(min_length=1, max_length=8000, pattern=r"\S")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Asked(BaseModel):
    """A request; fields that nobody knows are refused."""

    model_config = ConfigDict(extra="forbid")


class WhereIn(Asked):
    """Which model in which state: a workspace, or a model as it was published."""

    workspace: Name | None = None
    model: Name | None = None

    @property
    def where(self) -> Where:
        """As the models take it."""
        return Where(self.workspace, self.model)


class MakeIn(Asked):
    """A new workspace."""

    name: Name
    model: Name | None = None


class AskIn(WhereIn):
    """A question."""

    prompt: Prompt
    top: Annotated[int, Field(ge=1, le=50)] = 10
    tokens: Annotated[int, Field(ge=0, le=200)] = 20
    base: bool = False


class TraceIn(WhereIn):
    """A prompt to trace."""

    prompt: Prompt
    subject: Text
    answer: Text | None = None
    samples: Annotated[int, Field(ge=1, le=50)] = 5
    kinds: list[Literal["state", "mlp", "attention"]] = Field(
        default=["state", "mlp", "attention"], min_length=1, max_length=3
    )
    seed: Annotated[int, Field(ge=0, le=2**31)] = 0


class EditIn(Asked):
    """A fact to rewrite in a workspace."""

    workspace: Name
    prompt: Prompt
    subject: Text
    to: Text
    true: Text | None = None
    method: Literal["rome", "ft", "ft-l"] = "rome"
    layer: Annotated[int, Field(ge=0)] | None = None
    paraphrases: list[Text] = Field(default=[], max_length=50)
    neighbours: list[Text] = Field(default=[], max_length=50)
    identity: bool = False
    dry_run: bool = False


class EntryIn(Asked):
    """An entry of a log, to be reverted or restored."""

    workspace: Name
    entry: Annotated[int, Field(ge=1)]


class FactIn(Asked):
    """A fact to ask about."""

    subject: Text
    prompt: Prompt
    target_true: Text | None = None
    target_new: Text | None = None
    relation: str = ""


class GraphIn(WhereIn):
    """What a graph is asked."""

    relations: list[Name] = Field(default=[], max_length=20)
    facts: list[FactIn] = Field(default=[], max_length=2000)
    most: Annotated[int, Field(ge=2, le=200)] = 12
    seed: Annotated[int, Field(ge=0, le=2**31)] = 0


class DiffIn(Asked):
    """Two states to compare: around an entry, or the base and now."""

    workspace: Name
    entry: Annotated[int, Field(ge=1)] | None = None
    relations: list[Name] = Field(default=[], max_length=20)
    most: Annotated[int, Field(ge=0, le=200)] = 10


class WorkspaceOut(BaseModel):
    """A workspace that can be chosen; one that is damaged says so."""

    name: str
    title: str
    base: str
    entries: int
    changes: int
    error: str | None = None


class StatesOut(BaseModel):
    """What can be asked."""

    home: str
    workspaces: list[WorkspaceOut]
    models: list[str]
    loaded: str | None
    relations: list[str]


class EntryOut(BaseModel):
    """A line of a log."""

    number: int
    id: str
    at: str
    name: str
    kind: str
    state: str
    what: str
    reverts: str | None
    effect: dict[str, Any]
    settings: dict[str, Any]


class LogOut(BaseModel):
    """A log."""

    workspace: str
    base: str
    entries: list[EntryOut]


class TokenOut(BaseModel):
    """A next token."""

    text: str
    probability: float


class AnswerOut(BaseModel):
    """What a model says next."""

    state: str
    top: list[TokenOut]
    written: str


class AskOut(BaseModel):
    """An answer; of a workspace with changes, with what its base says."""

    prompt: str
    answer: AnswerOut
    base: AnswerOut | None = None


class MapOut(BaseModel):
    """A heat map: indirect effects, a row a token and a column a layer."""

    kind: str
    effect: list[list[float]]
    deviation: list[list[float]]


class TraceOut(BaseModel):
    """A trace, as far as it is drawn."""

    state: str
    prompt: str
    subject: str
    answer: str
    tokens: list[str]
    subject_span: tuple[int, int]
    clean: float
    corrupted: float
    samples: int
    window: int
    maps: list[MapOut]


class EditOut(BaseModel):
    """What an edit did."""

    entry: int | None
    name: str
    bytes: int
    layer: int
    source: str
    prompt: str
    true: str
    new: str
    before: dict[str, Any]
    after: dict[str, Any]
    answers: tuple[AnswerOut, AnswerOut]


class EdgeOut(BaseModel):
    """An edge of a graph, with how sure it is."""

    subject: str
    relation: str
    object: str
    confidence: float
    probability: float
    extrapolated: bool
    truth: str | None


class NodeOut(BaseModel):
    """A node, and where it is drawn."""

    name: str
    x: float
    y: float
    subject: bool


class GraphOut(BaseModel):
    """A graph, and how far it can be trusted."""

    state: str
    calibrated: bool
    error: float | None
    held_out: int
    edges: list[EdgeOut]
    nodes: list[NodeOut]


class MovedOut(BaseModel):
    """A question that is answered otherwise."""

    subject: str
    relation: str
    prompt: str
    kind: str
    intended: bool
    distance: float
    before: str
    before_share: float
    after: str
    after_share: float


class DiffOut(BaseModel):
    """What changed between two states."""

    before: str
    after: str
    asked: int
    meant: int
    moved: list[MovedOut]
    nodes: list[NodeOut]
