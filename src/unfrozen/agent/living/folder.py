"""A life in a folder: its workspace, and what was decided at every step.

Layout::

    life.json               how the life was drawn, and which faculties are plastic
    workspace/              the map's model as base, and an experience an errand
    errands/0012.json       one errand: how it went, and every decision with its reasons

An errand's file is written before its experience is committed; what has no experience was cut off,
and is lived again.
"""

import dataclasses
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from unfrozen.agent.agent import FACULTIES, Agent, AgentSettings, senses_of
from unfrozen.agent.experience import NOTHING, Mark, experience, fold, mark
from unfrozen.agent.language import LanguageFacts, language_model
from unfrozen.agent.living.life import (
    Childhood,
    LifeSettings,
    Lived,
    Moment,
    Watcher,
    grow_up,
    growing,
    live,
)
from unfrozen.agent.living.telling import read_record, told_moment, write_record
from unfrozen.data.models import weights_hash
from unfrozen.errors import AgentError
from unfrozen.hippocampus.tem_t import trained
from unfrozen.workspace import Change, Workspace
from unfrozen.workspace.kinds import EXPERIENCE, LIVES
from unfrozen.workspace.log import Entry
from unfrozen.world.environments.town.changes import Change as TownChange
from unfrozen.world.environments.town.changes import ScheduleSettings
from unfrozen.world.environments.town.facts import ITEMS
from unfrozen.world.environments.town.living import VectorTown
from unfrozen.world.environments.town.plan import TownSettings

_FORMAT, _MODEL = 1, "grid"
_CHILDHOOD, _SETTINGS = "childhood", LifeSettings()
_ERRAND = {"moments", *(field.name for field in fields(Lived))}
_CHILD = {"steps", "place", "cells"}


@dataclass(frozen=True)
class LifeFolder:
    """A life that is written down.

    Attributes:
        path: the folder.
        settings: how the life was drawn.
        plastic: faculties that are written to.
        language: name of the language model that is asked about facts; None for slots alone.
    """

    path: Path
    settings: LifeSettings
    plastic: tuple[str, ...]
    language: str | None = None

    @classmethod
    def create(
        cls,
        path: Path,
        settings: LifeSettings = _SETTINGS,
        plastic: tuple[str, ...] = FACULTIES,
        language: str | None = None,
    ) -> "LifeFolder":
        """Begin a life in a new or empty folder.

        Raises:
            AgentError: the folder is in use, or a faculty is unknown.
        """
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise AgentError(f"{path} is in use: give a new folder, or go on with the life in it")
        AgentSettings(plastic=plastic)
        settings.make()
        Workspace.init(path / "workspace", f"{LIVES}{_MODEL}", weights_hash(trained(_MODEL)))
        if language is not None:
            language_model(language)
        return cls(path, settings, plastic, language)._kept()

    @classmethod
    def open(cls, path: Path) -> "LifeFolder":
        """Open a life that was begun before.

        Raises:
            AgentError: there is none, or it cannot be read.
        """
        found = read_record(path / "life.json")
        if found.pop("format", None) != _FORMAT:
            raise AgentError(f"{path} is no life of format {_FORMAT}")
        try:
            plastic = AgentSettings(plastic=tuple(found.pop("plastic"))).plastic
            found["town"] = TownSettings(**found["town"])
            found["schedule"] = ScheduleSettings(**found["schedule"])
            found["given"] = tuple(TownChange(**one) for one in found.get("given", ()))
            language = found.pop("language", None)
            return cls(path, LifeSettings(**found), plastic, language)
        except (KeyError, TypeError) as error:
            raise AgentError(f"{path / 'life.json'} cannot be read as a life: {error}") from error

    @property
    def workspace(self) -> Workspace:
        """Where its experiences are."""
        return Workspace.open(self.path / "workspace")

    @property
    def done(self) -> int:
        """Errands that were lived to their end, whether they were taken back or not."""
        return max(0, len(self._entries(self.workspace.log())) - 1)

    def agent(self) -> Agent:
        """The agent as its active experiences make it.

        Raises:
            AgentError: an experience does not fit.
            WorkspaceError: a file is damaged.
        """
        return self._folded(self.workspace.log())

    def agent_before(self, errand: int) -> Agent:
        """The agent as it was when an errand began, whatever was taken back since."""
        log = self.workspace.log()
        lived = self._entries(log)
        _check(errand, len(lived) - 1)
        own = lived[errand + 1].number
        return self._folded([entry for entry in log if entry.number < own])

    @property
    def grown(self) -> int:
        """Steps of childhood; 0 where it was not lived."""
        return self.childhood()["steps"] if (self.path / "childhood.json").exists() else 0

    def child(self, time: int) -> Agent:
        """The agent as it was at a step of its childhood, which is lived again.

        Raises:
            AgentError: it is lived otherwise now than is written down.
        """
        agent = self._new()
        for _ in self._growing(agent, time):
            pass
        return agent

    def childhood_again(self) -> Iterator[tuple[Agent, VectorTown, Moment]]:
        """Childhood lived again: since the seed draws all of it, no decision has to be kept.

        Yields:
            The agent, the town and what is decided, before each step is taken.

        Raises:
            AgentError: it was not lived, or is lived otherwise now than is written down.
        """
        agent = self._new()
        for town, moment in self._growing(agent, self.childhood()["steps"]):
            yield agent, town, moment

    def _growing(self, agent: Agent, steps: int) -> Iterator[tuple[VectorTown, Moment]]:
        told, found = self.childhood(), Childhood()
        yield from growing(agent, dataclasses.replace(self.settings, childhood=steps), found)
        if found.cells != told["cells"][:steps]:
            raise AgentError(
                f"lived again, the childhood of {self.path} is another than is written down: it "
                "was lived by another version"
            )

    def live(
        self,
        errands: int | None = None,
        watch: Watcher | None = None,
        watch_child: Watcher | None = None,
    ) -> Generator[Lived, None, None]:
        """Go on living; the first time, grow up before.

        Args:
            errands: how many; to the end of the schedule by default.
            watch: called after each decision.
            watch_child: called after each decision of childhood.

        Yields:
            Each errand, when it and its experience are written.

        Raises:
            AgentError: it is being lived already, by another process perhaps.
        """
        with self._alone():
            yield from self._live(errands, watch, watch_child)

    def give(self, change: TownChange) -> "LifeFolder":
        """Have something change in the town, beside what the schedule draws.

        Returns:
            The life as it goes on.

        Raises:
            AgentError: the errand before which it is to happen was lived, or life is being lived.
            WorldError: the change is none of this town, or cuts a place off.
        """
        settings = dataclasses.replace(self.settings, given=(*self.settings.given, change))
        settings.make()
        with self._alone():
            if change.at < self.done:
                raise AgentError(f"errand {change.at} was lived: change what comes after it")
            return dataclasses.replace(self, settings=settings)._kept()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            with FileLock(self.path / ".lock", timeout=0):
                yield
        except Timeout as error:
            raise AgentError(f"the life in {self.path} is being lived by another run") from error

    def _kept(self) -> "LifeFolder":
        """The same, written down."""
        told = {"format": _FORMAT, "plastic": self.plastic, "language": self.language}
        write_record(self.path / "life.json", {**told, **asdict(self.settings)})
        return self

    def _live(
        self, errands: int | None, watch: Watcher | None, watch_child: Watcher | None
    ) -> Iterator[Lived]:
        workspace = self.workspace
        if not self._entries(workspace.log()):
            agent = self._new()
            childhood = grow_up(agent, self.settings, watch_child)
            write_record(
                self.path / "childhood.json",
                {"steps": childhood.steps, "place": childhood.place, "cells": childhood.cells},
            )
            self._commit(workspace, agent, NOTHING, _CHILDHOOD, {}, {"steps": childhood.steps})
        number = self.done
        agent = self.agent()
        agent.set_plastic(self.plastic)
        place = self._record(number - 1)["place"] if number else self.childhood()["place"]
        since, moments = mark(agent), list[dict[str, Any]]()

        def watched(agent: Agent, moment: Moment) -> None:
            moments.append(told_moment(agent, moment))
            if watch is not None:
                watch(agent, moment)

        for lived in live(agent, self.settings, place, number, errands, watched):
            write_record(self._file(lived.number), {**asdict(lived), "moments": moments})
            moments.clear()
            asked = {"errand": lived.asked, "told": lived.told}
            keys = ("success", "steps", "shortest", "seconds", "bytes")
            effect = {key: getattr(lived, key) for key in keys}
            self._commit(workspace, agent, since, _name(lived.number), asked, effect)
            since = mark(agent)
            yield lived

    def experiences(self) -> list[Change]:
        """What childhood and each errand left, whether it was taken back or not.

        Raises:
            WorkspaceError: a file is damaged.
        """
        workspace = self.workspace
        held = {change.id: change for change in workspace.changes()}
        lived = self._entries(workspace.log())
        return [held.get(entry.id) or workspace.change(entry.id) for entry in lived]

    def errand(self, number: int) -> dict[str, Any]:
        """What was written down of an errand.

        Raises:
            AgentError: it was not lived, or its file cannot be read.
        """
        _check(number, self.done)
        return self._record(number)

    def errands(self) -> Iterator[Lived]:
        """All errands so far, without their decisions."""
        for number in range(self.done):
            found = self._record(number)
            found.pop("moments")
            yield Lived(**found)

    def moment(self, time: int) -> tuple[int, dict[str, Any]]:
        """The errand and the decision of a time.

        Raises:
            AgentError: nothing was decided then.
        """
        low, high = 0, (done := self.done)
        while low < high:
            middle = (low + high) // 2
            moments = self._record(middle)["moments"]
            if time < moments[0]["time"]:
                high = middle
            elif time > moments[-1]["time"]:
                low = middle + 1
            else:
                return middle, moments[time - moments[0]["time"]]
        if not done:
            raise AgentError("this life has not begun: `unfrozen agent run` lives it")
        first = self._record(0)["moments"][0]["time"]
        last = self._record(done - 1)["moments"][-1]["time"]
        raise AgentError(
            f"nothing was decided at {time}: errands took place from {first} to {last}"
        )

    def _entries(self, log: list[Entry]) -> list[Entry]:
        """Of childhood and each errand, in their order, as the log of the workspace has them."""
        found = [entry for entry in log if entry.kind == EXPERIENCE]
        for number, entry in enumerate(found, -1):
            if entry.name != (_name(number) if number >= 0 else _CHILDHOOD):
                raise AgentError(
                    f"entry {entry.number} ({entry.name}) of {self.path / 'workspace'} is not of "
                    "this life, whose errands it would number anew: begin another life in a new "
                    "folder"
                )
        return found

    def _record(self, number: int) -> dict[str, Any]:
        return read_record(self._file(number), _ERRAND)

    def _file(self, number: int) -> Path:
        return self.path / "errands" / f"{number:04}.json"

    def childhood(self) -> dict[str, Any]:
        """How exploring went: its steps, where it ended, and cells seen after each step.

        Raises:
            AgentError: it has not been lived.
        """
        return read_record(self.path / "childhood.json", _CHILD)

    def _new(self) -> Agent:
        settings = AgentSettings(seed=self.settings.seed)
        senses, facts = senses_of(self.settings.make()), None
        if self.language is not None:
            names = (*senses.people, *ITEMS, *senses.places)
            facts = LanguageFacts(language_model(self.language), names)
        return Agent(senses, trained(_MODEL), settings, facts=facts)

    def _folded(self, log: list[Entry]) -> Agent:
        """The agent as some entries make it; later ones do not count."""
        gone = set[str]()
        for entry in reversed(log):
            if entry.reverts and entry.id not in gone:
                gone.add(entry.reverts)
        agent = self._new()
        lived = {entry.id for entry in log if entry.kind == EXPERIENCE}
        found = [change for change in self.experiences() if change.id in lived]
        fold(agent, [one.payload for one in found], [one.id not in gone for one in found])
        return agent

    def _commit(
        self,
        workspace: Workspace,
        agent: Agent,
        since: Mark,
        name: str,
        request: dict[str, Any],
        effect: dict[str, Any],
    ) -> None:
        change = Change(
            EXPERIENCE, name, workspace.base_hash, experience(agent, since), request, {}, effect
        )
        workspace.commit(change)


def _name(errand: int) -> str:
    return f"errand {errand}"


def _check(errand: int, done: int) -> None:
    if done < 1:
        raise AgentError("no errand of this life was done: `unfrozen agent run` lives it")
    if not 0 <= errand < done:
        raise AgentError(f"this life has errands 0 to {done - 1}, not {errand}")
