"""All metrics of a fact together: each is what its own function says."""

import math

import pytest

from unfrozen.errors import FactError
from unfrozen.language.evaluation import (
    METRICS,
    NAMES,
    Case,
    Loss,
    References,
    before,
    check_metrics,
    evaluate,
    fluency,
    measure_case,
    measure_state,
    names,
)
from unfrozen.language.evaluation import metrics as module
from unfrozen.language.evaluation.reach import Hop, portability, reversal, token_accuracy
from unfrozen.language.evaluation.side import near_edit, next_logs, prompts_after_edit
from unfrozen.language.facts import Fact

FACT = Fact(
    "France", "The capital of {} is", "Paris", "Rome",
    paraphrases=("The city that France is ruled from is",),
    neighbours=("The tower is in", "Paris is"), relation="country_capital",
)  # fmt: skip
CASE = Case(
    FACT,
    open_prompts=("France is", "France is"),
    references=("Rome is old.", "Etna is in Italy."),
    elsewhere=(("Etna is in", "Italy"),),
    hops=(Hop("The land of the capital of France is", "Italy", "France", "The land of Rome is"),),
)
# What never ends a text, and the words of a tiny model are few.
TOKENS = 12


def test_every_figure_is_that_of_its_own_function(llama):
    lm, scorer = llama.lm, References(CASE.references)
    found = measure_case(
        lm, CASE, base=before(lm, CASE, METRICS), references=scorer, written_tokens=TOKENS
    ).values
    per_fact = {n for m, names in NAMES.items() if m not in ("drift", "prose", "choice")
                for n in names}  # fmt: skip
    assert set(found) == per_fact - {"S"}
    scores = evaluate(lm, FACT, written_tokens=0)
    assert found["efficacy_magnitude"] == scores.efficacy.magnitude
    assert found["neighbourhood_accuracy"] == scores.neighbourhood.accuracy
    assert found["near_magnitude"] == near_edit(lm, FACT).group.magnitude
    assert found["near_divergence"] == found["neighbourhood_divergence"] == 0
    assert found["portability_magnitude"] == portability(lm, CASE.hops).group.magnitude
    assert found["reversal_magnitude"] == reversal(lm, FACT).magnitude
    assert found["token_specificity"] == token_accuracy(lm, FACT, CASE.elsewhere).specificity


def test_an_edited_model_has_moved_from_its_base(llama):
    base = before(llama.lm, CASE, METRICS)
    assert base.near.shape[0] == 2
    name = llama.lm.down_projection(0).parameter_name
    with llama.lm.edited({name: llama.model.get_parameter(name) * 0.5}):
        found = measure_case(llama.lm, CASE, ("near",), base=base).values
        now = next_logs(llama.lm, prompts_after_edit(FACT)).double()
    then = base.near.double()
    expected = (then.exp() * (then - now)).sum(1).mean()
    assert found["near_divergence"] == pytest.approx(float(expected), abs=1e-6)
    assert found["near_divergence"] > 0
    assert found["neighbourhood_divergence"] > 0


def test_text_is_seeded_by_the_fact_and_scored_whole(llama, monkeypatch):
    seen = []
    monkeypatch.setattr(module, "fluency", lambda text: seen.append(text) or fluency(text))
    first = measure_case(llama.lm, CASE, ("text",), written_tokens=TOKENS, seed=1)
    assert first == measure_case(llama.lm, CASE, ("text",), written_tokens=TOKENS, seed=1)
    assert first.written != measure_case(llama.lm, CASE, ("text",), written_tokens=TOKENS).written
    # GE is of the texts about the subject, prompts included, as published.
    assert seen[0].startswith("France is")
    assert seen[0] != seen[1]
    assert first.values["generation_entropy"] == (fluency(seen[0]) + fluency(seen[1])) / 2
    assert first.values["names_new"] in {0.0, 0.5, 1.0}
    assert names(first.written, "Rome") <= (first.values["names_new"] > 0)
    assert measure_case(llama.lm, CASE, ("text", "references"), written_tokens=0).values == {}


def test_what_has_no_prompts_or_no_true_target_is_left_out(llama):
    bare = Case(Fact("Etna", "{} is in", None, "Spain"))
    found = measure_case(llama.lm, bare, written_tokens=0).values
    assert set(found) == {"token_efficacy"}
    assert before(llama.lm, bare, METRICS).near is None
    with pytest.raises(FactError, match="no new target"):
        measure_case(llama.lm, Case(Fact("Etna", "{} is in", "Italy")))


def test_states_are_measured_a_text_at_a_time(llama, monkeypatch):
    monkeypatch.setattr(module, "unrelated_texts", lambda part: ("Rome is old.", "Etna burned."))
    monkeypatch.setattr(module, "unrelated_questions", lambda part: ())
    monkeypatch.setattr(module, "unrelated_prompts", lambda part: ("Rome", "Etna", "It"))
    base = next_logs(llama.lm, module.drift_prompts())
    found = measure_state(llama.lm, METRICS, base)
    assert found["drift"] == [0, 0, 0]
    assert found["same_first"] == [True] * 3
    assert [tokens for _, tokens in found["prose"]] == [
        len(llama.lm.encode(t)[0]) - 1 for t in ("Rome is old.", "Etna burned.")
    ]
    assert found["choice"] == []
    assert set(measure_state(llama.lm, ("prose",))) == {"prose"}
    monkeypatch.setattr(module, "losses", lambda lm, texts: [Loss(-math.inf, 2)])
    assert measure_state(llama.lm, ("prose",))["prose"] == [(-1e9, 2)]


def test_metrics_are_chosen_by_name():
    assert check_metrics({"drift", "scores"}) == ("scores", "drift")
    with pytest.raises(FactError, match="no metric 'magic'"):
        check_metrics(["magic"])
    with pytest.raises(FactError, match="no metric is chosen"):
        check_metrics([])
    assert set(NAMES) == set(METRICS)
