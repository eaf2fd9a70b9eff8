"""Which layer to write to, and how far: a small sweep on facts kept apart.

Causal tracing shows where a fact is read, but not where it is best rewritten (Hase et al. 2023),
so the layer is found by editing.  The strength is the probability of the new target at which the
search for a value stops: higher writes more firmly and disturbs more.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from unfrozen.data.cache import cache_folder, write_json
from unfrozen.data.models import weights_hash
from unfrozen.errors import FactError
from unfrozen.language.editing.rome import Rome, RomeSettings
from unfrozen.language.evaluation import Summary, evaluate, summarize
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.memory import SecondMoment

CONFIDENCES = (0.8, 0.95, 0.99)


@dataclass(frozen=True)
class Trial:
    """One setting that was tried.

    Attributes:
        layer: the layer written to.
        confidence: probability of the target at which the search stops.
        efficacy: mean score.
        paraphrase: mean score.
        neighbourhood: mean score.
        score: their harmonic mean, S.
        margin: sum of the mean magnitudes of the three, which tells settings of like S apart.
    """

    layer: int
    confidence: float
    efficacy: float
    paraphrase: float
    neighbourhood: float
    score: float
    margin: float


@dataclass(frozen=True)
class Calibration:
    """The best setting and all that were tried.

    Attributes:
        layer: the layer to write to.
        confidence: the strength.
        facts: how many facts it was found on.
        trials: all settings, in the order of trial.
    """

    layer: int
    confidence: float
    facts: int
    trials: tuple[Trial, ...]

    def settings(self, base: RomeSettings = RomeSettings()) -> RomeSettings:
        """Settings of ROME with layer and strength put in."""
        return replace(base, layer=self.layer, confidence=self.confidence)


def default_layers(n_layers: int) -> list[int]:
    """Depths to try: up to the middle, denser at the start."""
    return sorted({round(n_layers * f) for f in (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)})


def calibrate(
    lm: LanguageModel,
    facts: Sequence[Fact],
    second_moments: Mapping[int, SecondMoment] | None,
    layers: Sequence[int] | None = None,
    settings: RomeSettings = RomeSettings(),
    *,
    confidences: Sequence[float] = CONFIDENCES,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Find the layer, then the strength, that rewrite facts best.

    Args:
        lm: the model; it is as before afterwards.
        facts: with both targets, paraphrases and neighbours, and not those of any evaluation.
        second_moments: of the keys of each layer; None for the identity.
        layers: which to try; those of `default_layers` by default.
        settings: everything else.
        confidences: which strengths to try at the best layer.
        progress: called with edits done and to be done.

    Returns:
        The setting of the largest S.

    Raises:
        FactError: there are no facts.
    """
    if not facts:
        raise FactError("calibration needs facts, apart from those to be edited")
    layers = default_layers(lm.n_layers) if layers is None else list(layers)
    others = [c for c in confidences if c != settings.confidence]
    total = len(facts) * (len(layers) + len(others))
    done = 0
    prefixes = Rome(lm, replace(settings, layer=layers[0])).prefixes

    def attempt(layer: int, confidence: float) -> Trial:
        nonlocal done
        moment = None if second_moments is None else second_moments[layer]
        now = replace(settings, layer=layer, confidence=confidence)
        rome = Rome(lm, now, moment, prefixes)
        found = []
        for fact in facts:
            with rome.edit(fact).applied(lm):
                found.append(evaluate(lm, fact, written_tokens=0))
            done += 1
            if progress is not None:
                progress(done, total)
        return _trial(layer, confidence, summarize(found))

    trials = [attempt(layer, settings.confidence) for layer in layers]
    layer = max(trials, key=_rank).layer
    trials += [attempt(layer, confidence) for confidence in others]
    best = max(trials, key=_rank)
    return Calibration(best.layer, best.confidence, len(facts), tuple(trials))


def _trial(layer: int, confidence: float, found: Summary) -> Trial:
    groups = [
        (found.efficacy_score, found.efficacy_magnitude),
        (found.paraphrase_score, found.paraphrase_magnitude),
        (found.neighbourhood_score, found.neighbourhood_magnitude),
    ]
    scores = [s.value if s else 0.0 for s, _ in groups]
    margin = sum(m.value for _, m in groups if m)
    return Trial(layer, confidence, *scores, score=found.score, margin=margin)


def _rank(trial: Trial) -> tuple[float, float]:
    return round(trial.score, 3), trial.margin


def save_calibration(lm: LanguageModel, found: Calibration, folder: Path | None = None) -> Path:
    """Keep a calibration for the model's weights, so that later edits use it.

    Returns:
        The file.
    """
    path = _path(lm, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"format": 1, "model": lm.name, **asdict(found)})
    return path


def load_calibration(lm: LanguageModel, folder: Path | None = None) -> Calibration | None:
    """The calibration kept for these weights, or None."""
    path = _path(lm, folder)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        trials = tuple(Trial(**t) for t in data["trials"])
        return Calibration(data["layer"], data["confidence"], data["facts"], trials)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _path(lm: LanguageModel, folder: Path | None) -> Path:
    digest = hashlib.sha256(f"rome 1 {weights_hash(lm.model)}".encode()).hexdigest()[:24]
    return (folder or cache_folder() / "calibrations") / f"{digest}.json"
