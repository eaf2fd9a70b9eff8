"""The families that are compared: tuned graph baselines, and networks on lifted complexes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import torch
from torch import nn

from unfrozen.topology.complex import Complex
from unfrozen.topology.pooling import ReadoutBy
from unfrozen.topology.tasks.classification.networks import (
    CellClassifier,
    ComplexClassifier,
    NetworkSettings,
)
from unfrozen.topology.tasks.classification.protocol import Choice, Family, Space
from unfrozen.topology.tasks.classification.training import TrainSettings
from unfrozen.topology.tasks.labelled import CellLabelled, Examples, with_ones

GRAPH_SPACE: Space = {
    "block": ("gin", "gcn", "gat"),
    "width": (16, 32, 64),
    "layers": (2, 3, 4),
    "readout": ("sum", "mean"),
    "learning_rate": (0.01, 0.003),
}
"""What graph baselines are chosen from."""
CELL_SPACE: Space = {
    "block": ("cin", "cell attention", "incidences"),
    "width": (16, 32, 64),
    "layers": (2, 3, 4),
    "readout": ("sum", "mean"),
    "learning_rate": (0.01, 0.003),
}
"""What networks on cells are chosen from: as many layers of each kind."""


def family(
    name: str,
    data: Examples,
    space: Space,
    lifts: Mapping[str, Callable[[Complex], Complex]] | None = None,
    train: TrainSettings | None = None,
) -> Family:
    """Networks over a set of complexes.

    Args:
        name: of the family.
        data: what is to be told.
        space: as `GRAPH_SPACE`.
        lifts: name -> lift, one of which is chosen too; none leaves the complexes as they are.
        train: but for the learning rate, which is chosen.
    """
    lifts, train = lifts or {}, train or TrainSettings()
    plain = data.lifted(with_ones)
    lifted: dict[str, Examples] = {}

    def prepare(choice: Choice) -> Examples:
        which = str(choice.get("lift", ""))
        if which not in lifted:
            lifted[which] = plain.lifted(lifts[which]) if which else plain
        return lifted[which]

    def settings(choice: Choice) -> TrainSettings:
        return replace(train, learning_rate=float(choice["learning_rate"]))

    whole: Space = {**space, "lift": tuple(lifts)} if lifts else space
    return Family(name, whole, prepare, build, settings)


def build(examples: Examples, choice: Choice, seed: int) -> nn.Module:
    """The network of a choice: for complexes, or for cells where those are labelled."""
    settings = NetworkSettings(
        block=str(choice["block"]),
        width=int(choice["width"]),
        layers=int(choice["layers"]),
        readout=cast(ReadoutBy, choice.get("readout", "sum")),
    )
    widths = {r: rows.shape[1] for r, rows in examples.complexes[0].features.items()}
    generator = torch.Generator().manual_seed(seed)
    if isinstance(examples, CellLabelled):
        return CellClassifier(
            settings, widths, examples.n_classes, rank=examples.rank, generator=generator
        )
    return ComplexClassifier(settings, widths, examples.n_classes, generator=generator)
