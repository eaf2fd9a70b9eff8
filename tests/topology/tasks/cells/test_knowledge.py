"""Triples as sets, and back."""

import pytest
import torch

from unfrozen.data.knowledge_graphs import knowledge_graph
from unfrozen.topology.tasks.cells import (
    MEMBERS,
    CellPredictor,
    PredictorSettings,
    fit_cells,
    triples_as_cells,
)


@pytest.mark.parametrize("name", ["nations", "umls"])
def test_triples_are_sets_with_their_roles(name):
    graph = knowledge_graph(name)
    task = triples_as_cells(graph)
    n, many = len(graph.entities), len(graph.relations)
    assert task.n_nodes == 2 * n + many
    for rows, cells in ((graph.train, task.known), (graph.test, task.asked)):
        assert (cells[:, 0] == rows[:, 0].numpy()).all()
        assert (cells[:, 1] - n == rows[:, 1].numpy()).all()
        assert (cells[:, 2] - n - many == rows[:, 2].numpy()).all()
    assert (task.kinds[task.known] == [0, 1, 2]).all()
    assert task.complex().n_cells(1) == n
    # Filtered: no candidate is a triple of any part.
    every = {tuple(row) for row in graph.triples.tolist()}
    found = task.candidates(task.asked[:20], 2)
    for i, row in enumerate(graph.test[:20].tolist()):
        objects = found.false[i].nonzero()[0] - n - many
        expected = [o for o in range(n) if (row[0], row[1], o) not in every]
        assert objects.tolist() == expected


def test_a_knowledge_graph_is_learnt_from():
    """Three epochs only: enough to be better than a guess."""
    task = triples_as_cells(knowledge_graph("nations"))
    settings = PredictorSettings(
        seen="nothing",
        scorer="product",
        layers=0,
        width=16,
        epochs=3,
        batch_size=64,
        negatives=4,
        learning_rate=0.1,
    )
    predictor = CellPredictor(task, settings, generator=torch.Generator().manual_seed(0))
    found = fit_cells(predictor, task, members=MEMBERS)
    assert found.test.ranked.queries == 2 * 201
    assert found.test.auc > 0.6
