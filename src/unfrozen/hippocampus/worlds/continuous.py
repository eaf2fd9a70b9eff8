"""Continuous boxes: the paths of a simulated rat (RatInABox), as walks between bins."""

import importlib
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.worlds.grids import rectangle
from unfrozen.hippocampus.worlds.walks import START, Walk
from unfrozen.hippocampus.worlds.world import World


class Path(NamedTuple):
    """A path in a box, and the walk that it is between bins.

    Attributes:
        positions: in metres.
        seconds: when.
        world: the bins: a rectangle with eight actions.
        walk: from bin to bin, one row, without symbols (all zero).
        steps: of the path, at which each step of the walk was made.
    """

    positions: Float[Tensor, "t 2"]
    seconds: Float[Tensor, " t"]
    world: World
    walk: Walk
    steps: Int[Tensor, " step"]


def box_path(
    minutes: float, bins: int = 10, side: float = 1.0, interval: float = 0.05, seed: int = 0
) -> Path:
    """Let a rat run in a square box.

    Args:
        minutes: how long.
        bins: along a side, for the walk.
        side: of the box, in metres.
        interval: between two positions, in seconds.
        seed: of its way.

    Raises:
        MapError: RatInABox is not installed, or the path stays in one bin.

    Source: George et al. 2024, RatInABox: speeds and turns of rats.
    """
    try:
        agents: Any = importlib.import_module("ratinabox.Agent")
        environments: Any = importlib.import_module("ratinabox.Environment")
    except ImportError as error:
        raise MapError(
            "paths in continuous boxes need RatInABox: pip install 'unfrozen[boxes]'"
        ) from error
    # It draws from numpy's global generator: as that was before, afterwards.
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        agent = agents.Agent(environments.Environment({"scale": side}), {"dt": interval})
        for _ in range(round(60 * minutes / interval)):
            agent.update()
        positions = torch.tensor(np.array(agent.history["pos"]), dtype=torch.float32)
        seconds = torch.tensor(np.array(agent.history["t"]), dtype=torch.float32)
    finally:
        np.random.set_state(before)  # noqa: NPY002
    world = rectangle(bins, diagonal=True)
    walk, steps = between_bins(positions / side, world, bins)
    return Path(positions, seconds, world, walk, steps)


def between_bins(
    positions: Float[Tensor, "t 2"], world: World, bins: int
) -> tuple[Walk, Int[Tensor, " step"]]:
    """The walk from bin to bin that a path makes.

    A path that crosses more than one bin between two positions passes those in between.

    Args:
        positions: from 0 to 1.
        world: the rectangle of bins with eight actions.
        bins: along a side.

    Returns:
        The walk, and the position at which each of its steps was made.

    Raises:
        MapError: the path stays in one bin.
    """
    cells = (positions * bins).long().clamp(0, bins - 1)
    way, steps = [cells[0].tolist()], [0]
    for t, (x, y) in enumerate(cells.tolist()):
        while way[-1] != [x, y]:
            at = way[-1]
            way.append([at[0] + (x > at[0]) - (x < at[0]), at[1] + (y > at[1]) - (y < at[1])])
            steps.append(t)
    if len(way) < 2:
        raise MapError("a path that stays in one bin is no walk: let it run for longer")
    places = torch.tensor([x + y * bins for x, y in way])
    to = world.neighbours[places[:-1]] == places[1:, None]
    actions = torch.cat([torch.tensor([START]), to.int().argmax(1)])
    walk = Walk(places[None], actions[None], torch.zeros_like(places)[None])
    return walk, torch.tensor(steps)
