"""The routes of the page *Map*."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from unfrozen.workbench.jobs.router import Whole, told
from unfrozen.workbench.jobs.table import Handle
from unfrozen.workbench.pages.map.schemas import (
    CellsIn,
    FamilyOut,
    RouteIn,
    RouteOut,
    StepIn,
    WalkOut,
    WanderIn,
    WorldIn,
)
from unfrozen.workbench.server.bench import Bench, ThisBench

if TYPE_CHECKING:
    from unfrozen.workbench.pages.map.walking import Walks

router = APIRouter()
PAGE = LANE = "map"


@router.get("/families")
def families() -> list[FamilyOut]:
    """Families of worlds."""
    from unfrozen.workbench.pages.map import walking

    return walking.families()


@router.post("/walks")
def new(bench: ThisBench, asked: WorldIn) -> WalkOut:
    """Begin a walk in a new world."""
    return _walks(bench).new(asked).told()


@router.get("/walks/last")
def last(bench: ThisBench) -> WalkOut:
    """The walk that was begun last, so that a second tab sees it too."""
    return _walks(bench).last().told()


@router.get("/walks/{number}")
def walk(bench: ThisBench, number: int) -> WalkOut:
    """A walk."""
    return _walks(bench).get(number).told()


@router.post("/walks/{number}/step")
def step(bench: ThisBench, number: int, asked: StepIn) -> WalkOut:
    """Take a step."""
    walker = _walks(bench).get(number)
    walker.step(asked.action)
    return walker.told()


@router.post("/walks/{number}/begin")
def begin(bench: ThisBench, number: int) -> WalkOut:
    """Set the walker down elsewhere."""
    walker = _walks(bench).get(number)
    walker.begin()
    return walker.told()


@router.post("/walks/{number}/route")
def route(bench: ThisBench, number: int, asked: RouteIn) -> RouteOut:
    """The way to a symbol."""
    return _walks(bench).get(number).route(asked.symbol)


@router.post("/walks/{number}/wander")
def wander(bench: ThisBench, number: int, asked: WanderIn) -> Whole:
    """Begin to walk at random."""
    walker = _walks(bench).get(number)

    def work(handle: Handle) -> dict[str, Any]:
        for done in range(asked.steps):
            handle.report("Walking", done, asked.steps)
            walker.wander()
            handle.publish({"walk": number, "steps": done + 1})
        return {"walk": number, "steps": asked.steps}

    request = {"walk": number, **asked.model_dump(mode="json")}
    job = bench.jobs.start("wander", PAGE, "Walking", work, request=request, lane=LANE)
    return told(bench, job)


@router.post("/walks/{number}/cells")
def cells(bench: ThisBench, number: int, asked: CellsIn) -> Whole:
    """Begin to watch units."""
    walker = _walks(bench).get(number)

    def work(handle: Handle) -> dict[str, Any]:
        from unfrozen.workbench.pages.map.cells import cells as watch

        return watch(walker, asked, handle).model_dump(mode="json")

    request = {"walk": number, **asked.model_dump(mode="json")}
    job = bench.jobs.start("cells", PAGE, "Rate maps", work, request=request, lane=LANE)
    return told(bench, job)


def _walks(bench: Bench) -> "Walks":
    from unfrozen.workbench.pages.map.walking import Walks

    return bench.own(Walks)
