"""The language model that the pages question: loaded once, in the background, one at a time.

Every function here that gives a model is called from jobs of the lane `LANE`, which run one after
another: no two of them ever set one model to two states.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unfrozen.errors import WorkbenchError
from unfrozen.workbench.jobs.table import Handle, Jobs
from unfrozen.workbench.places import inside, workspaces

if TYPE_CHECKING:
    from unfrozen.language.model import LanguageModel
    from unfrozen.workspace import Workspace

LANE = "model"


@dataclass(frozen=True)
class Where:
    """Which model in which state: a workspace as it is now, or a model as it was published.

    Attributes:
        workspace: its name; None for no workspace.
        model: its name; None for the one that the workbench begins with.
    """

    workspace: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class State:
    """A language model in a state.

    Attributes:
        lm: the model, set to it.
        workspace: whose changes are in it; None of a model as it was published.
    """

    lm: "LanguageModel"
    workspace: "Workspace | None"

    @property
    def text(self) -> str:
        """In words."""
        if self.workspace is None:
            return self.lm.name
        number = len(self.workspace.changes())
        return f"{self.workspace.path.name}, {number} change{'' if number == 1 else 's'}"

    def needed(self) -> "Workspace":
        """The workspace, where one is needed.

        Raises:
            WorkbenchError: there is none.
        """
        if self.workspace is None:
            raise WorkbenchError("a model as it was published is not edited: choose a workspace")
        return self.workspace

    @contextmanager
    def recalling(self) -> Iterator["LanguageModel"]:
        """The model with what its workspace remembers beside it."""
        from unfrozen.workspace.remembering import recalling

        with recalling(self.workspace, self.lm) as lm:
            yield lm


class Models:
    """Holds one language model.

    Args:
        home: the folder of workspaces.
        first: name of the model to begin with; None for that of the workspace that the folder is,
            or the default one.
    """

    def __init__(self, home: Path, first: str | None = None) -> None:
        self.home = home
        self._first = first
        self._lock = threading.Lock()
        self._held: LanguageModel | None = None
        self._asked = ""

    @property
    def first(self) -> str:
        """Name of the model to begin with."""
        from unfrozen.data.models import DEFAULT_MODEL

        return self._first or DEFAULT_MODEL

    @property
    def loaded(self) -> str | None:
        """Name of the model in memory."""
        return None if self._held is None else self._held.name

    def prepare(self, jobs: Jobs) -> None:
        """Load the first model in the background."""

        def load(handle: Handle) -> dict[str, str]:
            handle.report("Loading the language model", 0, 1)
            names = workspaces(self.home)
            only = Where(workspace=names[0]) if len(names) == 1 and not self._first else Where()
            return {"model": self.open(only, handle).lm.name}

        jobs.start("load", "", "Loading the language model", load, lane=LANE)

    def workspace(self, name: str) -> "Workspace":
        """A workspace of the folder.

        Raises:
            WorkbenchError: the name leads elsewhere.
            WorkspaceError: there is none of that name, or it is damaged.
        """
        from unfrozen.workspace import Workspace

        return Workspace.open(inside(self.home, name))

    def offered(self) -> list[str]:
        """Names of the models that can be chosen: a page cannot have any other folder opened."""
        from unfrozen.data.models import available_models

        names = [self.first, *(model.name for model in available_models())]
        return list(dict.fromkeys(names))

    def open(self, where: Where, handle: Handle) -> State:
        """A model, set to a state.

        Args:
            where: which.
            handle: of the job that asks.

        Raises:
            WorkbenchError: the model is not offered.
            WorkspaceError: there is no such workspace, it is damaged, or of another base.
            DataError: the model cannot be loaded.
        """
        from unfrozen.workspace import Fold

        workspace = None if where.workspace is None else self.workspace(where.workspace)
        name = (where.model or self.first) if workspace is None else workspace.base_name
        if workspace is None and name != self.first and name not in self.offered():
            raise WorkbenchError(f"the model {name!r} is not offered: choose one of the list")
        lm = self._load(name, handle)
        if workspace is None:
            Fold.of(lm.model).set([])
        else:
            workspace.apply(lm.model)
        return State(lm, workspace)

    def _load(self, name: str, handle: Handle) -> "LanguageModel":
        from unfrozen.data.models import weights_hash
        from unfrozen.language.model import LanguageModel
        from unfrozen.workspace import Fold

        with self._lock:
            if self._held is None or self._asked != name:
                handle.report(f"Loading {name}", 0, 1)
                self._held = None  # two of them may not fit
                self._held, self._asked = LanguageModel.from_pretrained(name), name
                # Every workspace asks for it; it is computed once a model.
                Fold.of(self._held.model).base_hash(weights_hash)
            return self._held
