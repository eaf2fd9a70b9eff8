"""The routes of the page *Memory*."""

from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request

from unfrozen.workbench.jobs.router import Whole, told
from unfrozen.workbench.jobs.table import Handle
from unfrozen.workbench.models import LANE
from unfrozen.workbench.pages.memory import patterns, recalling
from unfrozen.workbench.pages.memory.heads import heads as find_heads
from unfrozen.workbench.pages.memory.schemas import HeadsIn, RecallIn, RecallOut, SetOut
from unfrozen.workbench.server.bench import ThisBench

router = APIRouter()
PAGE = "memory"


@router.get("/letters")
def letters() -> SetOut:
    """Patterns that come along."""
    return patterns.letters()


@router.post("/patterns")
async def upload(request: Request, name: str) -> SetOut:
    """Patterns from a file, whose bytes are the body."""
    data = await request.body()
    return await run_sync(patterns.uploaded, name, data)


@router.post("/recall")
def recall(asked: RecallIn) -> RecallOut:
    """The way of a damaged pattern."""
    return recalling.recall(asked)


@router.post("/heads")
def heads(bench: ThisBench, asked: HeadsIn) -> Whole:
    """Begin to look at heads."""

    def work(handle: Handle) -> dict[str, Any]:
        return find_heads(bench.models, asked, handle).model_dump(mode="json")

    request = asked.model_dump(mode="json")
    job = bench.jobs.start("heads", PAGE, "Heads by class", work, request=request, lane=LANE)
    return told(bench, job)
