"""Sets that packages carry, against what is known of them."""

import pytest
import torch

from unfrozen.data.bags import BAG_SETS, bags
from unfrozen.data.graphs import GRAPH_SETS, graphs, read_graphs
from unfrozen.data.tables import RARE, TABLES, rare, table
from unfrozen.errors import DataError


@pytest.mark.parametrize(
    ("name", "n", "positive", "instances", "features"),
    [
        ("musk1", 92, 47, 476, 166),
        ("musk2", 102, 39, 6598, 166),
        ("elephant", 200, 100, 1391, 230),
        ("ucsb_breast_cancer", 58, 26, 2002, 708),
    ],
)
def test_bags_are_as_published(name, n, positive, instances, features):
    found = bags(name)
    assert len(found.instances) == len(found.labels) == n
    assert int(found.labels.sum()) == positive
    assert sum(map(len, found.instances)) == instances
    assert {b.shape[1] for b in found.instances} == {features}


def test_every_set_of_bags_is_told_of():
    assert all(BAG_SETS.values())
    with pytest.raises(DataError, match="no set of bags 'musk3': there are musk1"):
        bags("musk3")


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_small_and_whole(name):
    found = table(name)
    assert len(found.features) == len(found.classes) <= 1000
    assert bool(found.features.isfinite().all())
    counts = torch.bincount(found.classes)
    assert len(counts) >= 2
    assert int(counts.min()) >= 1


def test_a_table_is_as_published():
    iris = table("iris")
    assert iris.features.shape == (150, 4)
    assert torch.bincount(iris.classes).tolist() == [50, 50, 50]
    assert table("tic-tac-toe").features.shape == (958, 27)  # three words in each of nine columns
    with pytest.raises(DataError, match="no table 'nothing'"):
        table("nothing")


@pytest.mark.parametrize("name", RARE)
def test_the_rare_class_is_rare(name):
    found = rare(name)
    assert found.classes.unique().tolist() == [0, 1]
    assert 0 < float(found.classes.float().mean()) < 0.15


@pytest.mark.parametrize(
    ("name", "n", "nodes", "edges", "classes"),
    [("MUTAG", 188, 3371, 7442, 2), ("Cuneiform", 267, 5680, 23922, 30)],
)
def test_graphs_are_as_published(name, n, nodes, edges, classes):
    found = graphs(name)
    assert len(found.nodes) == len(found.edges) == len(found.classes) == n
    assert sum(map(len, found.nodes)) == nodes
    assert sum(e.shape[1] for e in found.edges) == edges
    assert found.classes.unique().tolist() == list(range(classes))
    for node, edge in zip(found.nodes, found.edges, strict=True):
        assert 0 <= int(edge.min()) <= int(edge.max()) < len(node)
        both = {tuple(e) for e in edge.T.tolist()}
        assert both == {(b, a) for a, b in both}
    assert GRAPH_SETS[name]
    with pytest.raises(DataError, match="no set of graphs 'X'"):
        graphs("X")


def test_graphs_of_ones_own_may_be_without_labels(tmp_path):
    folder = tmp_path / "TWO"
    folder.mkdir()
    files = {
        "A": "1, 2\n2, 1\n4, 5\n5, 4\n",
        "graph_indicator": "1\n1\n1\n2\n2\n",
        "graph_labels": "-1\n1\n",
    }
    for part, text in files.items():
        (folder / f"TWO_{part}.txt").write_text(text, encoding="utf-8")
    found = read_graphs(folder)
    assert found.name == "TWO"
    assert found.classes.tolist() == [0, 1]
    assert [nodes.tolist() for nodes in found.nodes] == [[[1.0]] * 3, [[1.0]] * 2]
    assert [edges.tolist() for edges in found.edges] == [[[0, 1], [1, 0]]] * 2
    (folder / "TWO_node_labels.txt").write_text("7\n8\n7\n7\n8\n", encoding="utf-8")
    assert read_graphs(folder).nodes[0].tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    (folder / "TWO_node_labels.txt").write_text("7\n", encoding="utf-8")
    with pytest.raises(DataError, match="its nodes are not in the order of its graphs"):
        read_graphs(folder)
    with pytest.raises(DataError, match="cannot read"):
        read_graphs(tmp_path / "NONE")
    (folder / "TWO_node_labels.txt").unlink()
    edges = folder / "TWO_A.txt"
    for text, why in (
        ("", "no rows of 2 numbers"),
        ("1\n", "no rows of 2"),
        ("1, 9\n", "counts from 1"),
    ):
        edges.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=why):
            read_graphs(folder)
