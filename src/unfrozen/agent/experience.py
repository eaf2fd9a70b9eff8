"""What an errand left in an agent, as a change of its workspace that can be taken back.

An experience holds what was written since the one before: places and what was seen of them, steps
that were taken, slots of every memory, and the slots that were forgotten. An agent is the fold of
its experiences over a model that stays frozen; without one of them it is what it would know
without those writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.agent.agent import Agent
from unfrozen.agent.chart import Chart, Look
from unfrozen.agent.memories import TimedMemory
from unfrozen.errors import AgentError

_MEMORIES = ("facts", "steps", "habits")
_NOWHERE = -1


@dataclass(frozen=True)
class Mark:
    """How far an agent had been written, from which the next experience is told.

    Attributes:
        places: how many it had.
        symbols: that were seen there.
        edges: steps that were taken.
        looks: what places looked like.
        ids: of the slots of each memory.
        next_ids: of the slot that each would write next.
    """

    places: int
    symbols: tuple[int, ...]
    edges: dict[tuple[int, int], int]
    looks: dict[int, Look]
    ids: dict[str, tuple[int, ...]]
    next_ids: dict[str, int]


NOTHING = Mark(0, (), {}, {}, dict.fromkeys(_MEMORIES, ()), dict.fromkeys(_MEMORIES, 0))
"""Before anything was lived."""


def mark(agent: Agent) -> Mark:
    """How far an agent has been written."""
    places, slots = agent.chart.map.places, _slots(agent)
    return Mark(
        places.n,
        tuple(places.symbols.tolist()),
        dict(places.edges),
        dict(agent.chart.looks),
        {name: memory.ids for name, memory in slots.items()},
        {name: memory.next_id for name, memory in slots.items()},
    )


def experience(agent: Agent, since: Mark) -> dict[str, Tensor]:
    """What was written since, as named tensors.

    Args:
        agent: as it is now.
        since: as it was.

    Raises:
        AgentError: it may still turn out to be elsewhere, and would then drop what it wrote.
    """
    if not agent.chart.map.settled:
        raise AgentError("an experience is told between errands: agent.end(success) ends one")
    places, found = agent.chart.map.places, dict[str, Tensor]()
    new = slice(since.places, places.n)
    found["map.codes"], found["map.keys"] = places.codes[new].clone(), places.keys[new].clone()
    found["map.numbers"] = _table(
        [(p, int(places.symbols[p]), int(places.maps[p])) for p in range(since.places, places.n)], 3
    )
    found["map.symbols"] = _table(
        [(p, int(places.symbols[p])) for p, s in enumerate(since.symbols)
         if int(places.symbols[p]) != s], 2,
    )  # fmt: skip
    found["map.edges"] = _table(
        [(*at, to) for at, to in places.edges.items() if since.edges.get(at) != to], 3
    )
    width = agent.chart.model.settings.n_actions + 2
    found["map.looks"] = _table(
        [(p, look.time, *look.exits) for p, look in agent.chart.looks.items()
         if since.looks.get(p) != look], width,
    )  # fmt: skip
    for name, memory in _slots(agent).items():
        rows = memory.rows(since.next_ids[name])
        found |= {f"{name}.{part}": tensor for part, tensor in rows.items()}
        gone = sorted(set(since.ids[name]) - set(memory.ids))
        found[f"{name}.forgotten"] = torch.tensor(gone, dtype=torch.int64)
    here = agent.chart.map
    # Where it is: the place may be one that is taken back later, or none.
    found["map.here"], found["map.code"] = torch.tensor([here.where.map]), here.code.clone()
    next_ids = [memory.next_id for memory in _slots(agent).values()]
    found["now"] = torch.tensor([agent.time, here.where.place, *next_ids])
    return {name: tensor for name, tensor in found.items() if tensor.numel() or name == "now"}


def fold(
    agent: Agent,
    experiences: Sequence[Mapping[str, Tensor]],
    active: Sequence[bool] | None = None,
) -> None:
    """Make a new agent what its experiences left.

    What was taken back leaves nothing but its numbers, which are not given again, and the time and
    place where life goes on.

    Args:
        agent: that has lived nothing.
        experiences: all that were lived, in their order.
        active: which of them are not taken back; all by default.

    Raises:
        AgentError: it has lived already, or an experience does not fit its model.
    """
    chart = agent.chart
    if chart.map.places.n or agent.time:
        raise AgentError("experiences are folded over an agent that has lived nothing")
    if not experiences:
        return
    keep = [True] * len(experiences) if active is None else active
    kept = [one for one, held in zip(experiences, keep, strict=True) if held]
    try:
        _fold_map(chart, kept, max((n for one in experiences for n in _written(one)), default=-1))
        for name, memory in _slots(agent).items():
            column = 2 + _MEMORIES.index(name)
            _fold_memory(name, memory, kept, max(int(o["now"][column]) for o in experiences))
        last = experiences[-1]
        agent.time, place = (int(n) for n in last["now"][:2])
        chart.looks = {p: look for p, look in chart.looks.items() if chart.known(p)}
        chart.resume(place, last["map.code"], int(last["map.here"]))
    except (KeyError, IndexError, RuntimeError, ValueError) as error:
        raise AgentError(f"an experience does not fit this agent's model: {error}") from error


def _fold_map(chart: Chart, experiences: Sequence[Mapping[str, Tensor]], last: int) -> None:
    places = chart.map.places
    written = dict[int, tuple[Float[Tensor, " d"], Float[Tensor, " d"], int, int]]()
    edges, looks = dict[tuple[int, int], int](), dict[int, Look]()
    symbols = dict[int, int]()
    for one in experiences:
        for row, (place, symbol, which) in enumerate(_rows(one, "map.numbers")):
            written[place] = (one["map.codes"][row], one["map.keys"][row], symbol, which)
        symbols |= {row[0]: row[1] for row in _rows(one, "map.symbols")}
        edges |= {(place, action): to for place, action, to in _rows(one, "map.edges")}
        for place, time, *exits in _rows(one, "map.looks"):
            looks[place] = Look(tuple(bool(e) for e in exits), time)
    blank = places.codes.new_zeros(places.codes.shape[1])
    for place in range(last + 1):
        # Numbers stay what they were: a place that was taken back leaves a gap like nothing.
        code, key, symbol, which = written.get(place, (blank, blank, _NOWHERE, _NOWHERE))
        places.add(code, key, symbol, which)
    for place, symbol in symbols.items():
        if place in written:
            places.see(place, symbol)
    for (place, action), to in edges.items():
        if place in written and to in written:
            places.walk(place, action, to)
    chart.looks = looks
    chart.version += 1


def _fold_memory(
    name: str, memory: TimedMemory, experiences: Sequence[Mapping[str, Tensor]], next_id: int
) -> None:
    parts: dict[str, list[Tensor]] = {part: [t] for part, t in memory.rows().items()}
    gone = list[Tensor]()
    for one in experiences:
        if f"{name}.ids" in one:
            for part in parts:
                parts[part].append(one[f"{name}.{part}"])
        if f"{name}.forgotten" in one:
            gone.append(one[f"{name}.forgotten"])
    rows = {part: torch.cat(tensors) for part, tensors in parts.items()}
    if gone:
        kept = ~torch.isin(rows["ids"], torch.cat(gone))
        rows = {part: tensor[kept] for part, tensor in rows.items()}
    memory.load(rows, next_id)


def _written(one: Mapping[str, Tensor]) -> list[int]:
    """Numbers of the places that an experience wrote."""
    return [row[0] for row in _rows(one, "map.numbers")]


def _slots(agent: Agent) -> dict[str, TimedMemory]:
    found = {name: getattr(getattr(agent, name), "slots", None) for name in _MEMORIES}
    if None in found.values():
        raise AgentError("only what is held in slots can be told as an experience")
    return {name: memory for name, memory in found.items() if memory is not None}


def _table(rows: Sequence[tuple[Any, ...]], width: int) -> Int[Tensor, "n w"]:
    return torch.tensor([list(map(int, row)) for row in rows], dtype=torch.int64).view(-1, width)


def _rows(one: Mapping[str, Tensor], name: str) -> list[list[int]]:
    return one[name].tolist() if name in one else []
