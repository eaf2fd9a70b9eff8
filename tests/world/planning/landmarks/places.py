"""Maps of known graphs: a state is a place in a plane, and the edges are given."""

import networkx as nx
import torch

from unfrozen.world.planning.landmarks import empty_graph, observe

F64 = torch.float64


def grid(wide, high, closed=()):
    """A grid of places one apart, as a directed networkx graph with the places' numbers."""
    plain = nx.grid_2d_graph(wide, high)
    places = sorted(plain)
    plain.remove_edges_from([(tuple(a), tuple(b)) for a, b in closed])
    number = {place: n for n, place in enumerate(places)}
    graph = nx.relabel_nodes(plain, number).to_directed()
    return graph, torch.tensor(places, dtype=F64), number


def mapped(graph, places, time=0.0):
    """The map of someone who took every edge once."""
    ways = torch.stack([places[[a, b]] for a, b in graph.edges])
    return observe(empty_graph(places), ways, time=time)


def edge_id(map_, a, b):
    """The id of the edge between two landmarks."""
    return int(map_.ids[(map_.source == a) & (map_.target == b)])


def random_graph(seed, n=30, p=0.12):
    """A directed graph at random with places at random; lengths are distances."""
    g = torch.Generator().manual_seed(seed)
    places = torch.randn(n, 3, generator=g, dtype=F64)
    graph = nx.gnp_random_graph(n, p, seed=seed, directed=True)
    for a, b in graph.edges:
        graph.edges[a, b]["weight"] = float((places[a] - places[b]).norm())
    return graph, places
