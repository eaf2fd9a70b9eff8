"""One table of jobs: begun, told how far they are, stopped between two steps, kept when done.

A job is a function of a `Handle`.  Jobs of one lane run one after another, so those that use the
language model never meet; a stop is heard at the next step that reports.
"""

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from unfrozen.errors import WorkbenchError
from unfrozen.workbench.server.replies import one_line

_log = logging.getLogger("unfrozen.workbench")

Status = Literal["queued", "running", "stopping", "done", "stopped", "failed"]
OVER = ("done", "stopped", "failed")
KEPT = 100
"""Jobs that are remembered when they are over."""


@dataclass(frozen=True)
class Progress:
    """How far a job is: what is being done, how much of it, of how much."""

    what: str
    done: int
    total: int


@dataclass(frozen=True)
class Job:
    """A job as it is now.

    Attributes:
        id: its number in this run of the workbench.
        kind: what it does, a word.
        page: which page began it; empty for the workbench itself.
        title: what it does, for people.
        lane: jobs of one lane run one after another.
        request: what it was asked.
        status: where it stands.
        progress: how far; None before it tells.
        result: what it found; while it runs, what it has found so far.
        error: why it failed, one line.
        seconds: how long it has run.
    """

    id: int
    kind: str
    page: str
    title: str
    lane: str
    request: Mapping[str, Any]
    status: Status = "queued"
    progress: Progress | None = None
    result: Any = None
    error: str | None = None
    seconds: float = 0.0

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.status in OVER


class StopJob(KeyboardInterrupt):
    """Raised inside a job that is to stop: what heeds Ctrl-C heeds it."""


class Handle:
    """What a job's function tells its job by.

    Args:
        jobs: the table.
        number: of the job.
    """

    def __init__(self, jobs: "Jobs", number: int) -> None:
        self._jobs, self._number = jobs, number

    def report(self, what: str, done: int, total: int) -> None:
        """Tell how far the work is.

        Raises:
            StopJob: it is to stop.
        """
        self.check()
        self._jobs._change(self._number, progress=Progress(what, done, total))

    def publish(self, result: Any) -> None:
        """Show what has been found so far, as JSON.

        Raises:
            StopJob: it is to stop.
        """
        self.check()
        self._jobs._change(self._number, result=result)

    def check(self) -> None:
        """Stop here if that was asked.

        Raises:
            StopJob: it is to stop.
        """
        if self._jobs.get(self._number).status == "stopping":
            raise StopJob


Work = Callable[[Handle], Any]
"""A job's function; what it returns is JSON."""


@dataclass
class _Lane:
    waiting: "queue.SimpleQueue[tuple[int, Work] | None]" = field(default_factory=queue.SimpleQueue)
    thread: threading.Thread | None = None


class Jobs:
    """The table."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[int, Job] = {}
        self._started: dict[int, float] = {}
        self._lanes: dict[str, _Lane] = {}
        self._numbers = itertools.count(1)

    def start(
        self,
        kind: str,
        page: str,
        title: str,
        work: Work,
        *,
        request: Mapping[str, Any] | None = None,
        lane: str = "",
    ) -> Job:
        """Begin a job, as soon as those before it in its lane are over.

        Args:
            kind: what it does, a word.
            page: which page begins it.
            title: what it does, for people.
            work: does it.
            request: what it was asked, for a page that comes back to it.
            lane: whose jobs run one after another.
        """
        with self._lock:
            job = Job(next(self._numbers), kind, page, title, lane, dict(request or {}))
            self._jobs[job.id] = job
            self._forget()
            one = self._lanes.setdefault(lane, _Lane())
            one.waiting.put((job.id, work))
            if one.thread is None:
                # A daemon, since a stop is heard only at a job's next step.
                one.thread = threading.Thread(target=self._run, args=(one,), daemon=True)
                one.thread.start()
        return job

    def get(self, number: int) -> Job:
        """A job as it is now.

        Raises:
            WorkbenchError: there is none, or it is forgotten.
        """
        with self._lock:
            job = self._jobs.get(number)
            if job is None:
                raise WorkbenchError(f"there is no job {number} any more: start it again")
            return self._now(job)

    def all(self, page: str | None = None) -> list[Job]:
        """The jobs of a page, or all, oldest first."""
        with self._lock:
            return [self._now(job) for job in self._jobs.values() if page in (None, job.page)]

    def before(self, job: Job) -> Job | None:
        """The job that one which is queued waits for."""
        if job.status != "queued":
            return None
        lane = [one for one in self.all() if one.lane == job.lane and one.id < job.id]
        return next((one for one in lane if not one.over), None)

    def stop(self, number: int) -> Job:
        """Have a job stop at its next step; one that waits never begins."""
        job = self.get(number)
        with self._lock:
            job = self._jobs[number]
            if job.status == "queued":
                self._jobs[number] = replace(job, status="stopped")
            elif job.status == "running":
                self._jobs[number] = replace(job, status="stopping")
        return self.get(number)

    def close(self) -> None:
        """Have all jobs stop, and begin no more."""
        for job in self.all():
            self.stop(job.id)
        with self._lock:
            for lane in self._lanes.values():
                lane.waiting.put(None)

    def _now(self, job: Job) -> Job:
        began = self._started.get(job.id)
        if job.over or began is None:
            return job
        return replace(job, seconds=time.monotonic() - began)

    def _run(self, lane: _Lane) -> None:
        while (item := lane.waiting.get()) is not None:
            self._do(*item)

    def _do(self, number: int, work: Work) -> None:
        with self._lock:
            if self._jobs[number].status != "queued":
                return
            self._started[number] = time.monotonic()
            self._jobs[number] = replace(self._jobs[number], status="running")
        try:
            self._end(number, status="done", result=work(Handle(self, number)))
        except StopJob:
            self._end(number, status="stopped")
        except Exception as error:
            line = one_line(error)
            if line.startswith("a bug"):
                _log.error("the job %r failed", self._jobs[number].title, exc_info=error)
            self._end(number, status="failed", error=line)

    def _end(self, number: int, **changes: Any) -> None:
        self._change(number, seconds=time.monotonic() - self._started[number], **changes)

    def _change(self, number: int, **changes: Any) -> None:
        with self._lock:
            self._jobs[number] = replace(self._jobs[number], **changes)

    def _forget(self) -> None:
        over = [number for number, job in self._jobs.items() if job.over]
        for number in over[: max(0, len(over) - KEPT)]:
            del self._jobs[number]
            self._started.pop(number, None)
