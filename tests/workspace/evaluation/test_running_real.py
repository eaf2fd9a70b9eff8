"""The real model, along two edits."""

from dataclasses import replace

import pytest

from unfrozen.language.editing.batch import RegularisedSolver
from unfrozen.language.evaluation import Case, complete
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.workspace.editing import choose_batch_settings
from unfrozen.workspace.evaluation import Plan, evaluate_facts

FACTS = [
    Fact(
        "Eiffel Tower", "The {} is located in the city of", "Paris", "Rome",
        paraphrases=("In which city is the Eiffel Tower? It is in",),
        neighbours=("The Louvre is located in the city of", "Notre-Dame is in the city of"),
    ),
    Fact(
        "Germany", "The capital of {} is", "Berlin", "Madrid", relation="country_capital",
        paraphrases=("The capital city of Germany is",),
        neighbours=("The Brandenburg Gate is in the city of",),
    ),
]  # fmt: skip


@pytest.mark.real
def test_two_facts_are_written_and_their_reach_is_measured(tmp_path):
    lm = LanguageModel.from_pretrained()
    cases = complete([Case(fact) for fact in FACTS])
    assert cases[1].hops
    metrics = ("scores", "zsre", "near", "portability", "reversal")
    plan = Plan(metrics, method="memit", counts=(2,), tokens=None)
    # Without a second moment a firm write needs no strength to speak of.
    settings = replace(choose_batch_settings(lm).settings, solver=RegularisedSolver(1.0))
    done = evaluate_facts(lm, cases, tmp_path, plan, settings=settings)
    base, edited = (point.figures for point in done.points)
    assert base["efficacy_score"].value == base["efficacy_accuracy"].value == 0
    assert base["neighbourhood_score"].value == base["near_score"].value == 1
    assert base["token_efficacy"].value == 0
    assert edited["efficacy_score"].value == edited["efficacy_accuracy"].value == 1
    assert edited["token_efficacy"].value == 1
    assert edited["paraphrase_score"].value == 1
    assert edited["near_divergence"].value > base["near_divergence"].value == 0
    assert edited["S"].value > base["S"].value
    # The country of Germany's capital is asked, and the edit moves its answer towards Spain.
    moved = edited["portability_magnitude"].value - base["portability_magnitude"].value
    assert moved > 0
