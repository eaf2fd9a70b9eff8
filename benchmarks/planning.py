"""How many steps does a model imagine a second, and how long does a plan take?"""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from unfrozen.world.costs import Effort, Goal, TotalCost
from unfrozen.world.model import Dynamics, rollout
from unfrozen.world.planning import (
    CemSettings,
    GradientSettings,
    MppiSettings,
    TreeSettings,
    make_plan,
)
from unfrozen.world.planning.landmarks import LandmarkSettings, build, landmark_plan

QUESTION = "steps imagined a second on one core, and seconds a plan"
LATENT, ACTION, HORIZON, SAMPLES = 64, 2, 30, 128
GOAL = 20_000


class Perceptron(nn.Module):
    """A residual predictor of two hidden layers."""

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(LATENT + ACTION, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, LATENT),
        )  # fmt: skip

    def step(self, state: Tensor, action: Tensor) -> Tensor:
        """The next latents."""
        return state + 0.1 * self.net(torch.cat([state, action], 1))


class Recurrent(nn.Module):
    """A gated unit whose hidden state is the latent."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(ACTION, LATENT)

    def step(self, state: Tensor, action: Tensor) -> Tensor:
        """The next latents."""
        return self.cell(action, state)


def run() -> dict[str, float]:
    """Roll out both predictors, and plan with each planner, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            models = {"perceptron": Perceptron(), "recurrent": Recurrent()}
        found: dict[str, float] = {}
        for name, model in models.items():
            for rows in (SAMPLES, 50 * SAMPLES):
                rate = rows * HORIZON / _seconds(lambda m=model, r=rows: _roll(m, r))
                found[f"{name}, {rows} rows, steps a second"] = rate
                found[f"{name}, {rows} rows, times the goal"] = rate / GOAL
        return found | _plans(models["perceptron"])
    finally:
        torch.set_num_threads(threads)


def _plans(model: Dynamics) -> dict[str, float]:
    generator = torch.Generator().manual_seed(0)
    table = tuple((float(x), float(y)) for x in (-1, 0, 1) for y in (-1, 0, 1))
    settings = {
        "mppi": MppiSettings(horizon=HORIZON, width=ACTION, samples=SAMPLES),
        "cem": CemSettings(horizon=HORIZON, width=ACTION, samples=SAMPLES),
        "gradient": GradientSettings(horizon=HORIZON, width=ACTION),
        "tree": TreeSettings(horizon=HORIZON, actions=table, simulations=64),
    }
    found = {}
    for starts in (1, 50):
        x = torch.randn(starts, LATENT, generator=generator)
        goal = torch.randn(starts, LATENT, generator=generator)
        cost = TotalCost((Goal(goal), Effort(weight=0.1)))
        for name, how in settings.items():
            took = _seconds(
                lambda x=x, c=cost, h=how: make_plan(model, c, x, h, generator=generator)
            )
            found[f"{name}, {starts} starts, ms"] = 1e3 * took
        walks = torch.randn(200, 100, LATENT, generator=generator).cumsum(1) / 10
        began = time.process_time()
        graph = build(walks, 200)
        found["a map of 200 landmarks from 20,000 latents, ms"] = 1e3 * (
            time.process_time() - began
        )
        upper = LandmarkSettings(lower=MppiSettings(horizon=10, width=ACTION, samples=SAMPLES))
        took = _seconds(
            lambda x=x, g=goal, m=graph, u=upper: landmark_plan(
                model, m, x, g, u, now=0.0, generator=generator
            )
        )
        found[f"landmarks, {starts} starts, ms"] = 1e3 * took
    return found


@torch.no_grad()
def _roll(model: Dynamics, rows: int) -> None:
    rollout(model, torch.zeros(rows, LATENT), torch.zeros(rows, HORIZON, ACTION))


def _seconds(work: Callable[[], object], least: float = 0.5) -> float:
    """Seconds of one core that a piece of work takes, the first run apart."""
    work()
    began, times = time.process_time(), 0
    while not times or time.process_time() - began < least:
        work()
        times += 1
    return (time.process_time() - began) / times
