"""What the page *Papers* asks, and what it is told, as typed JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Value = bool | int | float | None


class RunIn(BaseModel):
    """A paper to run again."""

    model_config = ConfigDict(extra="forbid")

    paper: Annotated[str, Field(min_length=1, max_length=80)]
    budget: Literal["quick", "full"] = "quick"
    seed: Annotated[int, Field(ge=0, le=2**31)] = 0


class FoundOut(BaseModel):
    """What a run found of a claim."""

    value: Value
    deviation: float | None
    holds: bool
    note: str


class ClaimOut(BaseModel):
    """A claim: what the paper says, what the kept run found, and what a run here found."""

    id: str
    text: str
    unit: str
    theirs: Value
    kept: FoundOut | None
    here: FoundOut | None


class RecordOut(BaseModel):
    """What a run took, and what it ran on."""

    budget: str
    seconds: float
    flops: int
    peak_memory_bytes: int
    seeds: list[int]
    processor: str
    commit: str | None


class PaperOut(BaseModel):
    """A paper and its claims."""

    name: str
    title: str
    citation: str
    summary: str
    claims: list[ClaimOut]
    kept: RecordOut | None
    here: RecordOut | None
    report: str | None


class PapersOut(BaseModel):
    """All papers."""

    papers: list[PaperOut]
