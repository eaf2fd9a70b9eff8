"""The routes of the page *Knowledge*."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from unfrozen.workbench.jobs.router import Whole, told
from unfrozen.workbench.jobs.table import Handle
from unfrozen.workbench.models import LANE
from unfrozen.workbench.pages.knowledge import asking, editing, graphs, logs, tracing
from unfrozen.workbench.pages.knowledge.schemas import (
    AskIn,
    DiffIn,
    EditIn,
    EntryIn,
    GraphIn,
    LogOut,
    MakeIn,
    StatesOut,
    TraceIn,
)
from unfrozen.workbench.server.bench import Bench, ThisBench

router = APIRouter()
PAGE = "knowledge"


def _begin(
    bench: Bench, kind: str, title: str, asked: BaseModel, work: Callable[[Handle], Any]
) -> Whole:
    """Begin a job that uses the language model."""

    def run(handle: Handle) -> Any:
        found = work(handle)
        return found.model_dump(mode="json") if isinstance(found, BaseModel) else found

    request = asked.model_dump(mode="json")
    return told(bench, bench.jobs.start(kind, PAGE, title, run, request=request, lane=LANE))


@router.get("/states")
def states(bench: ThisBench) -> StatesOut:
    """What can be asked."""
    return logs.states(bench.models)


@router.post("/make")
def make(bench: ThisBench, asked: MakeIn) -> Whole:
    """Begin to make a workspace."""
    title = f"Making the workspace {asked.name}"
    return _begin(
        bench, "make", title, asked,
        lambda handle: editing.make(bench.models, asked.name, asked.model, handle),
    )  # fmt: skip


@router.post("/ask")
def ask(bench: ThisBench, asked: AskIn) -> Whole:
    """Begin to ask."""
    return _begin(
        bench, "ask", "Asking", asked, lambda handle: asking.ask(bench.models, asked, handle)
    )


@router.post("/trace")
def trace(bench: ThisBench, asked: TraceIn) -> Whole:
    """Begin to trace."""
    title = f"Tracing “{asked.subject}”"
    return _begin(
        bench, "trace", title, asked, lambda handle: tracing.trace(bench.models, asked, handle)
    )


@router.post("/edit")
def edit(bench: ThisBench, asked: EditIn) -> Whole:
    """Begin to edit."""
    title = f"Rewriting “{asked.subject}” to {asked.to}"
    return _begin(
        bench, "edit", title, asked, lambda handle: editing.edit(bench.models, asked, handle)
    )


@router.post("/graph")
def graph(bench: ThisBench, asked: GraphIn) -> Whole:
    """Begin to read a graph."""
    return _begin(
        bench, "graph", "Reading the graph", asked,
        lambda handle: graphs.graph(bench.models, asked, handle),
    )  # fmt: skip


@router.post("/diff")
def diff(bench: ThisBench, asked: DiffIn) -> Whole:
    """Begin to compare."""
    return _begin(
        bench, "diff", "Comparing", asked, lambda handle: graphs.diff(bench.models, asked, handle)
    )


@router.get("/log")
def log(bench: ThisBench, workspace: str) -> LogOut:
    """The log of a workspace."""
    return logs.log(bench.models, workspace)


@router.post("/revert")
def revert(bench: ThisBench, asked: EntryIn) -> LogOut:
    """Take an entry back."""
    return logs.revert(bench.models, asked.workspace, asked.entry)


@router.post("/restore")
def restore(bench: ThisBench, asked: EntryIn) -> LogOut:
    """Bring an entry back."""
    return logs.restore(bench.models, asked.workspace, asked.entry)


@router.get("/export")
def export(bench: ThisBench, workspace: str, entry: int) -> Response:
    """A change as a file."""
    name = f"change-{entry}.safetensors"
    return Response(
        logs.export(bench.models, workspace, entry),
        media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.post("/import")
async def import_(bench: ThisBench, request: Request, workspace: str, name: str) -> LogOut:
    """Add the changes of a file, whose bytes are the body."""
    from anyio.to_thread import run_sync

    data = await request.body()
    return await run_sync(logs.import_, bench.models, workspace, name, data)
