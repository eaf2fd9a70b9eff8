"""The routes of the page *Papers*."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from unfrozen.workbench.jobs.router import Whole, told
from unfrozen.workbench.jobs.table import Handle
from unfrozen.workbench.pages.papers import records
from unfrozen.workbench.pages.papers.running import LANE
from unfrozen.workbench.pages.papers.running import run as run_again
from unfrozen.workbench.pages.papers.schemas import PapersOut, RunIn
from unfrozen.workbench.server.bench import ThisBench

router = APIRouter()
PAGE = "papers"


@router.get("")
def papers(bench: ThisBench) -> PapersOut:
    """Every paper with its claims."""
    return records.papers(bench.settings.home)


@router.post("/run")
def run(bench: ThisBench, asked: RunIn) -> Whole:
    """Begin to run a paper again."""
    from unfrozen.papers.running import runner

    name = runner.resolve(asked.paper)
    asked = asked.model_copy(update={"paper": name})

    def work(handle: Handle) -> dict[str, Any]:
        model = bench.models.first
        return run_again(bench.settings.home, model, asked, handle).model_dump(mode="json")

    request = asked.model_dump(mode="json")
    title = f"Running {name}, {asked.budget}"
    return told(bench, bench.jobs.start("run", PAGE, title, work, request=request, lane=LANE))


@router.get("/report/{name}/{budget}", response_class=HTMLResponse)
def report(bench: ThisBench, name: str, budget: str) -> HTMLResponse:
    """The report of a run here."""
    return HTMLResponse(records.report(bench.settings.home, name, budget))
