"""The editing methods by name, and how each is set for a model."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from unfrozen.errors import WorkspaceError
from unfrozen.language.editing.batch import (
    MemitSettings,
    NullSpaceSolver,
    PreservingSolver,
    RegularisedSolver,
)
from unfrozen.language.editing.batch.calibration import load_batch_calibration
from unfrozen.language.editing.calibration import load_calibration
from unfrozen.language.editing.edit import Edit
from unfrozen.language.editing.fine_tune import FineTuneSettings, fine_tune
from unfrozen.language.editing.rome import Rome, RomeSettings
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.memory import SecondMoment
from unfrozen.workspace.fold import base_state

Settings = RomeSettings | FineTuneSettings
Editor = Callable[[Fact, Callable[[], None] | None], Edit]
"""Edits a fact; what it is given besides is called at every step."""
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

# The published bound for GPT-2 XL (Meng et al. 2022, baselines).
_LARGEST_CHANGE = 5e-4


class Method(NamedTuple):
    """An editing method.

    Attributes:
        settings: its default settings for a layer.
        editor: the function that edits a fact, from model, settings and second moment.
        whitens: whether it uses the second moment of the keys.
    """

    settings: Callable[[int], Settings]
    editor: Callable[[LanguageModel, Any, SecondMoment | None], Editor]
    whitens: bool


def _fine_tuning(
    lm: LanguageModel, settings: FineTuneSettings, moment: SecondMoment | None
) -> Editor:
    return lambda fact, progress: fine_tune(lm, fact, settings, progress)


def _rome(lm: LanguageModel, settings: RomeSettings, moment: SecondMoment | None) -> Editor:
    return Rome(lm, settings, moment).edit


METHODS: dict[str, Method] = {
    "rome": Method(lambda layer: RomeSettings(layer=layer), _rome, True),
    "ft": Method(lambda layer: FineTuneSettings(layer), _fine_tuning, False),
    "ft-l": Method(
        lambda layer: FineTuneSettings(layer, largest_change=_LARGEST_CHANGE), _fine_tuning, False
    ),
}
"""Every method that edits fact by fact, by its name; a new one is one more row."""


# Chosen on facts set apart (default model): of one batch the strength that kept the most; of batch
# after batch the setting that kept the most (150 facts in batches of 50) among those at whose pace
# a thousand facts would cost prose no more than a tenth, which no setting of AlphaEdit was.  The
# published ones belong to the scale of other models.
_PRESERVING = PreservingSolver(strength=5000.0, norm=0.0)

BATCH_METHODS: dict[str, MemitSettings] = {
    "memit": MemitSettings(solver=RegularisedSolver(strength=3000.0)),
    "alphaedit": MemitSettings(solver=NullSpaceSolver(ridge=1000.0)),
    "encore": MemitSettings(solver=replace(_PRESERVING, norm=10.0)),
    "nas": MemitSettings(solver=_PRESERVING, anchor=True),
}
"""Every method that writes many facts at once, by its name, with its settings.

Norm-anchor scaling (``nas``) is made for any of the others; it stands over ENCORE's write.
"""


class Chosen(NamedTuple):
    """Settings and where their layer comes from.

    Attributes:
        settings: of the method, with a layer.
        layer: the layer.
        source: in words: as asked, found by calibration, or the default depth.
    """

    settings: Settings
    layer: int
    source: str


def choose_settings(lm: LanguageModel, method: str = "rome", layer: int | None = None) -> Chosen:
    """The settings to edit with: the layer asked for, else the calibrated one, else the default.

    Args:
        lm: the model; a calibration is looked up for its base, whatever is folded into it.
        method: a name in `METHODS`.
        layer: to write to this one.

    Raises:
        WorkspaceError: no such method.
        ModelError: no such layer.
    """
    if method not in METHODS:
        raise WorkspaceError(f"no editing method {method!r}: choose from {', '.join(METHODS)}")
    make = METHODS[method].settings
    if layer is not None:
        return Chosen(make(lm.layer(layer)), layer, "as asked")
    with base_state(lm):
        found = load_calibration(lm)
    if found is None:
        layer = RomeSettings().layer_for(lm)
        return Chosen(make(layer), layer, "the default depth; `unfrozen calibrate` finds the best")
    settings = make(found.layer)
    if isinstance(settings, RomeSettings):
        settings = found.settings(settings)
    return Chosen(settings, found.layer, f"calibrated on {found.facts} facts")


class ChosenBatch(NamedTuple):
    """Settings of a method for batches, and where they come from.

    Attributes:
        settings: of the method, with layers.
        source: in words: layers as asked, found by calibration, or the default depths.
    """

    settings: MemitSettings
    source: str


def choose_batch_settings(
    lm: LanguageModel, method: str = "memit", layers: tuple[int, ...] | None = None
) -> ChosenBatch:
    """The settings to edit batches with: layers and strength as calibrated, else the defaults.

    Args:
        lm: the model; a calibration is looked up for its base, whatever is folded into it.
        method: a name in `BATCH_METHODS`.
        layers: to write to these, with the method's default strength.

    Raises:
        WorkspaceError: no such method.
        ModelError: no such layers.
    """
    if method not in BATCH_METHODS:
        raise WorkspaceError(f"no method {method!r} for batches: choose {', '.join(BATCH_METHODS)}")
    settings, source = replace(BATCH_METHODS[method], layers=layers), "as asked"
    if layers is None:
        with base_state(lm):
            found = load_batch_calibration(lm, method)
        if found is None:
            hint = f"`unfrozen calibrate --method {method}` finds the best"
            source = f"the default depths; {hint}"
        else:
            settings, source = found.settings(settings), f"calibrated on {found.facts} facts"
    return ChosenBatch(replace(settings, layers=settings.layers_for(lm)), source)
