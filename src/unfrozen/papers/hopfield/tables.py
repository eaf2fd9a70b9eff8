"""Small tables: a layer that looks its input up among learned patterns, beside usual classifiers.

All are trained on the same folds, each with its settings chosen on a part of the training rows.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unfrozen.data.tables import table
from unfrozen.memory.layers import HopfieldLayer
from unfrozen.papers.classification import standardised, stratified_folds
from unfrozen.papers.running.context import RunContext

METHODS: tuple[str, ...] = ("Hopfield", "random forest", "SVM", "MLP")
_FOLDS = 4
_EPOCHS, _BATCH, _RATE = 150, 32, 3e-3
# Patterns to look up, and their inverse temperature as a multiple of 1 / sqrt(width of a head).
_CHOICES = ((64, 1.0), (64, 4.0), (256, 1.0))


@dataclass(frozen=True)
class TableResult:
    """Accuracy on the test folds of one table, by method, in the order of `METHODS`."""

    name: str
    accuracy: tuple[float, ...]

    @property
    def ranks(self) -> tuple[float, ...]:
        """1 for the best; equals share the mean of theirs."""
        return tuple(
            1 + sum(b > a for b in self.accuracy) + (sum(b == a for b in self.accuracy) - 1) / 2
            for a in self.accuracy
        )


class HopfieldTable(nn.Module):
    """Rows are embedded, looked up among learned patterns, and classified with what was found.

    Source: Ramsauer et al. 2021, appendix A.5.3, layer type (3).
    """

    def __init__(self, width: int, classes: int, quantity: int, sharpness: float) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(width, 64), nn.SELU(), nn.AlphaDropout(0.05))
        beta = sharpness / 8**0.5
        self.lookup = HopfieldLayer(
            64, quantity, heads=8, beta=beta, learn_beta=True, normalise=True, separate_values=True
        )
        self.classify = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        """A logit a class."""
        h = self.embed(x)
        return self.classify(h + self.lookup(h[None])[0])


def compare(context: RunContext, names: tuple[str, ...], seed: int) -> list[TableResult]:
    """Cross-validate every method on every table.

    Args:
        context: keeps what is done.
        names: of tables.
        seed: of folds, weights and forests.
    """

    def compute(name: str) -> list[float]:
        data = table(name)
        folds = stratified_folds(data.classes, _FOLDS, seed)
        right = dict.fromkeys(METHODS, 0)
        for number in range(_FOLDS):
            test, chosen = folds == number, folds == (number + 1) % _FOLDS
            train = ~test & ~chosen
            x = standardised(data.features, data.features[~test])
            drawn = seed * _FOLDS + number
            for method, candidates in _methods(drawn).items():
                right[method] += _right(candidates, x, data.classes, train, chosen, test)
        return [right[method] / len(data.classes) for method in METHODS]

    settings = {"epochs": _EPOCHS, "batch": _BATCH, "rate": _RATE, "choices": _CHOICES}
    items = {name: name for name in names}
    found = context.checkpoint("tables", settings, items, compute, sample=None)
    return [TableResult(name, tuple(accuracy)) for name, accuracy in found.items()]


def mean_ranks(results: list[TableResult]) -> dict[str, float]:
    """The mean rank of each method, 1 being the best."""
    columns = zip(*(r.ranks for r in results), strict=True)
    return {m: sum(c) / len(results) for m, c in zip(METHODS, columns, strict=True)}


def _right(
    candidates: list[Callable[[], Any]],
    x: Tensor,
    y: Tensor,
    train: Tensor,
    chosen: Tensor,
    test: Tensor,
) -> int:
    """Test rows that the candidate gets right which did best on the chosen ones."""
    scores = []
    for make in candidates:
        model = _fitted(make, x[train], y[train])
        scores.append(float((model.predict(x[chosen].numpy()) == y[chosen].numpy()).mean()))
    best = candidates[scores.index(max(scores))]
    model = _fitted(best, x[~test], y[~test])
    return int((model.predict(x[test].numpy()) == y[test].numpy()).sum())


def _fitted(make: Callable[[], Any], x: Tensor, y: Tensor) -> Any:
    with warnings.catch_warnings():
        # All networks are given the same number of epochs, whether they need more or not.
        warnings.filterwarnings("ignore", "Stochastic Optimizer: Maximum iterations")
        return make().fit(x.numpy(), y.numpy())


def _methods(seed: int) -> dict[str, list[Callable[[], Any]]]:
    """Ways to make each method's candidates."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC

    return {
        "Hopfield": [lambda c=c: _Hopfield(*c, seed=seed) for c in _CHOICES],
        "random forest": [
            lambda n=n: RandomForestClassifier(300, min_samples_leaf=n, random_state=seed)
            for n in (1, 2, 5)
        ],
        "SVM": [lambda c=c: SVC(C=c) for c in (1.0, 10.0, 100.0)],
        "MLP": [
            lambda a=a: MLPClassifier((64, 64), alpha=a, max_iter=_EPOCHS, random_state=seed)
            for a in (1e-4, 1e-2, 1.0)
        ],
    }


class _Hopfield:
    """The layer as scikit-learn has classifiers."""

    def __init__(self, quantity: int, sharpness: float, *, seed: int) -> None:
        self.quantity, self.sharpness, self.seed = quantity, sharpness, seed
        self.model: nn.Module = nn.Identity()

    def fit(self, x: Any, y: Any) -> "_Hopfield":
        """Train on rows and their classes."""
        rows, classes = torch.from_numpy(x), torch.from_numpy(y)
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            self.model = HopfieldTable(
                rows.shape[1], int(classes.max()) + 1, self.quantity, self.sharpness
            )
            optimiser = torch.optim.AdamW(self.model.parameters(), lr=_RATE, weight_decay=0.01)
            batches = -(-len(rows) // _BATCH)
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimiser, _RATE, total_steps=_EPOCHS * batches
            )
            self.model.train()
            for _ in range(_EPOCHS):
                for some in torch.randperm(len(rows)).split(_BATCH):
                    loss = nn.functional.cross_entropy(
                        self.model(rows[some]), classes[some], label_smoothing=0.05
                    )
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                    schedule.step()
        return self

    @torch.no_grad()
    def predict(self, x: Any) -> Any:
        """The likeliest class of each row."""
        self.model.eval()
        return self.model(torch.from_numpy(x)).argmax(1).numpy()
