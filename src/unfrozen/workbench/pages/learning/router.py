"""The routes of the page *Learning*."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from unfrozen.errors import WorkbenchError
from unfrozen.workbench.jobs.router import Whole, told
from unfrozen.workbench.jobs.table import Handle
from unfrozen.workbench.pages.learning.schemas import ForwardIn, MezoIn, TrainingOut
from unfrozen.workbench.server.bench import Bench, ThisBench

if TYPE_CHECKING:
    from unfrozen.workbench.pages.learning.running import Run, Runs

router = APIRouter()
PAGE = LANE = "learning"


@router.get("/runs")
def runs(bench: ThisBench) -> list[TrainingOut]:
    """Runs that can be gone on with, and those that are over."""
    return _runs(bench).all()


@router.post("/mezo")
def mezo(bench: ThisBench, asked: MezoIn) -> Whole:
    """Begin to learn by forward passes alone."""
    return _going(bench, _runs(bench).new(asked))


@router.post("/forward")
def forward(bench: ThisBench, asked: ForwardIn) -> Whole:
    """Begin to learn by goodness."""
    return _going(bench, _runs(bench).new(asked))


@router.post("/runs/{number}/go-on")
def resume(bench: ThisBench, number: int) -> Whole:
    """Go on with a run that was stopped."""
    run = _runs(bench).get(number)
    if run.done >= run.out.total:
        raise WorkbenchError(f"run {number} is over: begin another, with more {run.told}")
    lively = (job for job in bench.jobs.all(PAGE) if not job.over)
    found = next((job for job in lively if job.request.get("number") == number), None)
    return _going(bench, run) if found is None else told(bench, found)


def _going(bench: Bench, run: "Run") -> Whole:
    def work(handle: Handle) -> dict[str, Any]:
        from unfrozen.workbench.pages.learning.running import go_on

        return go_on(run, handle)

    request = {"number": run.out.number, **run.asked.model_dump(mode="json")}
    job = bench.jobs.start(run.kind, PAGE, "Learning", work, request=request, lane=LANE)
    return told(bench, job)


def _runs(bench: Bench) -> "Runs":
    from unfrozen.workbench.pages.learning.running import Runs

    return bench.own(Runs)
