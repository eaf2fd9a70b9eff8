"""A world: places joined by actions, what looks alike, and where walks like to go.

Structure is what worlds of one family share: which action leads where.  Sensation is what sets two
of them apart: which symbol is seen at which place, drawn anew for every world.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.errors import MapError

if TYPE_CHECKING:
    import networkx as nx

N_SYMBOLS = 45
"""Symbols that can be seen, in Whittington et al. 2020."""

NOWHERE = -1
"""Where an action leads that cannot be taken."""


@dataclass(frozen=True, eq=False)
class World:
    """A graph whose edges are actions.

    Args:
        family: what it is called.
        neighbours: the place where each action leads, or -1.
        actions: their names.
        coordinates: of places in a plane, in units of one step; None where there is no plane.
        senses: places of one number look alike; by default no two do.
        landmarks: the symbol of places that look the same in every world of the family, else -1.
        attraction: how much walks like to go to a place, 1 by default.

    Raises:
        MapError: shapes do not fit, an action leads outside, or a place has no way out.

    Example:
        >>> world = World("pair", torch.tensor([[1], [0]]), ("across",))
        >>> world.n_places, world.reverse.tolist()
        (2, [[0], [0]])
    """

    family: str
    neighbours: Int[Tensor, "place action"]
    actions: tuple[str, ...]
    coordinates: Float[Tensor, "place 2"] | None = None
    senses: Int[Tensor, " place"] | None = None
    landmarks: Int[Tensor, " place"] | None = None
    attraction: Float[Tensor, " place"] | None = None

    def __post_init__(self) -> None:
        table = self.neighbours
        if table.ndim != 2 or 0 in table.shape or table.shape[1] != len(self.actions):
            raise MapError(
                f"a world of {len(self.actions)} actions has a table of [place, action], not "
                f"{list(table.shape)}"
            )
        n = len(table)
        if int(table.min()) < NOWHERE or int(table.max()) >= n:
            raise MapError(f"an action of the {self.family} world leads outside its {n} places")
        stuck = torch.nonzero((table == NOWHERE).all(1))
        if len(stuck):
            raise MapError(f"place {int(stuck[0])} of the {self.family} world has no way out")
        for name in ("coordinates", "senses", "landmarks", "attraction"):
            given = getattr(self, name)
            if given is not None and len(given) != n:
                raise MapError(f"{name} are given of {len(given)} places, there are {n}")
        if self.attraction is not None and not bool((self.attraction > 0).all()):
            raise MapError("every place has an attraction above zero")

    @property
    def n_places(self) -> int:
        """How many places there are."""
        return self.neighbours.shape[0]

    @property
    def n_actions(self) -> int:
        """How many actions there are."""
        return self.neighbours.shape[1]

    @cached_property
    def possible(self) -> Bool[Tensor, "place action"]:
        """Which actions can be taken where."""
        return self.neighbours != NOWHERE

    @cached_property
    def reverse(self) -> Int[Tensor, "place action"]:
        """The first action that leads back from where an action leads, or -1."""
        back = self.neighbours[self.neighbours.clamp(min=0)]
        home = torch.arange(self.n_places)[:, None, None]
        returns = (back == home) & self.possible[:, :, None]
        return torch.where(returns.any(2), returns.int().argmax(2), NOWHERE)

    def graph(self) -> "nx.MultiDiGraph":
        """The world as a networkx graph: edges have an `action`, places their coordinates."""
        import networkx as nx

        graph = nx.MultiDiGraph(family=self.family)
        for place in range(self.n_places):
            at: dict[str, Any] = {}
            if self.coordinates is not None:
                at["pos"] = tuple(self.coordinates[place].tolist())
            graph.add_node(place, **at)
        for place, action in torch.nonzero(self.possible).tolist():
            to = int(self.neighbours[place, action])
            graph.add_edge(place, to, action=self.actions[action])
        return graph


def from_networkx(
    graph: "nx.Graph[Any]",
    action: str = "action",
    position: str = "pos",
    family: str = "graph",
) -> World:
    """Any networkx graph as a world.

    Edges that have the attribute named `action` lead where it says.  Where none has, the actions
    of a place are its edges in their order ("1", "2", ...), which differ from place to place: such
    a world has places, but no structure that another world could share.

    Args:
        graph: directed, or not; with several edges between two places, or not.
        action: attribute of an edge that names its action.
        position: attribute of a place that holds its two coordinates.
        family: what the world is called.

    Raises:
        MapError: there are no places, one action leads from one place to two, some edges name
            their action and some do not, or a place has no way out.
    """
    places: dict[Hashable, int] = {node: i for i, node in enumerate(graph.nodes)}
    edges = [
        (a, b, data.get(action))
        for one, other, data in graph.edges(data=True)
        for a, b in ([(one, other)] if graph.is_directed() else [(one, other), (other, one)])
    ]
    named = {name is not None for _, _, name in edges}
    if not edges or len(named) > 1:
        raise MapError(
            "a graph without edges is no world"
            if not edges
            else f"some edges have an {action!r} and some do not: name all or none"
        )
    table: dict[int, dict[str, int]] = {i: {} for i in places.values()}
    for a, b, name in edges:
        ways = table[places[a]]
        word = str(name) if name is not None else str(len(ways) + 1)
        if ways.setdefault(word, places[b]) != places[b]:
            raise MapError(f"action {word!r} leads from {a!r} to two places")
    actions = tuple(dict.fromkeys(word for ways in table.values() for word in ways))
    neighbours = torch.full((len(places), len(actions)), NOWHERE)
    for place, ways in table.items():
        for word, to in ways.items():
            neighbours[place, actions.index(word)] = to
    found = [graph.nodes[node].get(position) for node in places]
    placed = [[float(x) for x in at] for at in found if at is not None]
    coordinates = torch.tensor(placed) if len(placed) == len(places) else None
    return World(family, neighbours, actions, coordinates)


def by_steps(
    family: str,
    positions: Sequence[tuple[int, ...]],
    steps: Mapping[str, tuple[int, ...]],
    **more: Any,
) -> World:
    """A world on a lattice: an action adds a step, where that ends at a place.

    Args:
        family: what it is called.
        positions: of places, on the lattice.
        steps: name of an action -> what it adds.
        more: fields of `World`.
    """
    place = {at: i for i, at in enumerate(positions)}
    table = [
        [place.get(tuple(a + b for a, b in zip(at, step, strict=True)), NOWHERE)
         for step in steps.values()]
        for at in positions
    ]  # fmt: skip
    return World(family, torch.tensor(table), tuple(steps), **more)
