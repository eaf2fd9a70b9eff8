"""What the routes of all pages share."""

import threading
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request

from unfrozen.workbench.jobs.table import Jobs
from unfrozen.workbench.models import Models
from unfrozen.workbench.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True)
class Bench:
    """A running workbench.

    Attributes:
        settings: what it was started with.
        jobs: work in the background.
        models: the language model in memory.
    """

    settings: Settings
    jobs: Jobs = field(default_factory=Jobs)
    models: Models = field(init=False)
    _own: dict[type, Any] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", Models(self.settings.home, self.settings.model))

    def own(self, kind: type[T]) -> T:
        """What a page keeps in memory between its requests, one of a kind.

        Args:
            kind: its class, which takes no arguments; made when it is first asked for.
        """
        with self._lock:
            if kind not in self._own:
                self._own[kind] = kind()
            return self._own[kind]


def _bench(request: Request) -> Bench:
    return request.app.state.bench


ThisBench = Annotated[Bench, Depends(_bench)]
"""The bench, as a parameter of a route."""
