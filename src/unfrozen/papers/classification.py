"""What experiments with classifiers share: folds, units, and the area under the curve."""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor


def stratified_folds(classes: Shaped[Tensor, " n"], folds: int, seed: int) -> Int[Tensor, " n"]:
    """A fold for each sample, with every class spread evenly over them.

    Folds differ by at most one sample in size, also when classes are smaller than the number of
    folds: what is left of one class goes on where the last one ended.

    Args:
        classes: of the samples.
        folds: how many.
        seed: of the order.
    """
    generator = torch.Generator().manual_seed(seed)
    found = torch.empty(len(classes), dtype=torch.int64)
    dealt = 0
    for kind in classes.unique():
        mine = torch.nonzero(classes == kind)[:, 0]
        mine = mine[torch.randperm(len(mine), generator=generator)]
        found[mine] = torch.arange(dealt, dealt + len(mine)) % folds
        dealt += len(mine)
    return found


def standardised(
    rows: Float[Tensor, "n feature"], seen: Float[Tensor, "m feature"]
) -> Float[Tensor, "n feature"]:
    """Rows in units of the spread of the rows that may be looked at.

    A feature that is the same in all of those keeps its own unit: if other rows differ in it, they
    would else lie a million spreads away.

    Args:
        rows: to scale.
        seen: of training.
    """
    spread = seen.std(0)
    constant = spread <= 1e-6 * seen.abs().amax(0).clamp(min=1e-30)
    return (rows - seen.mean(0)) / spread.masked_fill(constant, 1.0)


def auc(scores: Float[Tensor, " n"], labels: Tensor) -> float:
    """Area under the ROC curve: the share of pairs of a positive and a negative in order."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels.numpy(), scores.detach().numpy()))
