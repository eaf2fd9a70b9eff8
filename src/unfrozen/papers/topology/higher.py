"""Where cells say what pairs cannot: parities on Steiner systems, and triples that sum to zero."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from unfrozen.topology.tasks import Parts, explained_by_pairs, parities, zero_sum
from unfrozen.topology.tasks.cells import CellPredictor, PredictorSettings, fit_cells
from unfrozen.topology.tasks.classification import TrainSettings, build, fit

GRAPHS = ("gin", "gcn", "gat")
_CHOICE = {"width": 32, "layers": 2}


@dataclass(frozen=True)
class HigherSize:
    """How much is learnt.

    Attributes:
        systems: with bits; half are to learn from, a quarter each to choose by and to be asked.
        epochs: at most.
        modulus: of the sums.
        copies: of each number.
        sums_epochs: at most.
    """

    systems: int
    epochs: int
    modulus: int
    copies: int
    sums_epochs: int


def steiner(size: HigherSize, seed: int) -> dict[str, Any]:
    """Shares of right answers about nodes: of cells, and of graph networks on all pairs."""
    made = parities(size.systems, seed=seed)
    quarter = size.systems // 4
    parts = Parts(*torch.arange(size.systems).split([size.systems - 2 * quarter, quarter, quarter]))
    settings = TrainSettings(epochs=size.epochs, patience=size.epochs // 2)
    found: dict[str, Any] = {"ceiling": made.ceiling}
    for block in ("incidences", *GRAPHS):
        data = made.labelled(pairs=block in GRAPHS)
        network = build(data, {"block": block, **_CHOICE}, seed)
        learnt = fit(network, data, parts, settings, seed=seed)
        found[block] = {"test": learnt.test.accuracy, "curve": list(learnt.test_curve)}
    return found


SUMS = {
    "cells": {"seen": "nothing", "scorer": "product", "layers": 0},
    "pairs": {"seen": "nothing", "scorer": "pairs", "layers": 0},
    "graph network": {"seen": "pairs", "scorer": "pairs", "layers": 2},
}
"""What scores triples: a product over the cell, a sum over its pairs, that on a graph network."""


def sums(size: HigherSize, seed: int) -> dict[str, Any]:
    """Reciprocal ranks of hidden triples that sum to zero, and what pairs explain at best."""
    task = zero_sum(size.modulus, size.copies, seed=seed)
    # One triple of every three numbers, copies being alike.
    kinds = np.indices((size.modulus,) * 3).reshape(3, -1).T
    truth = (kinds.sum(1) % size.modulus == 0).astype(float)
    explained = explained_by_pairs(kinds + size.modulus * np.arange(3), truth)
    found: dict[str, Any] = {"explained": explained}
    for name, own in SUMS.items():
        settings = PredictorSettings(
            **own, width=16, epochs=size.sums_epochs, learning_rate=0.05, batch_size=64
        )
        generator = torch.Generator().manual_seed(seed)
        learnt = fit_cells(CellPredictor(task, settings, generator=generator), task, seed=seed)
        found[name] = learnt.test.ranked.mrr
    return found
