"""The routes of the page *Complexes*."""

from typing import TYPE_CHECKING, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request

from unfrozen.workbench.jobs.router import Whole, told
from unfrozen.workbench.jobs.table import Handle
from unfrozen.workbench.pages.complexes.schemas import (
    BuildIn,
    ExampleOut,
    MatrixOut,
    UploadOut,
)
from unfrozen.workbench.server.bench import Bench, ThisBench

if TYPE_CHECKING:
    from unfrozen.workbench.pages.complexes.sources import Sources

router = APIRouter()
PAGE = LANE = "complexes"


@router.get("/examples")
def examples() -> list[ExampleOut]:
    """Complexes that come along."""
    from unfrozen.workbench.pages.complexes import sources

    return sources.examples()


@router.post("/uploads")
async def upload(bench: ThisBench, request: Request, name: str) -> UploadOut:
    """A complex from a file, whose bytes are the body."""
    data = await request.body()
    return await run_sync(_upload, bench, name, data)


@router.post("/build")
def build(bench: ThisBench, asked: BuildIn) -> Whole:
    """Begin to build a complex."""

    def work(handle: Handle) -> dict[str, Any]:
        from unfrozen.workbench.pages.complexes.building import build as make

        return make(_sources(bench), asked, handle).model_dump(mode="json")

    request = asked.model_dump(mode="json")
    job = bench.jobs.start("build", PAGE, "Building", work, request=request, lane=LANE)
    return told(bench, job)


@router.get("/{number}/matrix")
def matrix(bench: ThisBench, number: int, name: str) -> MatrixOut:
    """A matrix of a complex that was built."""
    from unfrozen.workbench.pages.complexes.building import matrix as see

    return see(_sources(bench).get(number), name)


def _upload(bench: Bench, name: str, data: bytes) -> UploadOut:
    from unfrozen.workbench.pages.complexes.sources import uploaded

    source = uploaded(name, data)
    number, nodes = _sources(bench).keep(source), source.stored.complex.n_nodes
    return UploadOut(number=number, name=name, nodes=nodes, notes=list(source.notes))


def _sources(bench: Bench) -> "Sources":
    from unfrozen.workbench.pages.complexes.sources import Sources

    return bench.own(Sources)
