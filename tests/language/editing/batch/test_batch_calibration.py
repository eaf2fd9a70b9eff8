from dataclasses import replace

import pytest
import torch

from unfrozen.errors import FactError, ModelError
from unfrozen.language.editing.batch import (
    Memit,
    MemitSettings,
    NullSpaceSolver,
    PreservingSolver,
    RegularisedSolver,
    subject_keys,
)
from unfrozen.language.editing.batch import calibration as module
from unfrozen.language.editing.batch.calibration import (
    calibrate_batch,
    load_batch_calibration,
    save_batch_calibration,
    with_strength,
)
from unfrozen.language.evaluation import evaluate, summarize
from unfrozen.language.evaluation.prose import perplexity
from unfrozen.language.facts import Fact

FACTS = [
    Fact(subject, "The {} is in", new, old, (f"We said the {subject} is in",), (neighbour,))
    for subject, new, old, neighbour in (
        ("Eiffel Tower", "Paris", "Rome", "France is in"),
        ("Mount Etna", "Italy", "France", "Rome is in"),
        ("Colosseum", "France", "Italy", "Old Paris is in"),
    )
]
SETTINGS = MemitSettings(steps=3, prefixes=1, prefix_length=3, solver=PreservingSolver(norm=1.0))
TRIED = {"strengths": (0.1, 50.0), "batches": 2}


@pytest.fixture(autouse=True)
def prose(monkeypatch):
    """Of texts that take no time; they say what a setting has done to the weights."""
    texts = ("The old city of Rome is in Italy.", "Paris is the capital of France, he said.")

    def read(lm, part, *, choices):
        assert not choices
        return {"perplexity": perplexity(lm, texts)}

    monkeypatch.setattr(module, "unrelated", read)


@pytest.fixture
def found(llama):
    seen = []
    found = calibrate_batch(
        llama.lm, FACTS, None, [(0,), (0, 1)], SETTINGS, **TRIED, progress=lambda *a: seen.append(a)
    )
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    return found


def test_every_range_is_tried_with_every_strength(found):
    tried = [(trial.layers, trial.strength) for trial in found.trials]
    assert tried == [((0,), 0.1), ((0,), 50.0), ((0, 1), 0.1), ((0, 1), 50.0)]
    assert (found.facts, found.batches) == (3, 2)
    spared = [t for t in found.trials if t.ratio <= 1.05] or found.trials
    best = max(spared, key=lambda t: (round(t.score, 3), -t.ratio))
    assert (found.layers, found.strength) == (best.layers, best.strength)
    settings = found.settings(SETTINGS)
    assert (settings.layers, settings.solver.strength) == (found.layers, found.strength)
    assert (settings.solver.norm, settings.steps) == (1.0, 3)


def test_a_trial_is_what_writing_batch_after_batch_gives(found, llama):
    lm, trial = llama.lm, found.trials[2]
    chosen = replace(SETTINGS, layers=(0, 1), solver=PreservingSolver(0.1, 1.0))
    editor = Memit(lm, chosen)
    with editor.edit(FACTS[:2]).applied(lm):
        keys = subject_keys(lm, FACTS[:2], editor.prefixes, (0, 1))
        with editor.edit(FACTS[2:], keys).applied(lm):
            expected = summarize([evaluate(lm, fact, written_tokens=0) for fact in FACTS])
    assert trial.score == pytest.approx(expected.score)
    assert trial.efficacy == pytest.approx(expected.efficacy_score.value)


def test_a_setting_that_costs_prose_too_much_is_not_chosen(llama, monkeypatch):
    # Every reading of prose is dearer than the one before, so the first setting is the cheapest.
    read = iter([1.0, 1.01, 2.0])
    monkeypatch.setattr(module, "unrelated", lambda *_, **__: {"perplexity": next(read)})
    scores = iter([0.2, 0.9])
    real = summarize

    def scored(each):
        return replace(real(each), score=next(scores))

    monkeypatch.setattr(module, "summarize", scored)
    found = calibrate_batch(llama.lm, FACTS, None, [(0,)], SETTINGS, strengths=(1.0, 2.0))
    assert [trial.score for trial in found.trials] == [0.2, 0.9]
    assert found.strength == 1.0


def test_a_setting_that_diverges_is_a_finding(llama, monkeypatch):
    real = Memit.write

    def write(self, *args):
        if self.settings.solver.strength == 2.0:
            raise ModelError("too far")
        return real(self, *args)

    monkeypatch.setattr(Memit, "write", write)
    before = {n: p.clone() for n, p in llama.model.named_parameters()}
    found = calibrate_batch(llama.lm, FACTS, None, [(0,)], SETTINGS, strengths=(2.0, 1.0))
    assert (found.trials[0].score, found.trials[0].ratio) == (0.0, None)
    assert found.strength == 1.0
    assert all(torch.equal(p, before[n]) for n, p in llama.model.named_parameters())


def test_is_kept_for_the_weights_and_the_method(found, llama, tmp_path):
    lm = llama.lm
    assert load_batch_calibration(lm, "encore", tmp_path) is None
    path = save_batch_calibration(lm, "encore", found, tmp_path)
    assert load_batch_calibration(lm, "encore", tmp_path) == found
    assert load_batch_calibration(lm, "memit", tmp_path) is None
    name = lm.down_projection(0).parameter_name
    with lm.edited({name: torch.full((32, 48), 0.01)}):
        assert load_batch_calibration(lm, "encore", tmp_path) is None
    path.write_text("{")
    assert load_batch_calibration(lm, "encore", tmp_path) is None


def test_strengths_are_those_of_the_solver(llama):
    assert with_strength(RegularisedSolver(1.0), 2.0) == RegularisedSolver(2.0)
    assert with_strength(PreservingSolver(1.0, 3.0), 2.0) == PreservingSolver(2.0, 3.0)
    assert with_strength(NullSpaceSolver(0.5, 3.0), 0.9) == NullSpaceSolver(0.9, 3.0)

    class Plain:
        sequential = False
        write = RegularisedSolver.write

    with pytest.raises(ModelError, match="Plain has no strength"):
        with_strength(Plain(), 1.0)


def test_what_cannot_be_tried_is_an_error(llama):
    with pytest.raises(FactError, match="as many facts"):
        calibrate_batch(llama.lm, FACTS, None, [(0,)], SETTINGS, batches=4)
    with pytest.raises(FactError, match="as many facts"):
        calibrate_batch(llama.lm, [], None, [(0,)], SETTINGS)
    with pytest.raises(ModelError, match="to try"):
        calibrate_batch(llama.lm, FACTS, None, [], SETTINGS)
    with pytest.raises(ModelError, match="in a row"):
        calibrate_batch(llama.lm, FACTS, None, [(0, 2)], SETTINGS)
