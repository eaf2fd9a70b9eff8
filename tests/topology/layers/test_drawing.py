"""Diagrams as graphs, as text and as pictures."""

import networkx as nx
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from tests.topology.layers.cochains import seeded

from unfrozen.topology.complex import adjacency, incidence
from unfrozen.topology.layers import (
    Arrow,
    Attention,
    Convolution,
    Merge,
    MutualAttention,
    Sketch,
    classical,
    skip,
)


@given(st.integers(1, 7), st.data())
def test_height_is_the_longest_path_of_the_graph(count, data):
    pairs = [(i, j) for j in range(count) for i in range(j)]
    chosen = data.draw(st.lists(st.sampled_from(pairs), max_size=12)) if pairs else []
    # Cochains may be numbered in any order.
    names = data.draw(st.permutations(range(count)))
    sketch = Sketch()
    for _ in range(count):
        sketch.cochain(data.draw(st.integers(0, 2)))
    sketch.arrows = [Arrow(names[i], names[j], "G", "map") for i, j in chosen]
    graph = nx.DiGraph([(arrow.tail, arrow.head) for arrow in sketch.arrows])
    assert sketch.height == (nx.dag_longest_path_length(graph) if graph else 0)
    assert len(set(sketch.names())) == count


def test_text_of_a_diagram():
    up = Convolution(incidence(0, 1).T, 3, 8, generator=seeded())
    near = Attention(adjacency(1), 8, 8, heads=2, generator=seeded())
    both = MutualAttention(incidence(1, 2), (5, 8), 4, generator=seeded())
    layer = Merge(up, skip(1), beta=torch.relu) >> (near.then(torch.tanh) + skip(1)) >> both
    assert layer.draw().splitlines() == [
        "given H0, H1, H2",
        "H1': sum, relu",
        "  H0 ── B(0,1)ᵀ, convolution 3→8 ──▶ H1'",
        "  H1 ── I(1), as it is ──▶ H1'",
        "H1'': sum",
        "  H1' ── A(1 by 2), attention 8→8, 2 heads, tanh ──▶ H1''",
        "  H1' ── I(1), as it is ──▶ H1''",
        "H1'''",
        "  H2   ── B(1,2), mutual attention 5→4 ──▶ H1'''",
        "  H1'' ── B(1,2), read as well ──▶ H1'''",
        "H2'",
        "  H1'' ── B(1,2)ᵀ, mutual attention 8→4 ──▶ H2'",
        "  H2   ── B(1,2)ᵀ, read as well ──▶ H2'",
        "height 3",
    ]
    assert "B(0,1)ᵀ, convolution 3→8" in repr(layer)


def test_picture_of_a_diagram():
    layer = classical.hmc((3, 4, 5), (8, 8, 8), (2, 2, 2), generator=seeded())
    figure = layer.figure("mesh")
    assert isinstance(figure, Figure)
    (axes,) = figure.axes
    assert axes.get_title() == "mesh"
    assert axes.get_xlabel() and axes.get_ylabel()  # noqa: PT018
    told = {text.get_text() for text in axes.texts}
    assert {"H0", "H1'", "H2''", "B(1,2)ᵀ", "sum, relu"} <= told
    figure.draw_without_rendering()
