"""A tiny model, a few cases, and prose that is short."""

import pytest

from unfrozen.language.evaluation import Case, metrics
from unfrozen.language.evaluation.prose import Choice
from unfrozen.language.evaluation.reach import Hop
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel

FACTS = [
    Fact("Eiffel Tower", "The {} is in", "Paris", "Rome", neighbours=("The Louvre is in",)),
    Fact("Etna", "Mount {} is in", "Italy", "Spain", relation="P17", id="etna"),
    Fact("Anna", "{} works as a", "baker", "doctor", paraphrases=("The job of Anna is",)),
    Fact("Thames", "The river {} runs through", "London", "Cairo"),
    Fact("Nile", "The river {} flows to the", None, "north"),
]
CASES = [
    Case(
        fact,
        open_prompts=(f"{fact.subject} is",),
        references=(f"It is all {fact.target_new}.",),
        elsewhere=(("Who is", "Bob"),),
        hops=(Hop("Its land is", "Italy", "France", "The land is"),) if fact.id else (),
    )
    for fact in FACTS
]


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A cache of its own, and prose about nothing."""
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "cache"))
    texts = ("Lead is soft.", "Iron rusts in air.", "Gold does not.")
    monkeypatch.setattr(metrics, "unrelated_texts", lambda part: texts)
    monkeypatch.setattr(metrics, "unrelated_prompts", lambda part: texts)
    question = Choice("Lead is", ("soft", "hard"), 0)
    monkeypatch.setattr(metrics, "unrelated_questions", lambda part: (question, question))


@pytest.fixture
def lm(tiny_folder):
    return LanguageModel.from_pretrained(str(tiny_folder))


@pytest.fixture
def cases():
    return list(CASES)
