"""What the page *Agent* asks, and what it is told, as typed JSON."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=80)]


class Asked(BaseModel):
    """A request; fields that nobody knows are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class LifeIn(Asked):
    """A new life.

    Attributes:
        name: of its folder.
        seed: of the town and of what happens in it.
        changes: that happen by themselves.
        frozen: faculties that are not written to.
    """

    name: Name
    seed: Annotated[int, Field(ge=0, le=2**31)] = 0
    changes: Annotated[int, Field(ge=1, le=60)] = 24
    frozen: list[Literal["map", "steps", "facts", "habits"]] = []


class RunIn(Asked):
    """Errands to live; to the end of the life without a number."""

    errands: Annotated[int | None, Field(ge=1, le=1000)] = None


class PaceIn(Asked):
    """How a life goes on: what is None stays.

    Attributes:
        delay: seconds that a step rests.
        paused: whether it waits.
        step: whether one step is taken while it waits.
    """

    delay: Annotated[float | None, Field(ge=0, le=5)] = None
    paused: bool | None = None
    step: bool = False


class MoveIn(Asked):
    """Somebody moves; it is told, or has to be found out."""

    kind: Literal["move"] = "move"
    person: Name
    place: Name
    told: bool = False


class LockIn(Asked):
    """A door of a place is locked, by its action; -1 opens them all."""

    kind: Literal["lock"] = "lock"
    place: Name
    door: Annotated[int, Field(ge=-1, le=3)]


class WhyIn(Asked):
    """A time of which one asks why."""

    time: Annotated[int, Field(ge=0)]


class TermOut(BaseModel):
    """A term of an energy."""

    term: str
    amount: float


class PlanOut(BaseModel):
    """A plan: its actions, its energy and what that is made of."""

    actions: list[int]
    energy: float
    terms: list[TermOut]


class StepOut(BaseModel):
    """A step before its action is taken.

    Attributes:
        number: in the order in which steps were lived here; from 0 for those of an errand.
        time: of the life.
        errand: its number; -1 in childhood.
        step: of the errand.
        cell: where it really is.
        action: that is taken.
        mode: "habit", "plan" or "random".
        setting: how the configurator set all others; None of steps from a file.
        goal: what it goes for, in words.
        place: of the map; -1 where it knows none.
        plan: where one was made at this step.
        at: actions of the plan in force that were taken before.
        cites: how many slots of each kind the decision came from.
        learnt: what was written since the step before; None of steps from a file.
        sees: persons who are here, and the item that is carried.
        bumped: whether the last action led nowhere.
    """

    number: int
    time: int
    errand: int
    step: int
    cell: int
    action: int
    mode: str
    setting: str | None
    goal: str
    place: int
    plan: PlanOut | None
    at: int
    cites: dict[str, int]
    learnt: list[str] | None
    sees: list[str]
    bumped: bool


class StreamOut(BaseModel):
    """What is new of a life that is lived.

    Attributes:
        steps: after the one that was asked for, the oldest first.
        last: number of the last step; -1 without any.
        done: errands.
        paused, delay: its pace.
        job: number of the job that lives it; None if none does.
        waiting: changes that happen before the next errand.
    """

    steps: list[StepOut]
    last: int
    done: int
    paused: bool
    delay: float
    job: int | None
    waiting: list[str]


class PhaseOut(BaseModel):
    """The town between two changes.

    Attributes:
        exits: openings that are seen, of each cell, as bits from east on.
        locked: doors, as cell and action.
        persons: cell of each.
    """

    exits: list[int]
    locked: list[tuple[int, int]]
    persons: list[int]


class RoomOut(BaseModel):
    """A room: its name, its cell, and the actions that lead out through its doors."""

    name: str
    cell: int
    doors: list[int]


class ErrandOut(BaseModel):
    """An errand that was lived."""

    number: int
    phase: int
    asked: str
    told: str
    success: bool
    steps: int
    shortest: int


class ChangeOut(BaseModel):
    """A change: the errand before which it happened, in words, and whether it was made by hand."""

    at: int
    text: str
    given: bool


class LifeOut(BaseModel):
    """A life.

    Attributes:
        name: of its folder.
        seed: of its town.
        plastic: faculties that are written to.
        side: cells along a side; cell = x + side * y, y to the north.
        streets: cells that are streets.
        rooms: of the town.
        persons: who live there.
        phases: so far, and the present one.
        changes: that have happened.
        errands: that were lived.
        total: errands of the life.
        asked: the present errand, in words.
        phase: the present one.
        grown: whether childhood is over.
    """

    name: str
    seed: int
    plastic: list[str]
    side: int
    streets: list[int]
    rooms: list[RoomOut]
    persons: list[str]
    phases: list[PhaseOut]
    changes: list[ChangeOut]
    errands: list[ErrandOut]
    total: int
    asked: str
    phase: int
    grown: bool


class WhyOut(BaseModel):
    """Why something was done.

    Attributes:
        time: of the life.
        asked: the errand, in words.
        place: where it was, in words.
        decision: in words.
        options: each way from there and what it costs, the best first.
        slots: stored things that the decision came from: what they hold, who wrote them, and what
            became of them.
        without: what it would have done without them; None where there are none.
        matters: whether that is something else.
    """

    time: int
    asked: str
    place: str
    decision: str
    options: list[dict[str, Any]]
    slots: list[dict[str, Any]]
    without: str | None
    matters: bool
