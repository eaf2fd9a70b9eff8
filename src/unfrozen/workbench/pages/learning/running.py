"""Runs that are remembered while the workbench runs, and the jobs that go on with them."""

import itertools
import threading
from typing import Any

from unfrozen.errors import WorkbenchError
from unfrozen.workbench.jobs.table import Handle
from unfrozen.workbench.pages.learning.forward import ForwardRun
from unfrozen.workbench.pages.learning.mezo import MezoRun
from unfrozen.workbench.pages.learning.schemas import ForwardIn, MezoIn, TrainingOut

KEPT = 12
Run = MezoRun | ForwardRun


class Runs:
    """Runs by number; the last ones are remembered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[int, Run] = {}
        self._numbers = itertools.count(1)

    def new(self, asked: MezoIn | ForwardIn) -> Run:
        """A run that has not begun."""
        with self._lock:
            number = next(self._numbers)
            make = MezoRun if isinstance(asked, MezoIn) else ForwardRun
            self._runs[number] = made = make(number, asked)  # pyright: ignore[reportArgumentType]
            for old in list(self._runs)[:-KEPT]:
                del self._runs[old]
            return made

    def get(self, number: int) -> Run:
        """A run by its number.

        Raises:
            WorkbenchError: it is forgotten.
        """
        with self._lock:
            if number not in self._runs:
                raise WorkbenchError(f"run {number} is not remembered any more: begin another")
            return self._runs[number]

    def all(self) -> list[TrainingOut]:
        """All that are remembered, the oldest first."""
        with self._lock:
            return [
                TrainingOut(number=n, kind=run.kind, done=run.done, total=run.out.total)
                for n, run in self._runs.items()
            ]


def go_on(run: Run, handle: Handle) -> dict[str, Any]:
    """Go on with a run to its end; stopped between two points, it can be gone on with."""
    handle.report(run.told.capitalize(), run.done, run.out.total)
    while run.advance():
        handle.publish(run.out.model_dump(mode="json"))
        handle.report(run.told.capitalize(), run.done, run.out.total)
    return run.out.model_dump(mode="json")
