"""Triple systems against their definition, answers by counting, the ceiling by enumeration."""

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
import torch
from tests.topology.tasks.graphs import network

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.batching import batch
from unfrozen.topology.tasks.classification import TrainSettings, build, fit
from unfrozen.topology.tasks.labelled import Parts
from unfrozen.topology.tasks.steiner import bose, graph_ceiling, parities


@pytest.mark.parametrize("nodes", [3, 9, 15, 21, 33])
def test_any_two_nodes_are_in_one_triple(nodes):
    pairs = [frozenset(p) for triple in bose(nodes).tolist() for p in combinations(triple, 2)]
    assert len(pairs) == len(set(pairs)) == nodes * (nodes - 1) // 2
    assert all(len(pair) == 2 for pair in pairs)


def test_answers_are_counted():
    found = parities(5, nodes=9, seed=3)
    for complex_, answers in zip(found.complexes, found.answers, strict=True):
        bits = complex_.features[0][:, 1].long().tolist()
        assert sum(bits) == 4
        assert torch.equal(complex_.features[0].sum(1), torch.ones(9))
        triples = [complex_.cells(2)[i].tolist() for i in range(12)]
        for node in range(9):
            odd = [sum(bits[v] for v in t) % 2 for t in triples if node in t]
            assert len(odd) == 4
            assert int(answers[node]) == (sum(odd) > 2)
    again, other = parities(5, nodes=9, seed=3), parities(5, nodes=9, seed=4)
    cells = [[c.cells(2).members.tolist() for c in f.complexes] for f in (found, again, other)]
    assert cells[0] == cells[1] != cells[2]


def test_as_graphs_all_are_complete():
    found = parities(3, nodes=9, seed=0)
    for graph, complex_ in zip(found.labelled(pairs=True).complexes, found.complexes, strict=True):
        assert nx.is_isomorphic(network(graph), nx.complete_graph(9))
        assert torch.equal(graph.features[0], complex_.features[0])


@pytest.mark.parametrize(("nodes", "ones"), [(9, 4), (9, 2), (15, 7), (15, 5)])
def test_the_ceiling_is_what_the_best_guess_gets_over_all_bits(nodes, ones):
    """All ways to set bits on one system are all systems on one way to set bits, renumbered."""
    chosen = np.array(list(combinations(range(nodes), ones)))
    bits = np.zeros((len(chosen), nodes), np.int64)
    bits[np.arange(len(chosen))[:, None], chosen] = 1
    counts = np.zeros((2, 2))
    triples = bose(nodes)
    for node in range(nodes):
        own = triples[(triples == node).any(1)]
        odd = bits[:, own].sum(2) % 2
        answer = (2 * odd.sum(1) > len(own)).astype(int)
        np.add.at(counts, (bits[:, node], answer), 1)
    assert graph_ceiling(nodes, ones) == pytest.approx(counts.max(1).sum() / counts.sum())


def test_the_ceiling_is_told_with_the_task():
    found = parities(400, seed=1)
    assert found.ceiling == pytest.approx(0.635, abs=0.001)
    # The best guess by bits: over many it gets what it should, and not more.
    bits = torch.stack([c.features[0][:, 1].long() for c in found.complexes])
    answers = torch.stack(found.answers)
    right = sum(
        max(((bits == bit) & (answers == answer)).sum().item() for answer in (0, 1))
        for bit in (0, 1)
    )
    assert right / bits.numel() == pytest.approx(found.ceiling, abs=0.02)


def test_systems_that_cannot_be_are_refused():
    for nodes in (1, 7, 10):
        with pytest.raises(TopologyError, match="the construction has 3, 9, 15"):
            bose(nodes)


def test_cells_say_what_pairs_cannot():
    """A network that sees triples goes beyond what any does that sees pairs."""
    found = parities(120, seed=0)
    rows = torch.arange(120)
    parts = Parts(rows[:80], rows[80:100], rows[100:])
    choice = {"block": "incidences", "width": 16, "layers": 2}
    network = build(found.labelled(), choice, 0)
    settings = TrainSettings(epochs=12, batch_size=16, learning_rate=0.02)
    told = fit(network, found.labelled(), parts, settings)
    assert told.test.accuracy > found.ceiling + 0.2
    # Those who see pairs see the same of all systems with the same bits.
    pairs = build(found.labelled(pairs=True), {**choice, "block": "gin"}, 0).eval()
    bits = found.complexes[0].features[0]
    same = [each.with_features(0, bits) for each in found.labelled(pairs=True).complexes[:3]]
    one, *others = pairs(batch(same)).split(15)
    for other in others:
        torch.testing.assert_close(other, one)
