"""The routes of the page *Agent*."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body

from unfrozen.errors import WorkbenchError
from unfrozen.workbench.jobs.router import Whole, told
from unfrozen.workbench.jobs.table import Handle
from unfrozen.workbench.pages.agent.schemas import (
    LifeIn,
    LifeOut,
    LockIn,
    MoveIn,
    PaceIn,
    RunIn,
    StepOut,
    StreamOut,
    WhyIn,
)
from unfrozen.workbench.places import inside
from unfrozen.workbench.server.bench import Bench, ThisBench

if TYPE_CHECKING:
    from unfrozen.workbench.pages.agent.living import Living

router = APIRouter()
PAGE = "agent"
ChangeIn = Annotated[MoveIn | LockIn, Body(discriminator="kind")]


@router.get("/lives")
def lives(bench: ThisBench) -> list[str]:
    """The lives in the workbench's folder."""
    from unfrozen.workbench.pages.agent.telling import names

    return names(bench.settings.home)


@router.post("/lives")
def new(bench: ThisBench, asked: LifeIn) -> LifeOut:
    """Begin a life."""
    from unfrozen.agent.agent import FACULTIES
    from unfrozen.agent.living.folder import LifeFolder
    from unfrozen.agent.living.life import LifeSettings
    from unfrozen.workbench.pages.agent.telling import told as told_life
    from unfrozen.world.environments.town.changes import ScheduleSettings

    settings = LifeSettings(
        seed=asked.seed, schedule=ScheduleSettings(changes=asked.changes)
    )  # fmt: skip
    plastic = tuple(f for f in FACULTIES if f not in asked.frozen)
    path = inside(bench.settings.home, asked.name)
    if path == bench.settings.home:
        raise WorkbenchError("a life has a folder of its own: give it a name")
    return told_life(LifeFolder.create(path, settings, plastic))


@router.get("/lives/{name}")
def life(bench: ThisBench, name: str) -> LifeOut:
    """A life."""
    from unfrozen.workbench.pages.agent.telling import told as told_life

    return told_life(_living(bench, name).life)


@router.get("/lives/{name}/steps")
def steps(bench: ThisBench, name: str, since: int = -1) -> StreamOut:
    """Steps that are new."""
    return _living(bench, name).stream(since, bench.jobs)


@router.get("/lives/{name}/errands/{errand}")
def errand(bench: ThisBench, name: str, errand: int) -> list[StepOut]:
    """The steps of an errand that was lived."""
    from unfrozen.workbench.pages.agent.steps import errand_steps

    return errand_steps(_living(bench, name).life, errand)


@router.post("/lives/{name}/pace")
def pace(bench: ThisBench, name: str, asked: PaceIn) -> StreamOut:
    """Change how it goes on."""
    living = _living(bench, name)
    living.pace(asked)
    return living.stream(living.number, bench.jobs)


@router.post("/lives/{name}/change")
def change(bench: ThisBench, name: str, asked: ChangeIn) -> StreamOut:
    """Change something in the town before the next errand."""
    living = _living(bench, name)
    living.change(asked, bench.jobs)
    return living.stream(living.number, bench.jobs)


@router.post("/lives/{name}/run")
def run(bench: ThisBench, name: str, asked: RunIn) -> Whole:
    """Begin to live errands; if they are being lived, the job that does."""
    living = _living(bench, name)
    with living.lock:
        if living.lives(bench.jobs) and living.job is not None:
            return told(bench, bench.jobs.get(living.job))

        living.paused = False

        def work(handle: Handle) -> dict[str, Any]:
            return living.run(asked.errands, handle)

        request = {"name": name, **asked.model_dump(mode="json")}
        lane = f"agent {name}"
        job = bench.jobs.start("live", PAGE, f"Living {name}", work, request=request, lane=lane)
        living.job = job.id
    return told(bench, job)


@router.post("/lives/{name}/why")
def why(bench: ThisBench, name: str, asked: WhyIn) -> Whole:
    """Begin to find out why something was done."""
    living = _living(bench, name)

    def work(handle: Handle) -> dict[str, Any]:
        from unfrozen.agent.living.explaining import explain
        from unfrozen.workbench.pages.agent.telling import why as told_why

        handle.report("Living it again", 0, 1)
        return told_why(explain(living.life, asked.time)).model_dump(mode="json")

    request = {"name": name, **asked.model_dump(mode="json")}
    job = bench.jobs.start("why", PAGE, "Why", work, request=request, lane="agent why")
    return told(bench, job)


def _living(bench: Bench, name: str) -> "Living":
    from unfrozen.workbench.pages.agent.living import Lives

    return bench.own(Lives).get(inside(bench.settings.home, name))
