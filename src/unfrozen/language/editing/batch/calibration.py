"""Which layers batches are written to, and how firmly: a small sweep on facts kept apart."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from unfrozen.data.cache import cache_folder, write_json
from unfrozen.data.models import weights_hash
from unfrozen.errors import FactError, ModelError
from unfrozen.language.editing.batch.alphaedit import NullSpaceSolver
from unfrozen.language.editing.batch.encore import PreservingSolver
from unfrozen.language.editing.batch.memit import Memit, MemitSettings, RegularisedSolver, Solver
from unfrozen.language.editing.batch.states import subject_keys
from unfrozen.language.editing.search import Values
from unfrozen.language.evaluation import evaluate, summarize
from unfrozen.language.evaluation.side import unrelated
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.memory import SecondMoment

STRENGTHS = (500.0, 1500.0, 5000.0, 15_000.0)
"""How many keys the old ones count for: what is tried of `RegularisedSolver`, `PreservingSolver`"""

ENERGIES = (0.5, 0.7, 0.9)
"""Share of the keys' energy that is left untouched: what is tried of `NullSpaceSolver`."""

# Prose may lose this much; of settings that take no more, the one of the largest S is the best.
_LIMIT = 1.05
_PROSE = slice(0, None, 4)


@dataclass(frozen=True)
class BatchTrial:
    """One setting that was tried.

    Attributes:
        layers: the layers written to.
        strength: of the solver, or its energy.
        efficacy: mean score.
        paraphrase: mean score.
        neighbourhood: mean score.
        score: their harmonic mean, S; 0 where the writing diverged.
        ratio: perplexity of prose, in units of the unedited model's; None where it has no bound.
    """

    layers: tuple[int, ...]
    strength: float
    efficacy: float
    paraphrase: float
    neighbourhood: float
    score: float
    ratio: float | None


@dataclass(frozen=True)
class BatchCalibration:
    """The best setting and all that were tried.

    Attributes:
        layers: the layers to write to.
        strength: of the solver, or its energy.
        facts: how many facts it was found on.
        batches: in how many batches they were written.
        trials: all settings, in the order of trial.
    """

    layers: tuple[int, ...]
    strength: float
    facts: int
    batches: int
    trials: tuple[BatchTrial, ...]

    def settings(self, base: MemitSettings) -> MemitSettings:
        """Settings of a method with layers and strength put in."""
        return replace(base, layers=self.layers, solver=with_strength(base.solver, self.strength))


def with_strength(solver: Solver, strength: float) -> Solver:
    """A solver of the same kind, with another strength, or energy.

    Raises:
        ModelError: it has neither.
    """
    if isinstance(solver, RegularisedSolver | PreservingSolver):
        return replace(solver, strength=strength)
    if isinstance(solver, NullSpaceSolver):
        return replace(solver, energy=strength)
    raise ModelError(f"{type(solver).__name__} has no strength to be calibrated")


def calibrate_batch(
    lm: LanguageModel,
    facts: Sequence[Fact],
    second_moments: Mapping[int, SecondMoment] | None,
    ranges: Sequence[Sequence[int]],
    settings: MemitSettings,
    *,
    strengths: Sequence[float] | None = None,
    batches: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> BatchCalibration:
    """Find the layers and the strength with which a method keeps the most of what it writes.

    All facts are asked when all are written; prose that has nothing to do with them is read, too.

    Args:
        lm: the model; it is as before afterwards.
        facts: with both targets, paraphrases and neighbours, and not those of any evaluation.
        second_moments: of the keys of each layer; None for the identity.
        ranges: layers in a row, each to be tried.
        settings: of the method.
        strengths: to try in each range; `STRENGTHS` or `ENERGIES` by default.
        batches: in how many batches the facts are written, one after another.
        progress: called with settings tried and to be tried.

    Returns:
        The setting of the largest S among those that spare prose.

    Raises:
        FactError: there are fewer facts than batches.
        ModelError: layers are not in a row, or there is nothing to try.
    """
    if len(facts) < max(batches, 1):
        raise FactError(f"calibration in {batches} batches needs as many facts at least")
    if strengths is None:
        strengths = ENERGIES if isinstance(settings.solver, NullSpaceSolver) else STRENGTHS
    if not ranges or not strengths:
        raise ModelError("calibration needs layers and strengths to try")
    size = -(-len(facts) // batches)
    parts = [facts[i : i + size] for i in range(0, len(facts), size)]
    floor = unrelated(lm, _PROSE, choices=False)["perplexity"]
    trials: list[BatchTrial] = []
    prefixes: Sequence[str] | None = None
    for layers in ranges:
        now = replace(settings, layers=tuple(layers))
        editor = Memit(lm, now, second_moments, prefixes)
        editor.reference = editor.reference_norm(facts) if settings.anchor else None
        prefixes = editor.prefixes
        # Nobody has edited the model yet, so these are the first batch's whatever the strength.
        first = editor.values(parts[0])
        for strength in strengths:
            if progress is not None:
                progress(len(trials), len(ranges) * len(strengths))
            editor.settings = replace(now, solver=with_strength(now.solver, strength))
            trials.append(_trial(editor, parts, first, strength, floor))
    if progress is not None:
        progress(len(trials), len(trials))
    best = max(trials, key=_rank)
    return BatchCalibration(best.layers, best.strength, len(facts), batches, tuple(trials))


def _trial(
    editor: Memit, parts: Sequence[Sequence[Fact]], first: Values, strength: float, floor: float
) -> BatchTrial:
    lm, layers = editor.lm, editor.layers
    done: list[Fact] = []
    with ExitStack() as stack:
        for part in parts:
            spared = editor.settings.solver.sequential and done
            keys = subject_keys(lm, done, editor.prefixes, layers) if spared else None
            try:
                states = (editor.values(part) if done else first).target
                edit = editor.write(part, states, keys)
                if not all(bool(x.isfinite().all()) for x in edit.deltas().values()):
                    raise ModelError("the change is not finite")
            except (ModelError, torch.linalg.LinAlgError):  # pyright: ignore[reportPrivateImportUsage]
                return BatchTrial(layers, strength, 0.0, 0.0, 0.0, score=0.0, ratio=None)
            stack.enter_context(edit.applied(lm))
            done += part
        found = summarize([evaluate(lm, fact, written_tokens=0) for fact in done])
        ratio = unrelated(lm, _PROSE, choices=False)["perplexity"] / floor
    means = (found.efficacy_score, found.paraphrase_score, found.neighbourhood_score)
    scores = [mean.value if mean else 0.0 for mean in means]
    bound = ratio if math.isfinite(ratio) else None
    return BatchTrial(layers, strength, *scores, score=found.score, ratio=bound)


def _rank(trial: BatchTrial) -> tuple[bool, float, float]:
    ratio = math.inf if trial.ratio is None else trial.ratio
    return ratio <= _LIMIT, round(trial.score, 3), -ratio


def save_batch_calibration(
    lm: LanguageModel, method: str, found: BatchCalibration, folder: Path | None = None
) -> Path:
    """Keep a calibration for the model's weights and a method, so that later edits use it.

    Returns:
        The file.
    """
    path = _path(lm, method, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"format": 1, "model": lm.name, "method": method, **asdict(found)})
    return path


def load_batch_calibration(
    lm: LanguageModel, method: str, folder: Path | None = None
) -> BatchCalibration | None:
    """The calibration kept for these weights and a method, or None."""
    try:
        data = json.loads(_path(lm, method, folder).read_text(encoding="utf-8"))
        trials = tuple(BatchTrial(**{**t, "layers": tuple(t["layers"])}) for t in data["trials"])
        return BatchCalibration(
            tuple(data["layers"]), data["strength"], data["facts"], data["batches"], trials
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _path(lm: LanguageModel, method: str, folder: Path | None) -> Path:
    digest = hashlib.sha256(f"{method} batch 1 {weights_hash(lm.model)}".encode()).hexdigest()[:24]
    return (folder or cache_folder() / "calibrations") / f"{digest}.json"
