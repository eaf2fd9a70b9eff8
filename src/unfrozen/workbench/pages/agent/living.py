"""Lives that are lived in the background: their pace, their steps as they come, their changes."""

import threading
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unfrozen.agent.agent import Agent
from unfrozen.agent.living.folder import LifeFolder
from unfrozen.agent.living.life import Moment
from unfrozen.errors import AgentError
from unfrozen.workbench.jobs.table import Handle, Jobs
from unfrozen.workbench.pages.agent.schemas import (
    LockIn,
    MoveIn,
    PaceIn,
    StepOut,
    StreamOut,
)
from unfrozen.workbench.pages.agent.steps import Follower, begin_of, birthplace
from unfrozen.world.environments.town import given

if TYPE_CHECKING:
    from unfrozen.world.environments.town.changes import Change

KEPT, DELAY = 600, 0.25
_BEAT = 0.02


class Living:
    """A life and how it goes on.

    Args:
        path: of its folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.life = LifeFolder.open(path)
        self.lock = threading.RLock()
        self.steps: deque[StepOut] = deque(maxlen=KEPT)
        self.number, self.done = 0, self.life.done
        self.paused, self.delay = False, DELAY
        self.job: int | None = None
        self._once = False
        self._asked: list[MoveIn | LockIn] = []

    def pace(self, asked: PaceIn) -> None:
        """Go faster or slower, wait, or take one step."""
        with self.lock:
            if asked.delay is not None:
                self.delay = asked.delay
            if asked.paused is not None:
                self.paused = asked.paused
            self._once = self._once or asked.step

    def stream(self, since: int, jobs: Jobs) -> StreamOut:
        """Steps after one."""
        with self.lock:
            steps = [one for one in self.steps if one.number > since]
            return StreamOut(
                steps=steps,
                last=self.number - 1,
                done=self.done,
                paused=self.paused,
                delay=self.delay,
                job=self.job if self.lives(jobs) else None,
                waiting=[_words(one) for one in self._asked],
            )

    def lives(self, jobs: Jobs) -> bool:
        """Whether a job lives it."""
        return self.job is not None and any(
            job.id == self.job and not job.over for job in jobs.all()
        )

    def change(self, asked: MoveIn | LockIn, jobs: Jobs) -> None:
        """Have something change before the next errand.

        Raises:
            WorldError: it cannot be.
            AgentError: life is over by then.
        """
        with self.lock:
            running = self.lives(jobs)
            change = self._made(asked, self.done + 1 if running else self.done)
            if not running:
                self.life = self.life.give(change)
                return
            # Told now whether it can be; done when the errand under way has ended.
            settings = self.life.settings
            replace(settings, given=(*settings.given, change)).make()
            self._asked.append(asked)

    def run(self, errands: int | None, handle: Handle) -> dict[str, Any]:
        """Live some errands; what was written stays when it is stopped."""
        total = len(self.life.settings.world.schedule.errands)
        first = self.done
        last = total if errands is None else min(total, first + errands)
        while self.done < last:
            self._give()
            self._some(last, handle)
        self._give()
        return {"done": self.done, "lived": self.done - first}

    def _some(self, last: int, handle: Handle) -> None:
        """Live until something is to be changed."""
        world = self.life.settings.world
        number, follower = self.number, None

        def watch(agent: Agent, moment: Moment) -> None:
            nonlocal follower
            if follower is None or moment.step == 0:
                child = moment.errand < 0
                begin = birthplace(self.life) if child else begin_of(self.life, moment.errand)
                follower = Follower(world, begin, self.number)
            self._watched(follower.watched(agent, moment), handle, last)

        for lived in (living := self.life.live(last - self.done, watch, watch)):
            with self.lock:
                self.done = lived.number + 1
                if self._asked:
                    living.close()
                    return
        if self.number == number:
            raise AgentError(f"the life in {self.path.name} does not go on: begin another")

    def _watched(self, step: StepOut, handle: Handle, last: int) -> None:
        with self.lock:
            self.steps.append(step)
            self.number = step.number + 1
        child = step.errand < 0
        handle.report("Growing up" if child else f"Errand {step.errand}", max(0, step.errand), last)
        rested = time.monotonic() + self.delay
        while not self._goes_on(rested):
            handle.check()
            time.sleep(_BEAT)

    def _goes_on(self, rested: float) -> bool:
        with self.lock:
            if self._once:
                self._once = False
                self.paused = True
                return True
            return not self.paused and time.monotonic() >= rested

    def _give(self) -> None:
        with self.lock:
            asked, self._asked = self._asked, []
            for one in asked:
                self.life = self.life.give(self._made(one, self.done))

    def _made(self, asked: MoveIn | LockIn, at: int) -> "Change":
        world = self.life.settings.world
        if at >= len(world.schedule.errands):
            raise AgentError("this life is over by then: begin another to change something")
        town, state = world.town, world.schedule.states[world.schedule.phase(at)]
        if isinstance(asked, MoveIn):
            return given.move(town, state, at, asked.person, asked.place, told=asked.told)
        return given.lock(town, state, at, asked.place, asked.door)


class Lives:
    """The lives of a workbench that were looked at."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lives: dict[Path, Living] = {}

    def get(self, path: Path) -> Living:
        """A life by its folder.

        Raises:
            AgentError: there is none in it.
        """
        with self._lock:
            if path not in self._lives:
                self._lives[path] = Living(path)
            return self._lives[path]


def _words(asked: MoveIn | LockIn) -> str:
    if isinstance(asked, MoveIn):
        return f"the {asked.person} moves to the {asked.place}"
    return f"the doors of the {asked.place} change"
