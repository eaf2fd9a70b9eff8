"""How fast are rings and simplices found, against networkx and gudhi?"""

import importlib
import math
from collections.abc import Callable
from time import process_time
from typing import Any

import networkx as nx
import torch

from unfrozen.data.graphs import graphs
from unfrozen.topology.complex import Complex
from unfrozen.topology.lifting import Adjacency, graph, induced_cycles, lift_all, rings, rips
from unfrozen.topology.tasks.strongly_regular import strongly_regular

QUESTION = "rings against networkx, Vietoris-Rips complexes against gudhi, in seconds of processor"
POINTS, RADIUS = 1_000, 0.6
_ROUNDS = 5


def run() -> dict[str, float]:
    """All ways in turn, the fastest of some rounds of each; they must find as much."""
    return _molecules() | _strongly_regular() | _lattice() | _points()


def _molecules() -> dict[str, float]:
    given = graphs("MUTAG")
    complexes = [graph(edges) for edges in given.edges]
    networks = [_network(each) for each in complexes]
    adjacencies = [Adjacency.of(each) for each in complexes]
    found: dict[str, float] = {}
    for longest in (6, 18):
        ways = {
            "ours": lambda n=longest: [induced_cycles(each, n) for each in adjacencies],
            "networkx chordless_cycles": lambda n=longest: _by_networkx(networks, n),
            "complexes one by one": lambda n=longest: [rings(each, n) for each in complexes],
            "complexes together": lambda n=longest: lift_all("rings", complexes, longest=n),
        }
        if longest == 6:
            ways["networkx minimum_cycle_basis"] = lambda: [
                nx.minimum_cycle_basis(each) for each in networks
            ]
        found |= _compare(f"MUTAG to {longest}", ways, _count)
    return found


def _strongly_regular() -> dict[str, float]:
    given = [one for name in ("sr251256", "sr261034", "sr281264") for one in strongly_regular(name)]
    found: dict[str, float] = {}
    for longest in (5, 6):
        found |= _compare(f"29 strongly regular to {longest}", _both(given, longest), _count)
    return found


def _lattice() -> dict[str, float]:
    """Sheets of hexagons, as of graphene, and grids of squares."""
    found: dict[str, float] = {}
    for name, made, longest in (
        ("256 hexagons", nx.hexagonal_lattice_graph(16, 16), 6),
        ("400 squares", nx.grid_2d_graph(21, 21), 6),
    ):
        edges = torch.tensor(list(nx.convert_node_labels_to_integers(made).edges)).T
        found |= _compare(f"{name} to {longest}", _both([graph(edges)], longest), _count)
    return found


def _both(given: list[Complex], longest: int) -> dict[str, Callable[[], Any]]:
    networks = [_network(each) for each in given]
    adjacencies = [Adjacency.of(each) for each in given]
    return {
        "ours": lambda: [induced_cycles(each, longest) for each in adjacencies],
        "networkx chordless_cycles": lambda: _by_networkx(networks, longest),
    }


def _by_networkx(networks: list[Any], longest: int) -> list[list[Any]]:
    return [list(nx.chordless_cycles(each, length_bound=longest)) for each in networks]


def _points() -> dict[str, float]:
    gudhi: Any = importlib.import_module("gudhi")
    points = torch.randn(POINTS, 3, generator=torch.Generator().manual_seed(0))
    array = points.double().numpy()
    found: dict[str, float] = {}

    def tree(rank: int) -> Any:
        made = gudhi.RipsComplex(points=array, max_edge_length=RADIUS)
        return made.create_simplex_tree(max_dimension=rank)

    def simplices(rank: int) -> list[Any]:
        # Going through a tree that nothing holds crashes gudhi 3.13.
        held = tree(rank)
        return list(held.get_filtration())

    for rank in (2, 3):
        ways = {
            "ours": lambda n=rank: rips(points, RADIUS, n),
            "gudhi, its tree": lambda n=rank: tree(n),
            "gudhi, its simplices": lambda n=rank: simplices(n),
        }
        counted = {"gudhi, its tree": lambda made: made.num_simplices()}
        found |= _compare(f"{POINTS:,} points, rank {rank}", ways, len, counted)
    return found


def _compare(
    name: str,
    ways: dict[str, Callable[[], Any]],
    count: Callable[[Any], int],
    counts: dict[str, Callable[[Any], int]] | None = None,
) -> dict[str, float]:
    """Milliseconds of each way, and how many times as long as ours the others take."""
    best = dict.fromkeys(ways, math.inf)
    amounts: dict[str, int] = {}
    for _ in range(_ROUNDS):
        for way, work in ways.items():
            begun = process_time()
            made = work()
            best[way] = min(best[way], process_time() - begun)
            amounts[way] = (counts or {}).get(way, count)(made)
    if len(set(amounts.values())) > 1:
        raise AssertionError(f"{name}: the ways find differently much, {amounts}")
    told = {f"{name}: found": float(amounts["ours"])}
    told |= {f"{name}: {way}, ms": 1e3 * seconds for way, seconds in best.items()}
    others = [way for way in ways if way != "ours"]
    return told | {f"{name}: {way} over ours": best[way] / best["ours"] for way in others}


def _count(made: list[Any]) -> int:
    """Rings of all graphs, as cells or as lists."""
    return sum(each.n_cells(2) if isinstance(each, Complex) else len(each) for each in made)


def _network(given: Complex) -> nx.Graph:
    made = nx.empty_graph(given.n_nodes)
    made.add_edges_from(given.cells(1).members.reshape(-1, 2).tolist())
    return made
