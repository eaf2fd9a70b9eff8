"""The claims of all papers, with what the kept runs and those of this workbench found."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from unfrozen.errors import PaperError, WorkbenchError
from unfrozen.workbench.pages.papers.schemas import (
    ClaimOut,
    FoundOut,
    PaperOut,
    PapersOut,
    RecordOut,
)

if TYPE_CHECKING:
    from unfrozen.papers.claim import Claim, RunRecord

_BUDGETS = ("full", "quick")


def reports(home: Path) -> Path:
    """Where runs of this workbench leave their records and reports."""
    return home / "reports"


def prepare() -> None:
    """Import all papers."""
    from unfrozen.papers.running import runner

    for name in runner.names():
        runner.load(name)


def papers(home: Path) -> PapersOut:
    """Every paper.

    Args:
        home: the workbench's folder.
    """
    from unfrozen.papers.running import runner

    kept = runner.kept_records()
    return PapersOut(papers=[paper(home, name, kept.get(name)) for name in runner.names()])


def paper(home: Path, name: str, kept: "RunRecord | None") -> PaperOut:
    """One paper.

    Args:
        home: the workbench's folder.
        name: of the paper.
        kept: the record of the full run that comes along.
    """
    from unfrozen.papers.running import runner

    experiment = runner.load(name)
    here, page = _latest(home, name)
    before, now = _claims(kept), _claims(here)
    claims = [
        ClaimOut(
            id=spec.id,
            text=spec.text,
            unit=spec.unit,
            theirs=spec.paper_value,
            kept=before.get(spec.id),
            here=now.get(spec.id),
        )
        for spec in experiment.claims
    ]
    return PaperOut(
        name=name,
        title=experiment.title,
        citation=experiment.citation,
        summary=experiment.summary,
        claims=claims,
        kept=_record(kept),
        here=_record(here),
        report=page,
    )


def report(home: Path, name: str, budget: str) -> str:
    """The HTML page of a run here.

    Raises:
        PaperError: there is no such paper.
        WorkbenchError: it was not run here.
    """
    from unfrozen.papers.running import runner

    if budget not in _BUDGETS:
        raise WorkbenchError(f"a run is quick or full, not {budget!r}")
    path = reports(home) / f"{_stem(runner.resolve(name), budget)}.html"
    if not path.is_file():
        raise WorkbenchError(f"{name} was not run here: run it again first")
    return path.read_text(encoding="utf-8")


def _latest(home: Path, name: str) -> "tuple[RunRecord | None, str | None]":
    """The last run here, and the budget under which its report is asked for."""
    from unfrozen.papers.running import runner

    places = [(reports(home) / f"{_stem(name, budget)}.json", budget) for budget in _BUDGETS]
    there = [(path.stat().st_mtime, path, budget) for path, budget in places if path.is_file()]
    for _, path, budget in sorted(there, reverse=True):
        try:
            return runner.read_record(path), budget
        except PaperError:
            continue  # of an earlier version, or torn: the next run replaces it
    return None, None


def _stem(name: str, budget: str) -> str:
    return name if budget == "full" else f"{name}-{budget}"


def _claims(record: "RunRecord | None") -> dict[str, FoundOut]:
    claims: Iterable[Claim] = () if record is None else record.claims
    return {
        claim.id: FoundOut(
            value=claim.value, deviation=claim.deviation, holds=claim.holds, note=claim.note
        )
        for claim in claims
    }


def _record(record: "RunRecord | None") -> RecordOut | None:
    if record is None:
        return None
    return RecordOut(
        budget=record.budget,
        seconds=record.seconds,
        flops=record.flops,
        peak_memory_bytes=record.peak_memory_bytes,
        seeds=list(record.seeds),
        processor=str(record.machine.get("processor", "")),
        commit=record.commit,
    )
