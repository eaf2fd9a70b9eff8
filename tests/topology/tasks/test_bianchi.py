"""Bianchi's benchmark against scikit-learn's clouds, and against what is published of it."""

import networkx as nx
import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from sklearn import datasets
from sklearn.neighbors import kneighbors_graph
from tests.topology.tasks.graphs import network

from unfrozen.errors import TopologyError
from unfrozen.topology.tasks import bianchi as module
from unfrozen.topology.tasks.bianchi import BIANCHI, BianchiSettings, bianchi_graphs, bianchi_parts


@pytest.mark.parametrize(
    ("cloud", "theirs"),
    [
        (
            lambda draw: module._moons(601, draw, np.zeros(2)),
            lambda: datasets.make_moons(601, noise=0.1, random_state=1),
        ),
        (
            lambda draw: module._disc(601, draw, np.zeros(2), 0.4),
            lambda: datasets.make_gaussian_quantiles(
                n_samples=601, n_classes=2, cov=0.4, random_state=1
            ),
        ),
        (
            lambda draw: module._blob(601, draw, np.zeros(2), 0.4),
            lambda: datasets.make_blobs(601, centers=[[0, 0]], cluster_std=0.8, random_state=1),
        ),
    ],
)
def test_clouds_are_those_of_scikit_learn(cloud, theirs):
    ours, colours = cloud(np.random.default_rng(0))
    points, classes = theirs()
    colours = colours - colours.min()
    assert np.bincount(colours).tolist() == np.bincount(classes).tolist()
    for colour in np.unique(colours):
        a, b = ours[colours == colour], points[classes == colour]
        for turn in np.linspace(0, np.pi, 5):  # along some directions
            line = np.array([np.cos(turn), np.sin(turn)])
            assert ks_2samp(a @ line, b @ line).pvalue > 0.001


def test_versions_are_as_published():
    sizes = {name: (each.nodes, each.per_class) for name, each in BIANCHI.items()}
    assert sizes["easy"] == sizes["hard"] == (200, 600)
    assert sizes["easy_small"] == sizes["hard_small"] == (80, 100)
    found = bianchi_graphs("hard_small", seed=0)
    assert len(found) == 300
    assert found.classes.bincount().tolist() == [100] * 3
    nodes = [each.n_nodes for each in found.complexes]
    assert 39 <= min(nodes) < 45
    assert 75 <= max(nodes) <= 78
    # The published hard graphs are sparse, and some fall apart; easy ones have more edges.
    easy = bianchi_graphs(BianchiSettings(nodes=80, per_class=10), seed=0)
    density = [
        np.mean([g.n_cells(1) / g.n_nodes for g in each.complexes]) for each in (found, easy)
    ]
    assert density[0] < 2.2 < density[1]
    apart = [not nx.is_connected(network(g)) for g in found.complexes[:40]]
    assert sum(apart) > 0


def test_edges_join_nearest_neighbours(monkeypatch):
    kept = []

    def keep(cloud):
        def kept_cloud(*args):
            kept.append(cloud(*args))
            return kept[-1]

        return kept_cloud

    for name in ("_moons", "_disc", "_blob"):
        monkeypatch.setattr(module, name, keep(getattr(module, name)))
    settings = BianchiSettings(nodes=40, per_class=1, neighbours=4)
    graph = bianchi_graphs(settings, seed=2).complexes[0]
    x = np.concatenate([points for points, _ in kept[:3]])
    a = kneighbors_graph(x / x.max(0), 4).toarray()
    np.testing.assert_array_equal(nx.to_numpy_array(network(graph)), np.maximum(a, a.T))
    colours = np.concatenate([own for _, own in kept[:3]])
    assert graph.features[0].argmax(1).tolist() == colours.tolist()


def test_colours_alone_tell_nothing():
    found = bianchi_graphs(BianchiSettings(nodes=40, per_class=3), seed=0)
    for graph in found.complexes:
        counts = graph.features[0].sum(0).long().tolist()
        assert counts[0] + counts[1] == counts[2] + counts[3] == counts[4] == graph.n_nodes // 3
    # The classes are the three turns of the clouds over the places.
    assert sorted(module._WHERE) == [(0, 1, 2), (1, 2, 0), (2, 0, 1)]


def test_seeds_say_which_graphs():
    settings = BianchiSettings(nodes=40, per_class=2)
    one, same, other = (bianchi_graphs(settings, seed=seed) for seed in (1, 1, 2))
    cells = [[g.cells(1).members.tolist() for g in each.complexes] for each in (one, same, other)]
    assert cells[0] == cells[1] != cells[2]
    assert one.classes.tolist() != sorted(one.classes.tolist())


def test_parts_are_as_large_as_published():
    parts = bianchi_parts(1800, seed=0)
    rows = torch.cat([parts.train, parts.validation, parts.test])
    assert rows.sort().values.tolist() == list(range(1800))
    for part, share in ((parts.train, 0.81), (parts.validation, 0.09), (parts.test, 0.1)):
        assert len(part) == pytest.approx(1800 * share, abs=40)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(TopologyError, match="no version 'medium' of the benchmark: easy, hard"):
        bianchi_graphs("medium")
    with pytest.raises(TopologyError, match="graphs of 6 nodes have too few for 7 neighbours"):
        BianchiSettings(nodes=12, neighbours=7)
    with pytest.raises(TopologyError, match="positive spread"):
        BianchiSettings(spread=0.0)
