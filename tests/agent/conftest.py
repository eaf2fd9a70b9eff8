"""A model, a town, and agents that have lived in it; all of them are shared and only read."""

from dataclasses import dataclass

import numpy as np
import pytest

from unfrozen.agent import Agent, senses_of
from unfrozen.agent.living.folder import LifeFolder
from unfrozen.agent.living.life import LifeSettings, grow_up
from unfrozen.hippocampus.tem_t import TemT, trained
from unfrozen.world.environments.town.life import Life
from unfrozen.world.environments.town.living import VectorTown

SETTINGS = LifeSettings(seed=0)


@dataclass(frozen=True, eq=False)
class Walked:
    """An agent that explored, and where it really was.

    Attributes:
        agent: after it.
        town: the same.
        truth: (number of the place, true cell) after each step.
    """

    agent: Agent
    town: VectorTown
    truth: list[tuple[int, int]]

    @property
    def life(self) -> Life:
        """What the town is like."""
        return self.town.tables.lives[0]

    @property
    def cells(self) -> dict[int, int]:
        """The true cell of each place."""
        return dict(self.truth)


@pytest.fixture(scope="session")
def model() -> TemT:
    return trained("grid")


def explored(model: TemT, steps: int) -> Walked:
    """An agent that wanders for some steps."""
    town = SETTINGS.make(10**9)
    agent = Agent(senses_of(town), model)
    observed, _ = town.reset(seed=0)
    agent.begin(observed)
    agent.wandering = True
    truth = [(agent.chart.place, int(town.truth.place[0]))]
    for _ in range(steps):
        action = agent.decide().action
        observed, _, ended, _, _ = town.step(np.array([action]))
        agent.observe(action, observed)
        truth.append((agent.chart.place, int(town.truth.place[0])))
        if ended[0]:
            observed, _ = town.reset(options={"errand": np.array([0])})
            agent.begin(observed)
    return Walked(agent, town, truth)


@pytest.fixture(scope="session")
def walked(model: TemT) -> Walked:
    """Half of the town is known."""
    return explored(model, 60)


@pytest.fixture(scope="session")
def child(model: TemT) -> tuple[Agent, int]:
    """An agent that has grown up, and the cell where it is."""
    agent = Agent(senses_of(SETTINGS.make()), model)
    return agent, grow_up(agent, SETTINGS).place


@pytest.fixture(scope="session")
def life(tmp_path_factory: pytest.TempPathFactory) -> LifeFolder:
    """Twelve errands, written down."""
    folder = LifeFolder.create(tmp_path_factory.mktemp("lives") / "life", SETTINGS)
    assert len(list(folder.live(12))) == 12
    return folder


@pytest.fixture(scope="session")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> LifeFolder:
    """Errands of one who knows a part of the town and writes nothing any more, to nowhere."""
    path = tmp_path_factory.mktemp("lives") / "frozen"
    folder = LifeFolder.create(path, LifeSettings(childhood=40, horizon=30), ())
    for _ in range(10):
        list(folder.live(1))
        if folder.agent().chart.place < 0:
            return folder
    raise AssertionError
