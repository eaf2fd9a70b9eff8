"""All that an agent knows, as something that can be compared to the bit."""

from typing import Any

import numpy as np
import torch

from unfrozen.agent import Agent
from unfrozen.agent.memories import FactMemory, StepMemory


def state(agent: Agent) -> dict[str, Any]:
    """Everything that an agent knows, and where it is."""
    chart = agent.chart
    places = chart.map.places
    assert isinstance(agent.facts, FactMemory)
    assert isinstance(agent.steps, StepMemory)
    found: dict[str, Any] = {
        "time": agent.time,
        "where": (chart.map.where.map, chart.place),
        "code": chart.map.code.tolist(),
        "codes": places.codes.tolist(),
        "keys": places.keys.tolist(),
        "symbols": places.symbols.tolist(),
        "maps": places.maps.tolist(),
        "edges": dict(places.edges),
        "looks": {p: tuple(look) for p, look in chart.looks.items()},
    }
    for name, memory in (("facts", agent.facts), ("steps", agent.steps), ("habits", agent.habits)):
        rows = memory.slots.rows()
        found[name] = {part: tensor.tolist() for part, tensor in rows.items()}
        found[name]["next"] = memory.slots.next_id
    return found


def differences(one: Agent, other: Agent) -> list[str]:
    """What two agents do not have in common."""
    mine, theirs = state(one), state(other)
    return [name for name in mine if mine[name] != theirs[name]]


def softmax(scores: np.ndarray) -> np.ndarray:
    """Along the last axis."""
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def unit(seed: int, *shape: int) -> torch.Tensor:
    """Random vectors of length one."""
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return drawn / drawn.norm(dim=-1, keepdim=True)
