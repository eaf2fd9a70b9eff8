"""Facts that a real language model is told and asked about, with its weights left alone."""

import copy
from pathlib import Path

import pytest

from unfrozen.agent.language import LanguageFacts, language_model
from unfrozen.agent.living.folder import LifeFolder
from unfrozen.data.models import weights_hash
from unfrozen.world.environments.town.facts import ITEMS, PERSONS, PLACES

NAME, NAMES, AT = "smollm2-135m-instruct", (*PERSONS, *ITEMS, *PLACES), "is at"


@pytest.fixture(scope="module")
def first() -> LanguageFacts:
    facts = LanguageFacts(language_model(NAME), NAMES)
    facts.hold("baker", AT, "mill", time=0)
    facts.hold("doctor", AT, "harbour", time=0)
    facts.hold("bread", "is sold by", "baker", time=0)
    facts.ask("baker", AT, PLACES)
    return facts


@pytest.fixture
def told(first: LanguageFacts) -> LanguageFacts:
    return copy.deepcopy(first)


def test_the_model_answers_what_it_was_told_and_what_it_was_told_last(told: LanguageFacts) -> None:
    before = weights_hash(told.lm.model)
    assert told.ask("baker", AT, PLACES).name == "mill"
    assert told.ask("doctor", AT, PLACES).name == "harbour"
    assert told.ask("bread", "is sold by", PERSONS).name == "baker"
    new = told.hold("baker", AT, "court", time=1)
    found = told.ask("baker", AT, PLACES)
    assert found.name == "court"
    assert found.sources == ((new, 1.0),)
    assert told.ask("doctor", AT, PLACES).name == "harbour"
    assert weights_hash(told.lm.model) == before


def test_what_was_denied_forgotten_or_never_told_is_not_known(told: LanguageFacts) -> None:
    assert told.ask("sailor", AT, PLACES).name is None
    told.deny("baker", AT, "mill", time=1)
    assert told.ask("baker", AT, PLACES).name is None
    told.slots.forget(told.slots.ids[-1])
    assert told.ask("baker", AT, PLACES).name == "mill"


def test_a_copy_learns_for_itself_and_shares_the_model(told: LanguageFacts) -> None:
    other = copy.deepcopy(told)
    assert other.lm is told.lm
    other.hold("baker", AT, "bath", time=2)
    assert other.ask("baker", AT, PLACES).name == "bath"
    assert told.ask("baker", AT, PLACES).name == "mill"


def test_a_life_is_lived_by_what_the_model_says_and_gone_on_with(tmp_path: Path) -> None:
    life = LifeFolder.create(tmp_path / "life", language=NAME)
    assert [one.success for one in life.live(1)] == [True]
    again = LifeFolder.open(tmp_path / "life")
    assert again.language == NAME
    assert [one.success for one in again.live(1)] == [True]
    agent = again.agent()
    assert isinstance(agent.facts, LanguageFacts)
    cited = [c for m in again.errand(1)["moments"] for c in m["cites"] if c[0] == "fact"]
    assert all(slot in agent.facts.slots.ids for _, slot in cited)
