"""Multiple-instance learning: pooling by a learned query beside two baselines, on the same folds.

Each bag is a set of instances; the label is of the bag.  Settings are one for all sets, none is
tuned on a test fold; the epoch to stop at is chosen on a part of the training bags.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unfrozen.data.bags import Bags, bags
from unfrozen.memory.layers import HopfieldPooling
from unfrozen.papers.classification import auc, standardised, stratified_folds
from unfrozen.papers.running.context import RunContext

PUBLISHED = {"elephant": 0.949, "ucsb_breast_cancer": 0.895}
"""AUC of the paper's table 1, of the sets that are here."""
_WIDTH, _HEADS, _DROPOUT = 64, 8, 0.5
_EPOCHS, _PATIENCE, _RATE, _DECAY, _BATCH = 120, 30, 1e-3, 1e-3, 16
_FOLDS = 10


@dataclass(frozen=True)
class BagResult:
    """AUC on test folds of one set of bags.

    Attributes:
        name: of the set.
        hopfield: mean over repetitions of the ten-fold mean, of `HopfieldPooling`.
        attention: of attention pooling (Ilse et al. 2018), trained alike.
        forest: of a random forest on each bag's mean, least and largest features.
        deviation: standard deviation over repetitions, of `HopfieldPooling`.
    """

    name: str
    hopfield: float
    attention: float
    forest: float
    deviation: float


class HopfieldBags(nn.Module):
    """Instances are embedded, pooled by a learned query and classified.

    Source: Ramsauer et al. 2021, appendix A.5.2.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(width, _WIDTH), nn.ReLU(), nn.Dropout(_DROPOUT))
        self.pool = HopfieldPooling(_WIDTH, heads=_HEADS, normalise=True, dropout=_DROPOUT)
        self.classify = nn.Linear(_WIDTH, 1)

    def forward(self, instances: Tensor, padding: Tensor) -> Tensor:
        """A logit a bag."""
        return self.classify(self.pool(self.embed(instances), padding_mask=padding)[:, 0])[:, 0]


class AttentionBags(nn.Module):
    """Gated attention pooling.

    Source: Ilse et al. 2018, equation 9.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(width, _WIDTH), nn.ReLU(), nn.Dropout(_DROPOUT))
        self.tanh, self.gate = nn.Linear(_WIDTH, _WIDTH), nn.Linear(_WIDTH, _WIDTH)
        self.score, self.classify = nn.Linear(_WIDTH, 1), nn.Linear(_WIDTH, 1)

    def forward(self, instances: Tensor, padding: Tensor) -> Tensor:
        """A logit a bag."""
        h = self.embed(instances)
        scores = self.score(self.tanh(h).tanh() * self.gate(h).sigmoid())[..., 0]
        weights = scores.masked_fill(padding, -torch.inf).softmax(1)
        return self.classify((weights[:, None] @ h)[:, 0])[:, 0]


def compare(
    context: RunContext, names: tuple[str, ...], repeats: int, seed: int
) -> list[BagResult]:
    """Ten-fold cross-validation of all three, repeated on other folds.

    Args:
        context: keeps what is done.
        names: of sets of bags.
        repeats: how often.
        seed: of folds, weights and the forest.
    """

    def compute(item: tuple[str, int]) -> dict[str, float]:
        name, repeat = item
        data = bags(name)
        folds = stratified_folds(data.labels, _FOLDS, seed * 101 + repeat)
        scores: dict[str, list[float]] = {"hopfield": [], "attention": [], "forest": []}
        for number in range(_FOLDS):
            test, chosen = folds == number, folds == (number + 1) % _FOLDS
            drawn = (seed * 101 + repeat) * _FOLDS + number
            for kind, make in (("hopfield", HopfieldBags), ("attention", AttentionBags)):
                scores[kind].append(_trained(make, data, test, chosen, drawn))
            scores["forest"].append(_forest(data, test, drawn))
        return {kind: sum(found) / len(found) for kind, found in scores.items()}

    items = {f"{name}, repetition {i}": (name, i) for name in names for i in range(repeats)}
    settings = {
        "width": _WIDTH, "heads": _HEADS, "dropout": _DROPOUT, "epochs": _EPOCHS,
        "patience": _PATIENCE, "rate": _RATE, "decay": _DECAY, "batch": _BATCH,
    }  # fmt: skip
    found = context.checkpoint("bags", settings, items, compute, sample=None)
    results = []
    for name in names:
        each = [found[f"{name}, repetition {i}"] for i in range(repeats)]
        ours = torch.tensor([e["hopfield"] for e in each], dtype=torch.float64)
        mean = {kind: sum(e[kind] for e in each) / repeats for kind in each[0]}
        spread = float(ours.std()) if repeats > 1 else 0.0
        results.append(BagResult(name, mean["hopfield"], mean["attention"], mean["forest"], spread))
    return results


def _trained(
    make: Callable[[int], nn.Module], data: Bags, test: Tensor, chosen: Tensor, seed: int
) -> float:
    """AUC on the test bags, with the weights of the epoch that was best on the chosen ones."""
    train = ~test & ~chosen
    every = torch.cat([b for b, mine in zip(data.instances, train, strict=True) if mine])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = make(every.shape[1])
        optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=_DECAY)
        parts = {}
        for name, mine in (("train", train), ("chosen", chosen), ("test", test)):
            rows = torch.nonzero(mine)[:, 0].tolist()
            parts[name] = (
                [standardised(data.instances[i], every) for i in rows],
                data.labels[mine],
            )
        best, kept, waited = -math.inf, {}, 0
        for _ in range(_EPOCHS):
            model.train()
            bags_, labels = parts["train"]
            for some in torch.randperm(len(bags_)).split(_BATCH):
                logits = model(*_padded([bags_[i] for i in some.tolist()]))
                loss = nn.functional.binary_cross_entropy_with_logits(logits, labels[some].float())
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            found = _score(model, *parts["chosen"])
            waited = 0 if found > best else waited + 1
            if found > best:
                best = found
                kept = {k: v.clone() for k, v in model.state_dict().items()}
            if waited >= _PATIENCE:
                break
        model.load_state_dict(kept)
        return auc(_logits(model, parts["test"][0]), parts["test"][1])


@torch.no_grad()
def _logits(model: nn.Module, instances: list[Tensor]) -> Tensor:
    model.eval()
    parts = [instances[i : i + _BATCH] for i in range(0, len(instances), _BATCH)]
    return torch.cat([model(*_padded(part)) for part in parts])


def _score(model: nn.Module, instances: list[Tensor], labels: Tensor) -> float:
    """AUC, with the loss to tell apart what it holds equal."""
    logits = _logits(model, instances)
    loss = nn.functional.binary_cross_entropy_with_logits(logits, labels.float())
    return auc(logits, labels) - 0.1 * float(loss)


def _padded(instances: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Bags of one length, and what was added to make them so."""
    padded = nn.utils.rnn.pad_sequence(instances, batch_first=True)
    lengths = torch.tensor([len(b) for b in instances])
    return padded, torch.arange(padded.shape[1]) >= lengths[:, None]


def _forest(data: Bags, test: Tensor, seed: int) -> float:
    from sklearn.ensemble import RandomForestClassifier

    rows = torch.stack([torch.cat([b.mean(0), b.amin(0), b.amax(0)]) for b in data.instances])
    model = RandomForestClassifier(500, random_state=seed)
    model.fit(rows[~test].numpy(), data.labels[~test].numpy())
    scores = torch.as_tensor(model.predict_proba(rows[test].numpy()))[:, 1]
    return auc(scores, data.labels[test])
