"""Cell prediction: what is asked is hidden; what pairs cannot say is not said by pairs."""

import numpy as np
import pytest
import torch

from unfrozen.errors import TopologyError
from unfrozen.topology.tasks.cells import (
    CellPredictor,
    PredictorSettings,
    fit_cells,
    tell,
)
from unfrozen.topology.tasks.completion import Completion, zero_sum
from unfrozen.topology.tasks.ranking import chance

TASK = zero_sum(3, 4, seed=0)


def _predictor(task=TASK, seed=0, **settings):
    settings = {"epochs": 1, "width": 8, "layers": 1, **settings}
    if settings.get("seen") == "nothing":
        settings["layers"] = 0
    return CellPredictor(
        task, PredictorSettings(**settings), generator=torch.Generator().manual_seed(seed)
    )


def test_products_learn_what_no_sum_over_pairs_can():
    """Numbers that sum to zero, of which pairs say nothing; see `zero_sum`."""
    marks = {}
    for scorer in ("product", "pairs"):
        predictor = _predictor(
            seen="nothing", scorer=scorer, width=16, epochs=14, learning_rate=0.05, batch_size=64
        )
        marks[scorer] = fit_cells(predictor, TASK).test
    guess = chance(9)
    assert marks["product"].ranked.mrr > 0.9
    assert marks["product"].auc > 0.95
    assert marks["pairs"].ranked.mrr < guess.mrr + 0.06
    assert marks["pairs"].auc < 0.56


def test_whoever_sees_the_graph_of_pairs_scores_all_alike():
    """With embeddings that are all the same, so that only what is seen tells nodes apart."""
    predictor = _predictor(seen="pairs", layers=2)
    with torch.no_grad():
        predictor.nodes.copy_(predictor.nodes[:1].expand_as(predictor.nodes))
    told = tell(predictor.double(), TASK, TASK.asked)
    # Eight of twelve of each kind are false: the ninth is the true one.
    assert told.ranked.mrr == pytest.approx(chance(9).mrr)
    assert told.auc == pytest.approx(0.5)


@pytest.mark.parametrize("seen", ["nothing", "pairs", "cells"])
def test_cells_that_are_asked_for_are_hidden(seen, monkeypatch):
    predictor = _predictor(seen=seen, batch_size=50)
    steps = []
    own_seen, own_forward = CellPredictor.seen, CellPredictor.forward

    def spy_seen(self, task, cells):
        steps.append([set(map(tuple, cells.tolist())), None])
        return own_seen(self, task, cells)

    def spy_forward(self, complex_, cells):
        steps[-1][1] = set(map(tuple, cells[:, 0].tolist()))
        return own_forward(self, complex_, cells)

    monkeypatch.setattr(CellPredictor, "seen", spy_seen)
    monkeypatch.setattr(CellPredictor, "forward", spy_forward)
    fit_cells(predictor, TASK)
    known = set(map(tuple, TASK.known.tolist()))
    trained = [step for step in steps if step[1] is not None]
    assert len(trained) == -(-len(known) // 50)
    for visible, asked in trained:
        assert not visible & asked
        assert visible | asked == known
    # When it is told in the end, all that is known is seen and no more.
    assert all(step[0] == known for step in steps if step[1] is None)


def test_ranks_are_among_false_ones_of_the_kind():
    """A predictor that scores by truth, but for one cell."""
    predictor = _predictor(seen="nothing")

    class Truth(torch.nn.Module):
        def forward(self, nodes, cells):
            return torch.from_numpy(TASK.true(cells.numpy())).float()

    predictor.scorer = Truth()
    told = tell(predictor, TASK, TASK.asked)
    assert told.ranked.mrr == pytest.approx(1.0)
    assert told.auc == 1.0
    assert told.ranked.queries == 3 * len(TASK.asked)
    assert tell(predictor, TASK, TASK.asked, members=(2,)).ranked.queries == len(TASK.asked)


def test_the_same_seed_is_the_same_training_and_the_best_is_kept():
    before = torch.get_rng_state()
    settings = {"seen": "cells", "epochs": 3}
    one, two = _predictor(**settings), _predictor(**settings)
    first, second = fit_cells(one, TASK, seed=1), fit_cells(two, TASK, seed=1)
    assert first == second
    assert fit_cells(_predictor(**settings), TASK, seed=2) != first
    assert tell(one, TASK, TASK.validation, seed=1) == first.validation
    assert tell(one, TASK, TASK.asked, seed=1) == first.test
    torch.testing.assert_close(torch.get_rng_state(), before)


def test_it_ends_when_it_goes_no_better():
    settings = {"seen": "nothing", "epochs": 30, "patience": 2, "learning_rate": 1e-9}
    found = fit_cells(_predictor(**settings), TASK)
    assert found.epochs == found.epoch + 3


def test_a_context_is_seen():
    none = np.zeros((0, 2), np.int64)
    kinds = np.zeros(5, np.int64)
    cells = (np.array([[0, 1], [2, 3]]), none, none)
    bare = Completion("x", kinds, *cells)
    more = Completion("x", kinds, *cells, context={2: np.array([[0, 2, 4]])})
    for seen in ("pairs", "cells"):
        predictor = _predictor(more, seen=seen)
        assert predictor.seen(more, more.known).n_cells(2 if seen == "cells" else 1) in (1, 5)
    assert _predictor(bare).seen(bare, bare.known).n_cells(2) == 0


def test_what_is_no_predictor_is_refused(unchecked):
    with pytest.raises(TopologyError, match="layers see nothing, pairs, cells, not 'all'"):
        PredictorSettings(seen="all")
    with pytest.raises(TopologyError, match="no scorer 'mlp': there are set, product, pairs"):
        PredictorSettings(scorer="mlp")
    for wrong in ({"seen": "nothing"}, {"layers": 0}, {"negatives": 0}, {"learning_rate": 0.0}):
        with pytest.raises(TopologyError, match="training takes an epoch, a batch"):
            PredictorSettings(**wrong)
    predictor = _predictor(seen="nothing", scorer="product")
    torch.nn.init.constant_(predictor.nodes, float("inf"))
    with pytest.raises(TopologyError, match="the loss is no number any more"):
        fit_cells(predictor, TASK)
