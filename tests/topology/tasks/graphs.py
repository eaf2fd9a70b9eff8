"""Graphs and lifts by networkx, to hold ours against."""

import networkx as nx


def network(complex_):
    """The graph of nodes and edges."""
    graph = nx.empty_graph(complex_.n_nodes)
    graph.add_edges_from(complex_.cells(1).members.reshape(-1, 2).tolist())
    return graph


def with_triangles(complex_):
    """Triangles as cells of rank 2."""
    cliques = nx.enumerate_all_cliques(network(complex_))
    return complex_.with_cells(2, [clique for clique in cliques if len(clique) == 3])


def with_rings(longest):
    """A lift: induced cycles as cells of rank 2."""

    def lift(complex_):
        found = nx.chordless_cycles(network(complex_), length_bound=longest)
        return complex_.with_cells(2, list(found))

    return lift
