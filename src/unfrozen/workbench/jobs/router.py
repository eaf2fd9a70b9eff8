"""The routes of jobs: how they are doing, and to stop them."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from unfrozen.workbench.jobs.table import Job, Status
from unfrozen.workbench.server.bench import Bench, ThisBench

router = APIRouter()


class ProgressOut(BaseModel):
    """How far a job is."""

    what: str
    done: int
    total: int


class Brief(BaseModel):
    """A job without what it found."""

    id: int
    kind: str
    page: str
    title: str
    request: dict[str, Any]
    status: Status
    over: bool
    progress: ProgressOut | None
    waits_for: str | None
    error: str | None
    seconds: float


class Whole(Brief):
    """A job with what it found, or has found so far."""

    result: Any


def told(bench: Bench, job: Job) -> Whole:
    """A job as the pages see it."""
    progress, before = job.progress, bench.jobs.before(job)
    return Whole(
        id=job.id,
        kind=job.kind,
        page=job.page,
        title=job.title,
        request=dict(job.request),
        status=job.status,
        over=job.over,
        progress=None
        if progress is None
        else ProgressOut(what=progress.what, done=progress.done, total=progress.total),
        waits_for=None if before is None else before.title,
        error=job.error,
        seconds=round(job.seconds, 2),
        result=job.result,
    )


@router.get("")
def jobs(bench: ThisBench, page: str | None = None) -> list[Brief]:
    """The jobs of a page, oldest first, so that it goes on showing them after a reload."""
    return [
        Brief(**told(bench, job).model_dump(exclude={"result"})) for job in bench.jobs.all(page)
    ]


@router.get("/{number}")
def job(bench: ThisBench, number: int) -> Whole:
    """One job."""
    return told(bench, bench.jobs.get(number))


@router.post("/{number}/stop")
def stop(bench: ThisBench, number: int) -> Whole:
    """Have a job stop at its next step."""
    return told(bench, bench.jobs.stop(number))
