import pytest
import torch

from unfrozen.errors import FactError
from unfrozen.language.editing.calibration import (
    calibrate,
    default_layers,
    load_calibration,
    save_calibration,
)
from unfrozen.language.editing.rome import Rome, RomeSettings
from unfrozen.language.evaluation import evaluate, summarize
from unfrozen.language.facts import Fact

FACTS = [
    Fact("Eiffel Tower", "The {} is in", "Paris", "Rome", ("We said the Eiffel Tower is in",),
         ("France is in",)),
    Fact("Mount Etna", "In the city, {} is in", "Italy", "France", ("Old Mount Etna is in",),
         ("Rome is in",)),
]  # fmt: skip
SETTINGS = RomeSettings(steps=4, prefixes_each=1, prefix_lengths=(3,))


@pytest.fixture(scope="module")
def found(llama):
    seen = []
    result = calibrate(
        llama.lm, FACTS, None, [0, 2], SETTINGS, confidences=(0.3, 0.95),
        progress=lambda *a: seen.append(a),
    )  # fmt: skip
    assert seen[-1] == (6, 6)
    return result


def test_tries_layers_then_strengths_and_takes_the_best(found):
    assert [(t.layer, t.confidence) for t in found.trials[:2]] == [(0, 0.95), (2, 0.95)]
    best = max(found.trials, key=lambda t: (round(t.score, 3), t.margin))
    assert (found.layer, found.confidence) == (best.layer, best.confidence)
    assert found.trials[2].confidence == 0.3
    assert found.settings(SETTINGS).layer == found.layer
    assert found.settings(SETTINGS).steps == SETTINGS.steps


def test_a_trial_is_what_editing_one_fact_after_another_gives(found, llama):
    trial = found.trials[0]
    rome = Rome(llama.lm, RomeSettings(0, steps=4, prefixes_each=1, prefix_lengths=(3,)))
    results = []
    for fact in FACTS:
        with rome.edit(fact).applied(llama.lm):
            results.append(evaluate(llama.lm, fact, written_tokens=0))
    assert trial.score == pytest.approx(summarize(results).score)


def test_is_kept_for_the_weights_it_was_found_on(found, llama, tmp_path):
    assert load_calibration(llama.lm, tmp_path) is None
    path = save_calibration(llama.lm, found, tmp_path)
    assert load_calibration(llama.lm, tmp_path) == found
    parameter = llama.module("mlp").weight
    kept = parameter.detach().clone()
    with torch.no_grad():
        parameter.add_(1)
    try:
        assert load_calibration(llama.lm, tmp_path) is None
    finally:
        with torch.no_grad():
            parameter.copy_(kept)
    path.write_text("{")
    assert load_calibration(llama.lm, tmp_path) is None


def test_needs_facts(llama):
    with pytest.raises(FactError, match="needs facts"):
        calibrate(llama.lm, [], None)


@pytest.mark.parametrize("n", [1, 3, 12, 30, 48])
def test_default_layers_are_of_the_first_half(n):
    layers = default_layers(n)
    assert layers[0] == 0
    assert layers == sorted(set(layers))
    assert max(layers) <= n / 2
