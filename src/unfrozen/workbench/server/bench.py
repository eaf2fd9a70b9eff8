"""What the routes of all pages share."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from unfrozen.workbench.jobs.table import Jobs
from unfrozen.workbench.models import Models
from unfrozen.workbench.settings import Settings


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

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", Models(self.settings.home, self.settings.model))


def _bench(request: Request) -> Bench:
    return request.app.state.bench


ThisBench = Annotated[Bench, Depends(_bench)]
"""The bench, as a parameter of a route."""
