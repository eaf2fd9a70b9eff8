"""What a paper claims, what was measured here, and the record that a run leaves.

An experiment declares its claims as `ClaimSpec`, measures them, and returns them as `Claim` in an
`Outcome`.  A claim that does not hold, or whose measurement raised, is reported with all others.
"""

import dataclasses
import math
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from unfrozen.errors import PaperError, UnfrozenError

if TYPE_CHECKING:
    import matplotlib.figure

    from unfrozen.papers.running.context import RunContext

FORMAT = 1
"""Version of the JSON that a run leaves."""

Budget = Literal["quick", "full"]
Value = bool | int | float | None
Cell = bool | int | float | str | None

_ID = re.compile(r"[a-z0-9][a-z0-9-]*\.[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Claim:
    """A sentence of a paper with what was measured of it here.

    Attributes:
        id: ``paper.name``.
        text: the sentence.
        paper_value: the paper's figure, None where it gives none.
        value: ours in the same unit, None when nothing could be measured.
        deviation: uncertainty of the value (half a confidence interval, a standard deviation);
            the note says which.
        unit: of both values.
        holds: whether the measurement bears the claim out.
        note: what a reader must know to judge it.

    Raises:
        PaperError: a field is not what the format allows.
    """

    id: str
    text: str
    paper_value: Value
    value: Value
    deviation: int | float | None
    unit: str
    holds: bool
    note: str = ""

    def __post_init__(self) -> None:
        _check_id(self.id)
        for name in ("text", "unit", "note"):
            _require(isinstance(getattr(self, name), str), self.id, f"its {name} is not text")
        _require(bool(self.text.strip()), self.id, "its text is empty")
        for name in ("paper_value", "value"):
            _require(_is_value(getattr(self, name)), self.id, f"its {name} is not a finite number")
        _require(
            _is_value(self.deviation)
            and not isinstance(self.deviation, bool)
            and (self.deviation is None or self.deviation >= 0),
            self.id,
            "its deviation is not a number from 0 up",
        )
        _require(isinstance(self.holds, bool), self.id, "whether it holds is not true or false")
        _require(
            self.value is not None or not self.holds, self.id, "it cannot hold without a value"
        )


@dataclass(frozen=True)
class Measured:
    """A measurement before it is tied to a claim; the fields are those of `Claim`."""

    value: Value
    holds: bool
    deviation: int | float | None = None
    note: str = ""


@dataclass(frozen=True)
class ClaimSpec:
    """A claim before it is measured; the fields are those of `Claim`."""

    id: str
    text: str
    paper_value: Value
    unit: str

    def __post_init__(self) -> None:
        Claim(self.id, self.text, self.paper_value, None, None, self.unit, False)

    def measured(self, value: Any, *, holds: Any, deviation: Any = None, note: str = "") -> Claim:
        """The claim with its measurement.

        A value that is no finite number makes a claim that does not hold and says so, so that
        one division by zero does not lose the run.

        Args:
            value: number or bool; of numpy and torch as well.
            holds: whether the measurement bears the claim out.
            deviation: uncertainty of the value.
            note: what a reader must know.
        """
        value, deviation, holds = _plain(value), _plain(deviation), bool(holds)
        if value is None or not _is_value(value):
            reason = "nothing was measured" if value is None else f"measured {value}"
            note = f"{reason}; {note}" if note else reason
            return self._claim(None, None, False, note)
        if deviation is not None and not (_is_value(deviation) and deviation >= 0):
            note = f"{note}; " if note else ""
            return self._claim(value, None, holds, f"{note}deviation {deviation}")
        return self._claim(value, deviation, holds, note)

    def failed(self, reason: str) -> Claim:
        """The claim as not holding because it could not be measured."""
        return self._claim(None, None, False, reason)

    def attempt(self, measure: Callable[[], Measured]) -> Claim:
        """Measure the claim; if that raises, the claim does not hold and says why.

        What the user can put right (`UnfrozenError`, a disk that refuses) is raised on.

        Args:
            measure: does the measuring.
        """
        try:
            found = measure()
        except (UnfrozenError, OSError):
            raise
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            message = " ".join(str(error).split())
            return self.failed(
                f"the measurement raised {type(error).__name__} at "
                f"{Path(frame.filename).name}:{frame.lineno}: {message}"
            )
        return self.measured(
            found.value, holds=found.holds, deviation=found.deviation, note=found.note
        )

    def _claim(self, value: Value, deviation: int | float | None, holds: bool, note: str) -> Claim:
        return Claim(self.id, self.text, self.paper_value, value, deviation, self.unit, holds, note)


@dataclass(frozen=True)
class Figure:
    """A picture for the report: a matplotlib Figure and what is to be seen in it."""

    title: str
    figure: "matplotlib.figure.Figure"
    caption: str = ""


@dataclass(frozen=True)
class Table:
    """A table for the terminal, for JSON and for the report.

    Attributes:
        title: what it shows.
        columns: headings, with units.
        rows: cells, as many a row as there are columns.
        note: a line below the table.

    Raises:
        PaperError: a row has more or fewer cells than there are columns, or two columns have one
            heading.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        if len(set(self.columns)) < len(self.columns):
            raise PaperError(f"two columns of the table {self.title!r} have one heading")
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.columns):
                raise PaperError(
                    f"row {number} of the table {self.title!r} has {len(row)} cells, "
                    f"its heading has {len(self.columns)}"
                )

    def to_json(self) -> dict[str, Any]:
        """The table as JSON: one object a row; a number that is not finite becomes null."""
        rows = [
            {c: v if not isinstance(v, float) or math.isfinite(v) else None for c, v in pairs}
            for pairs in (zip(self.columns, row, strict=True) for row in self.rows)
        ]
        return {"title": self.title, "rows": rows, "note": self.note}


@dataclass(frozen=True)
class Outcome:
    """What an experiment found.

    Attributes:
        claims: what was claimed, and what was measured.
        figures: for the report.
        tables: for the terminal, the report and JSON.
        details: tables too long for either, such as the numbers behind a figure: for JSON.
    """

    claims: tuple[Claim, ...]
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    details: tuple[Table, ...] = ()


@runtime_checkable
class Experiment(Protocol):
    """A paper as something that can be run.

    Attributes:
        name: the name it is run by.
        title: of the paper.
        citation: authors, year, where it appeared.
        summary: what is done here, in a few sentences.
        claims: what it will measure; `run` returns one `Claim` for each.
    """

    name: str
    title: str
    citation: str
    summary: str
    claims: tuple[ClaimSpec, ...]

    def run(self, budget: Budget, seed: int, context: "RunContext") -> Outcome:
        """Measure every claim.

        Args:
            budget: "full" for the figures to be reported, "quick" for minutes.
            seed: of everything that is drawn.
            context: model, facts, checkpoints, progress.
        """
        ...


@dataclass(frozen=True)
class RunRecord:
    """What a run leaves: claims, cost, and what is needed to get the same again.

    Attributes:
        paper: name of the experiment.
        budget: "quick" or "full".
        claims: every claim of the paper.
        seconds: wall-clock time, that of interrupted runs it resumed included.
        peak_memory_bytes: largest resident memory of the process.
        flops: floating-point operations of matrix products, convolutions and attention.
        seeds: that were used.
        versions: package -> version.
        machine: processor, cores, memory, system, threads, GPU.
        commit: of the checkout, ending in ``-dirty`` when files differ from it; None without one.

    Raises:
        PaperError: a field is not what the format allows.
    """

    paper: str
    budget: str
    claims: tuple[Claim, ...]
    seconds: int | float
    peak_memory_bytes: int
    flops: int
    seeds: tuple[int, ...]
    versions: dict[str, str]
    machine: dict[str, Any] = field(default_factory=dict)
    commit: str | None = None

    def __post_init__(self) -> None:
        what = f"the record of {self.paper!r}"
        _require(isinstance(self.paper, str) and bool(self.paper), what, "it names no paper")
        _require(self.budget in {"quick", "full"}, what, "its budget is not quick or full")
        ids = [claim.id for claim in self.claims]
        _require(len(set(ids)) == len(ids), what, "two of its claims have the same id")
        for name in ("seconds", "peak_memory_bytes", "flops"):
            number = getattr(self, name)
            _require(
                _is_value(number) and number is not None and number >= 0,
                what,
                f"its {name} is not a number from 0 up",
            )
        _require(
            all(isinstance(s, int) and not isinstance(s, bool) for s in self.seeds),
            what,
            "its seeds are not whole numbers",
        )
        for name in ("versions", "machine"):
            _require(isinstance(getattr(self, name), dict), what, f"its {name} is not an object")
        _require(self.commit is None or isinstance(self.commit, str), what, "its commit is no text")

    def to_json(self) -> dict[str, Any]:
        """The record in the format that is kept."""
        return {
            "format": FORMAT,
            "paper": self.paper,
            "budget": self.budget,
            "claims": [dataclasses.asdict(claim) for claim in self.claims],
            "seconds": self.seconds,
            "peak_memory_bytes": self.peak_memory_bytes,
            "flops": self.flops,
            "seeds": list(self.seeds),
            "versions": dict(self.versions),
            "machine": dict(self.machine),
            "commit": self.commit,
        }

    @staticmethod
    def from_json(data: Any) -> "RunRecord":
        """Read what `to_json` gave.

        Raises:
            PaperError: it is no such record, or of a format this version does not know.
        """
        what = "the record of a run"
        _require(isinstance(data, dict), what, "it is not a JSON object")
        _require(data.get("format") == FORMAT, what, f"its format is not {FORMAT}")
        names = {f.name for f in dataclasses.fields(RunRecord)}
        claim_names = {f.name for f in dataclasses.fields(Claim)}
        _require(set(data) == names | {"format"}, what, f"its fields are not {sorted(names)}")
        _require(
            isinstance(data["claims"], list)
            and all(isinstance(c, dict) and set(c) == claim_names for c in data["claims"]),
            what,
            "its claims are not a list of objects with the fields of a claim",
        )
        _require(isinstance(data["seeds"], list), what, "its seeds are not a list")
        try:
            claims = tuple(Claim(**claim) for claim in data["claims"])
            fields = {name: data[name] for name in names}
            return RunRecord(**{**fields, "claims": claims, "seeds": tuple(data["seeds"])})
        except PaperError:
            raise
        except Exception as error:  # a type checker of the caller's choosing may be at work
            raise PaperError(
                f"{what}: a field has the wrong type ({type(error).__name__})"
            ) from error


def _check_id(name: object) -> None:
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise PaperError(
            f"{name!r} is no id of a claim: it takes paper.name in small letters, digits, dashes"
        )


def _require(condition: bool, what: str, why: str) -> None:
    if not condition:
        raise PaperError(f"{what}: {why}")


def _is_value(value: object) -> bool:
    return value is None or (isinstance(value, bool | int | float) and math.isfinite(value))


def _plain(value: Any) -> Any:
    """A scalar of numpy or torch as one of Python."""
    return value.item() if hasattr(value, "item") else value
