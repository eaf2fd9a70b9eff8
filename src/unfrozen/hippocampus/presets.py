"""Models by name, with the settings that train them on a laptop."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import overload

import torch
from torch import nn

from unfrozen.errors import MapError
from unfrozen.hippocampus.baselines import GruBaseline, TransformerBaseline
from unfrozen.hippocampus.runs import Run
from unfrozen.hippocampus.tem import Schedules, TemRun, TemTraining
from unfrozen.hippocampus.tem_t import TemT, TemTSettings
from unfrozen.hippocampus.training import MapTraining, Trainer
from unfrozen.hippocampus.worlds import N_SYMBOLS, named


@dataclass(frozen=True)
class Preset:
    """A model and how it is trained.

    Attributes:
        told: what it is.
        make: the model for so many actions and symbols, drawn by a generator; none if how it is
            trained tells of that too.
        training: how.
        commutes: whether it needs worlds in which the order of actions does not matter.
    """

    told: str
    make: Callable[[int, int, torch.Generator], nn.Module] | None
    training: MapTraining | TemTraining
    commutes: bool = False


def _tem_t(**more: object) -> Callable[[int, int, torch.Generator], nn.Module]:
    def make(n_actions: int, n_symbols: int, generator: torch.Generator) -> nn.Module:
        return TemT(replace(TemTSettings(n_actions, n_symbols), **more), generator)

    return make


# Chosen on the first seeds, which papers leave out.
PRESETS = {
    "tem-t": Preset(
        "position codes of free matrices",
        _tem_t(beta=20.0),
        MapTraining(updates=1000, beta_rate=10.0),
    ),
    "tem-t-rotary": Preset(
        "position codes of turning planes, for worlds where actions commute",
        _tem_t(positions="rotary", beta=10.0),
        MapTraining(updates=250, learning_rate=2e-2, straight=0.5),
        commutes=True,
    ),
    "tem-t-relu": Preset(
        "position codes that are never negative and cost activity",
        _tem_t(activation="relu", activity_cost=1e-3, beta=20.0),
        MapTraining(updates=1500),
    ),
    "tem-t-landmarks": Preset(
        "free matrices, and what is seen tells where it is, for worlds where actions do not",
        _tem_t(beta=20.0, landmarks=True),
        # Most of what can be foreseen wrongly comes early in a walk: short ones teach more.
        MapTraining(walks=64, steps=60, updates=2500, held_out_steps=150),
    ),
    "tem": Preset(
        "the Tolman-Eichenbaum Machine at the size of its paper, for days", None, TemTraining()
    ),
    "tem-small": Preset(
        "a Tolman-Eichenbaum Machine of three streams, for small squares",
        None,
        TemTraining(
            sizes=(4, 5),
            size="small",
            # Half as many walks an update, and twice as many updates, learn faster; a moving
            # average makes up for their noise.
            walks=8,
            updates=48_000,
            turn=0.8,
            average=1e-3,
            average_from=0.05,
            longest=10,
            spread=10,
            check_every=500,
            schedules=Schedules(
                compress=4.0, rate=4000.0, highest=2e-3, lowest=1e-4, halving=22_000.0
            ),
        ),
    ),
    "gru": Preset(
        "a gated recurrent network",
        lambda a, s, g: GruBaseline(a, s, generator=g),
        MapTraining(updates=1500),
    ),
    "transformer": Preset(
        "a transformer that counts steps",
        lambda a, s, g: TransformerBaseline(a, s, generator=g),
        MapTraining(updates=1500),
    ),
}
"""Name -> model and training."""


@overload
def trainer(model: str, training: MapTraining, n_symbols: int = N_SYMBOLS) -> Trainer: ...


@overload
def trainer(model: str, training: TemTraining, n_symbols: int = N_SYMBOLS) -> TemRun: ...


@overload
def trainer(model: str, training: MapTraining | TemTraining, n_symbols: int = N_SYMBOLS) -> Run: ...


def trainer(model: str, training: MapTraining | TemTraining, n_symbols: int = N_SYMBOLS) -> Run:
    """A trainer of a model by name.

    Args:
        model: its name.
        training: how.
        n_symbols: how many symbols there are.

    Raises:
        MapError: there is no such model, it is not trained so, or does not suit the worlds.
    """
    preset = preset_of(model)
    if type(training) is not type(preset.training):
        raise MapError(f"{model} is trained by {type(preset.training).__name__}")
    if isinstance(training, TemTraining):
        return TemRun(training, n_symbols)
    assert preset.make is not None
    family = named(training.worlds)
    if preset.commutes and not family.commutes:
        raise MapError(
            f"the order of actions matters in {family.name} worlds: {model} cannot learn them, "
            "take tem-t"
        )
    sizes = training.sizes or family.sizes
    generator = torch.Generator().manual_seed(training.seed)
    n_actions = max(family.make(size, generator).n_actions for size in sizes)
    generator.manual_seed(training.seed)
    return Trainer(preset.make(n_actions, n_symbols, generator), training, n_symbols)


def training_of(model: str) -> MapTraining:
    """How a map of one pass, which is no TEM, is trained.

    Raises:
        MapError: there is no such model, or it is a TEM.
    """
    training = preset_of(model).training
    if not isinstance(training, MapTraining):
        raise MapError(f"{model} is trained in windows: see its preset")
    return training


def preset_of(model: str) -> Preset:
    """A model by its name.

    Raises:
        MapError: there is none.
    """
    if model not in PRESETS:
        raise MapError(f"there is no model {model!r}: choose from {', '.join(PRESETS)}")
    return PRESETS[model]
