"""Graphs, meshes and hypergraphs of PyTorch Geometric, there and back."""

import sys

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.draws import normal, normal32
from tests.topology.complexes import CUBE, TETRAHEDRON, sets
from torch_geometric.data import Data
from torch_geometric.data.hypergraph_data import HyperGraphData
from torch_geometric.utils import from_networkx as graph_of
from torch_geometric.utils import sort_edge_index, to_networkx

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.exchange import Column, from_pyg, to_pyg


def graph(seed):
    data = graph_of(nx.gnm_random_graph(8, 12, seed=seed))
    data.x, data.pos = normal32(seed, 8, 3), normal32(seed + 1, 8, 2)
    # The same in both directions.
    source, target = data.edge_index
    data.edge_attr = torch.stack([source + target, source * target], 1).float()
    data.y = torch.tensor([1])
    return data


@pytest.mark.parametrize("seed", range(4))
def test_a_graph_comes_back_with_all_that_it_has(seed):
    data = graph(seed)
    there = from_pyg(data)
    back = to_pyg(there)
    for key in ("x", "pos", "y"):
        assert torch.equal(back[key], data[key])
    index, attributes = sort_edge_index(back.edge_index, back.edge_attr)
    expected, own = sort_edge_index(data.edge_index, data.edge_attr)
    assert torch.equal(index, expected)
    assert torch.equal(attributes, own)
    assert back.num_nodes == 8
    assert there.columns[0] == (Column("x", 3), Column("pos", 2))


def test_neighbours_are_those_of_the_graph():
    data = graph(0)
    own = from_pyg(data).complex
    dense = nx.to_numpy_array(to_networkx(data, to_undirected=True))
    assert own.adjacency(0).scipy().toarray().tolist() == dense.tolist()


def test_a_mesh_has_triangles_of_rank_two():
    data = to_pyg(TETRAHEDRON)
    assert data.face.T.tolist() == TETRAHEDRON.cells(2).members.reshape(-1, 3).tolist()
    there = from_pyg(data).complex
    assert sets(there, 2) == sets(TETRAHEDRON, 2)
    assert sets(there, 1) == sets(TETRAHEDRON, 1)
    faces = from_pyg(Data(pos=normal32(0, 4, 3), face=data.face)).complex
    assert faces.ranks == (0, 2)


@given(
    st.lists(
        st.lists(st.integers(0, 6), min_size=2, max_size=5, unique=True),
        min_size=1, max_size=6, unique_by=frozenset,
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_a_hypergraph_comes_back(edges, random):
    pairs = [(node, i) for i, edge in enumerate(edges) for node in edge]
    data = HyperGraphData(
        x=normal32(0, 7, 2),
        edge_index=torch.tensor(pairs).T,
        edge_attr=normal32(1, len(edges), 1),
    )
    there = from_pyg(data)
    assert sets(there.complex, 1) == [frozenset(edge) for edge in edges]
    back = to_pyg(there, hypergraph=True)
    assert torch.equal(back.edge_index, data.edge_index)
    assert torch.equal(back.x, data.x)
    assert torch.equal(back.edge_attr, data.edge_attr)
    assert back.num_nodes == 7


def test_numbers_by_themselves_stay_so_and_precision_is_kept():
    data = graph(1)
    data.x = torch.arange(8)
    data.pos = normal(0, 8, 2)
    data.edge_weight = data.edge_attr[:, 0].clone()
    there = from_pyg(data)
    assert there.complex.features[0].dtype == torch.float64
    assert there.columns == {
        0: (Column("x"), Column("pos", 2)), 1: (Column("edge_attr", 2), Column("edge_weight")),
    }  # fmt: skip
    back = to_pyg(there)
    assert torch.equal(back.pos, data.pos)
    assert back.x.tolist() == list(range(8))
    assert back.edge_weight.shape == data.edge_weight.shape


def test_gradients_go_to_the_features_of_the_data():
    data = graph(2)
    data.x.requires_grad_()
    from_pyg(data).complex.features[0].sum().backward()
    assert torch.equal(data.x.grad, torch.ones(8, 3))


def test_a_complex_by_itself_has_features_of_the_usual_names():
    own = CUBE.skeleton(1).with_features(0, normal32(0, 8, 2)).with_features(1, normal32(1, 12, 3))
    data = to_pyg(own)
    assert torch.equal(data.x, own.features[0])
    assert torch.equal(data.edge_attr, own.features[1].repeat(2, 1))
    assert data.is_undirected()


INDEX = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (Data(edge_index=INDEX[:, :3], num_nodes=3), r"that of \[1, 2\] is there 1 times"),
        (Data(edge_index=INDEX[:, [0, 1, 0, 1]], num_nodes=3), r"\[0, 1\] is there 4 times"),
        (Data(edge_index=INDEX[:, [0, 0]], num_nodes=3), r"\[0, 1\] is there 2 times"),
        (Data(edge_index=torch.tensor([[0, 1], [0, 1]])), "2 are loops"),
        (Data(edge_index=INDEX, edge_attr=torch.arange(4.0)), "edge_attr differs in the two"),
        (Data(edge_index=INDEX, edge_attr=torch.arange(3.0)), "edge_attr of .* is not a row"),
        (Data(x=torch.ones(3, 2, 2), edge_index=INDEX), "x of .* is not a row for each of 3"),
        (Data(x=torch.tensor([2**24 + 1, 0, 1]), edge_index=INDEX), "does not fit torch.float32"),
        (Data(), "how many nodes"),
        (Data(edge_index=torch.tensor([[0, 9], [9, 0]]), num_nodes=3), "node 9"),
        (
            HyperGraphData(edge_index=torch.tensor([[0, 1], [0, 2]]), num_nodes=2),
            "edge 1 has none",
        ),
        (
            HyperGraphData(edge_index=torch.tensor([[0, 1, 0, 1], [0, 0, 1, 1]]), num_nodes=2),
            "there twice",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused(data, said):
    with pytest.raises(TopologyError, match=said):
        from_pyg(data)


def test_what_differs_is_left_out_when_asked():
    data = Data(edge_index=INDEX, edge_attr=torch.arange(4.0), num_nodes=3)
    assert 1 not in from_pyg(data, leave_out=["edge_attr"]).complex.features


@pytest.mark.parametrize(
    ("cells", "hypergraph", "said"),
    [
        (CUBE, False, "no graph or mesh of triangles"),
        (CUBE, True, "no hypergraph"),
        (Complex({1: [[0, 1, 2]]}), False, "no graph"),
        (Complex({3: [[0, 1]]}), False, "no graph"),
        (TETRAHEDRON.with_features(2, torch.ones(4, 1)), False, "no features of triangles"),
    ],
)
def test_what_pytorch_geometric_cannot_keep_is_refused(cells, hypergraph, said):
    with pytest.raises(TopologyError, match=said):
        to_pyg(cells, hypergraph=hypergraph)


def test_without_the_library_its_name_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_geometric.data", None)
    with pytest.raises(TopologyError, match=r"pip install 'unfrozen\[topology\]'"):
        to_pyg(CUBE)
