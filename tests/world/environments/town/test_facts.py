"""Sentences and what they say, there and back."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from unfrozen.errors import WorldError
from unfrozen.world.environments.town.facts import (
    ITEMS,
    PERSONS,
    PLACES,
    Errand,
    Fact,
    ask,
    read,
    read_errand,
    tell,
)

FACTS = st.one_of(
    st.builds(Fact, st.sampled_from(PERSONS), st.just("is at"), st.sampled_from(PLACES)),
    st.builds(Fact, st.sampled_from(PERSONS), st.just("sells"), st.sampled_from(ITEMS)),
)


@given(st.lists(st.tuples(FACTS, st.booleans()), max_size=5))
def test_what_is_told_is_read_back(told):
    text = " ".join(tell(fact, news) for fact, news in told)
    assert read(text) == tuple(fact for fact, _ in told)


@given(st.sampled_from(PERSONS), st.sampled_from(ITEMS), st.sampled_from(PLACES))
def test_errands_are_read_back(person, item, place):
    for errand in (Errand(person, item), Errand(person), Errand(place)):
        assert read_errand(ask(errand)) == errand


def test_sentences_are_those_of_the_language():
    assert (
        tell(Fact("baker", "is at", "harbour"), news=True) == "The baker has moved to the harbour."
    )
    assert tell(Fact("miller", "sells", "bread"), news=True) == "The miller now sells bread."
    assert ask(Errand("widow", "bread")) == "Bring bread to the widow."
    assert not set(PLACES) & set(PERSONS)


def test_nonsense_is_refused(unchecked):
    for bad in (("baker", "is at", "bread"), ("cat", "is at", "inn"), ("baker", "likes", "inn")):
        with pytest.raises(WorldError, match="town"):
            Fact(*bad)
    with pytest.raises(WorldError, match="errand"):
        Errand("harbour", "bread")
    with pytest.raises(WorldError, match="no fact"):
        read("The baker is asleep.")
    with pytest.raises(WorldError, match="no errand"):
        read_errand("Sleep.")
