"""Graphs of tests, as networkx has them and as complexes."""

import networkx as nx
import numpy as np
import torch
from hypothesis import strategies as st

from unfrozen.topology.complex import Cells, Complex
from unfrozen.topology.lifting.base import Adjacency


@st.composite
def random_graphs(draw, most=9, least=1):
    """Graphs of networkx, of any density."""
    n = draw(st.integers(least, most))
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    drawn = nx.empty_graph(n)
    drawn.add_edges_from(draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else [])
    return drawn


def complex_of(graph: nx.Graph, **features) -> Complex:
    """A graph whose nodes are 0, 1, ... as a complex, with the edges in the order of networkx."""
    edges = np.array(list(graph.edges), np.int64).reshape(-1, 2)
    return Complex({1: edges}, n_nodes=len(graph), **features)


def featured(graph: nx.Graph, width=2, dtype=torch.float32) -> Complex:
    """The same with whole numbers as features of the nodes, whose sums are exact."""
    rows = torch.arange(len(graph) * width, dtype=dtype).view(-1, width)
    return complex_of(graph, features={0: rows})


def adjacency_of(graph: nx.Graph) -> Adjacency:
    return Adjacency.of(complex_of(graph))


def rows(cells: Cells) -> list[list[int]]:
    return [cells[i].tolist() for i in range(len(cells))]


def sets(cells: Cells) -> set[frozenset[int]]:
    """The cells as sets; no two are one."""
    found = {frozenset(row) for row in rows(cells)}
    assert len(found) == len(cells)
    return found
