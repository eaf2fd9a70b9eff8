"""The cognitive map of an agent, and the graph of places that it plans on.

Where steps lead is known before they were taken: the TEM-transformer's codes say so. What is open
is what was seen last, from either side of a step; what is shut unseen, the memory of steps says.
A step into the unknown leads to a place of its own, a frontier.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.agent.memories import Evidence
from unfrozen.agent.memories.steps import Step
from unfrozen.agent.protocols import Steps
from unfrozen.hippocampus.cognitive_map import CognitiveMap, MapSettings
from unfrozen.hippocampus.cognitive_map.routes import imagined
from unfrozen.hippocampus.tem_t import RotaryPositions, TemT
from unfrozen.world.planning.landmarks import LandmarkGraph

_BACK = 0.95
_SAME = 0.6


@dataclass(frozen=True, eq=False)
class Network:
    """What a plan is made on: places, steps between them, and what is believed of each.

    Attributes:
        graph: landmarks are keys of places, those of the frontier last.
        places: the place of each landmark; -1 for those of the frontier.
        actions: of each edge.
        evidence: that edges are blocked.
        frontier: landmarks where nobody was.
    """

    graph: LandmarkGraph
    places: Int[Tensor, " n"]
    actions: Int[Tensor, " edge"]
    evidence: Evidence
    frontier: Int[Tensor, " f"]

    def node(self, place: int) -> int:
        """The landmark of a place; -1 if it has none."""
        found = torch.nonzero(self.places == place)[:, 0]
        return int(found[0]) if place >= 0 and len(found) else -1

    def edge(self, place: int, action: int) -> int:
        """The row of the edge that an action takes at a place; -1 if nothing is open there."""
        from_here = self.graph.source == self.node(place)
        found = torch.nonzero(from_here & (self.actions == action))[:, 0]
        return int(found[0]) if place >= 0 and len(found) else -1

    def barred(self, edge: int, since: float) -> bool:
        """Whether an edge was found blocked since a time, and not open again."""
        held = float(self.evidence.held[edge])
        return held > since and held > float(self.evidence.denied[edge])


class Look(NamedTuple):
    """What a place looked like last.

    Attributes:
        exits: openings.
        time: when.
    """

    exits: tuple[bool, ...]
    time: int


class Chart:
    """Places, what is seen from them, and where steps lead.

    Args:
        model: whose position codes actions drive.
    """

    def __init__(self, model: TemT) -> None:
        self.map = CognitiveMap(model, _map_settings(model))
        self.looks: dict[int, Look] = {}
        self.version = 0
        self.back = _backwards(model)
        self._network: tuple[tuple[int, int, int], Network] | None = None

    @property
    def model(self) -> TemT:
        """Whose codes say where steps lead."""
        return self.map.model

    @property
    def place(self) -> int:
        """The number of the place where it is; -1 if it is none that it knows."""
        return self.map.where.place

    @property
    def bytes(self) -> int:
        """Of places, what was seen from them, and steps that were taken."""
        places = self.map.places
        width = 4 * (places.codes.shape[1] + places.keys.shape[1]) + 16
        return places.n * width + len(self.looks) * 12 + len(places.edges) * 12

    def begin(self, sight: int, exits: Bool[Tensor, " action"], time: int) -> None:
        """A life begins somewhere."""
        self.map.begin(sight)
        self._look(exits, time)

    def move(self, action: int, sight: int, exits: Bool[Tensor, " action"], time: int) -> bool:
        """A step was taken; returns whether it turned out to be elsewhere than it believed."""
        places, before = self.map.places, self.place
        n, edge = places.n, places.edges.get((before, action))
        lost = self._forgot(lambda: self.map.observe(action, sight))
        if places.n != n or places.edges.get((before, action)) != edge:
            self.version += 1
        self._look(exits, time)
        return lost

    def settle(self) -> None:
        """Believe to be where it most likely is; see `CognitiveMap.settle`."""
        self._forgot(self.map.settle)

    def resume(self, place: int, code: Float[Tensor, " d"], which: int) -> None:
        """Go on where another life was: at a place that is known, or at its code on a map."""
        if self.known(place):
            self.map.resume(place)
        else:
            self.map.resume_beside(code, which)

    def known(self, place: int) -> bool:
        """Whether there is a place of this number."""
        places = self.map.places
        return 0 <= place < places.n and int(places.maps[place]) >= 0

    def look(self, exits: Bool[Tensor, " action"], time: int) -> None:
        """Look around without a step."""
        self._look(exits, time)

    def find(self, sight: int) -> tuple[int, ...]:
        """Places that look so."""
        places = self.map.places
        mine = (places.symbols == sight) & (places.maps == self.map.where.map)
        return tuple(torch.nonzero(mine)[:, 0].tolist())

    def key(self, place: int) -> Float[Tensor, " d"]:
        """What the place is compared by."""
        return self.map.places.keys[place]

    def both_ways(self, place: int, action: int) -> tuple[Step, ...]:
        """A step from a place, and the same step back from where it leads."""
        places = self.map.places
        there, back = Step(self.key(place), action), int(self.back[action])
        if back < 0:
            return (there,)
        code = self.model.positions.step(places.codes[place][None], torch.tensor([action]))
        key, to = self.model.key(code).detach(), places.edges.get((place, action), -1)
        if to < 0:
            near = places.nearest(key, places.maps[place][None])
            to = int(near.places) if float(near.cosines) > self.map.threshold else -1
        # Codes drift a little: the step back is that of the place as it is known there.
        return there, Step(self.key(to) if to >= 0 else key[0], back)

    @torch.no_grad()
    def network(self, memory: Steps) -> Network:
        """The places and steps that are known, and what is believed of them.

        Args:
            memory: of steps that were blocked.
        """
        state = (self.version, memory.version, self.map.where.map)
        if self._network is None or self._network[0] != state:
            self._network = state, self._built(memory)
        return self._network[1]

    def _forgot(self, doing: Callable[[], object]) -> bool:
        """Whether the map forgets places meanwhile: what was seen from them goes with them."""
        places, n = self.map.places, self.map.places.n
        # One more than there are, to notice too that it is as it was when there were as many.
        places.least = n + 1
        doing()
        if places.least > n:
            return False
        self.looks = {p: look for p, look in self.looks.items() if p < places.least}
        self.version += 1
        return True

    def _look(self, exits: Bool[Tensor, " action"], time: int) -> None:
        place = self.place
        if place < 0 or not self.map.plastic:
            return
        seen = tuple(bool(e) for e in exits)
        if place not in self.looks or self.looks[place].exits != seen:
            self.version += 1
        self.looks[place] = Look(seen, time)

    def _built(self, memory: Steps) -> Network:
        places = self.map.places
        of, table = imagined(self.model, places, self.map.where.map, self.map.threshold)
        n, n_actions = table.shape
        rows = {place: row for row, place in enumerate(of.tolist())}
        none = Look((False,) * n_actions, -1)
        looks = [self.looks.get(place, none) for place in of.tolist()]
        exits = [look.exits for look in looks]
        seen = torch.tensor(exits, dtype=torch.bool).view(n, n_actions)
        times = torch.tensor([look.time for look in looks], dtype=torch.long)
        to = torch.tensor([rows.get(p, -1) for p in table.flatten().tolist()], dtype=torch.long)
        to = to.view(n, n_actions)
        known = to >= 0
        # The step may have been seen from its other side since.
        back = self.back.clamp(min=0).expand(n, -1)
        other = seen[to.clamp(min=0), back]
        later = known & (self.back >= 0) & (times[to.clamp(min=0)] > times[:, None])
        passable = torch.where(later, other, seen)
        source, action = torch.nonzero(passable, as_tuple=True)
        new = ~known[source, action]
        target = to[source, action]
        target[new] = n + torch.arange(int(new.sum()))
        codes = places.codes[of][source[new]]
        beyond = self.model.key(self.model.positions.step(codes, action[new]))
        landmarks = torch.cat([places.keys[of], beyond])
        evidence = memory.evidence(places.keys[of][source], action)
        length = torch.ones(len(source))
        graph = LandmarkGraph(
            landmarks, source, target, of[source] * n_actions + action,
            torch.ones_like(source), length, length, torch.full_like(source, -1),
            evidence.denied, evidence.strength, evidence.held,
            next_id=places.n * n_actions,
        )  # fmt: skip
        numbers = torch.cat([of, torch.full((len(beyond),), -1)])
        return Network(graph, numbers, action, evidence, n + torch.arange(len(beyond)))


@torch.no_grad()
def _backwards(model: TemT) -> Int[Tensor, " action"]:
    """The action that takes each one back, as the codes have it; -1 where none does."""
    n = model.settings.n_actions
    actions = torch.arange(n)
    code = model.positions.start(1).expand(n * n, -1)
    there = model.positions.step(code, actions.repeat_interleave(n))
    again = model.positions.step(there, actions.repeat(n))
    alike = (model.key(again) * model.key(code)).sum(1).view(n, n)
    best = alike.max(1)
    return torch.where(best.values > _BACK, best.indices, -1)


def _map_settings(model: TemT) -> MapSettings:
    """Turning codes come back exactly: what is only somewhat alike is another place."""
    if not isinstance(model.positions, RotaryPositions):
        return MapSettings()
    apart = model.spacing()
    return MapSettings(threshold=apart + _SAME * (1 - apart), draws=_SAME)
