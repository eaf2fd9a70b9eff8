"""Run a paper again, in the background; what is done stays when it is stopped."""

from pathlib import Path
from typing import Any

from unfrozen.workbench.jobs.table import Handle
from unfrozen.workbench.pages.papers.records import paper, reports
from unfrozen.workbench.pages.papers.schemas import PaperOut, RunIn

LANE = "papers"


class Bars:
    """A progress bar, as experiments take it, that tells a job.

    Args:
        handle: of the job.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._tasks: list[tuple[str, float, float]] = []

    def add_task(
        self,
        description: str,
        start: bool = True,
        total: int | float | None = 100.0,
        completed: int = 0,
    ) -> Any:
        """Begin a bar."""
        self._tasks.append((description, completed, total or 0))
        self.advance(len(self._tasks) - 1, 0)
        return len(self._tasks) - 1

    def advance(self, task_id: Any, advance: int | float = 1) -> None:
        """Move it; a job that is to stop stops here."""
        what, done, total = self._tasks[task_id]
        self._tasks[task_id] = what, done + advance, total
        self._handle.report(what, int(done + advance), int(total))


def run(home: Path, model: str, asked: RunIn, handle: Handle) -> PaperOut:
    """Run a paper; its record and report are left in the workbench's folder."""
    from unfrozen.papers.running import runner

    handle.report("Preparing", 0, 1)
    out = reports(home)
    # Not into the checkout: what is kept there is from runs by the command line.
    runner.run(
        asked.paper,
        asked.budget,
        asked.seed,
        model=model,
        out=out,
        results=out,
        progress=Bars(handle),
    )
    name = runner.resolve(asked.paper)
    return paper(home, name, runner.kept_records().get(name))
