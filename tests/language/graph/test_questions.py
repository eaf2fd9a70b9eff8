import pytest

from unfrozen.data.sets import Relation
from unfrozen.errors import FactError
from unfrozen.language.facts import Fact
from unfrozen.language.graph import Question, question_about, questions_of

PAIRS = tuple((f"country {i}", f"town {i % 4}") for i in range(12))
CAPITAL = Relation("capital", ("The capital of {} is", "{} has the capital"), PAIRS, "", "")
TOWER = Fact("Tower", "The {} is in", "Paris", "Rome", relation="place")


def test_each_subject_of_a_relation_is_asked_by_its_first_template():
    asked = questions_of([CAPITAL])
    assert [(q.subject, q.truth) for q in asked] == list(PAIRS)
    assert asked[0].prompt == "The capital of country 0 is"
    assert set(asked[0].objects) == {"town 0", "town 1", "town 2", "town 3"}
    assert all(q.intended is None for q in asked)


def test_some_subjects_are_drawn_whatever_else_is_asked():
    few = questions_of([CAPITAL], most=5)
    assert len(few) == 5
    assert set(few) <= set(questions_of([CAPITAL]))
    assert few == questions_of([CAPITAL], most=5)
    assert few != questions_of([CAPITAL], most=5, seed=1)
    both = questions_of([CAPITAL], [TOWER], most=5)
    assert both[1:] == few
    assert both[0] == Question("Tower", "place", "The {} is in", ("Paris", "Rome"), "Paris")


def test_edits_are_always_asked_and_say_what_they_meant():
    edit = Fact("Country  7", "{} has the capital", "town 3", "Oslo", relation="capital")
    asked = questions_of([CAPITAL], most=0, edited=[edit])
    (one,) = asked
    assert (one.intended, one.truth, one.template) == ("Oslo", "town 3", edit.prompt)
    assert set(one.objects) == {"town 0", "town 1", "town 2", "town 3", "Oslo"}
    # It stands in the place of the relation's question about the same subject.
    whole = questions_of([CAPITAL], edited=[edit])
    assert len(whole) == len(PAIRS)
    assert sum(q.intended is not None for q in whole) == 1
    # And of several edits of one question the last stands.
    again = Fact("country 7", "{} has the capital", "town 3", "Bern", relation="capital")
    assert questions_of(edited=[edit, again])[0].intended == "Bern"
    assert questions_of(edited=[edit], facts=[again])[0].intended == "Oslo"


def test_what_was_taken_back_is_meant_to_return():
    (one,) = questions_of(taken_back=[TOWER])
    assert (one.intended, one.objects) == ("Paris", ("Paris", "Rome"))
    (anew,) = questions_of(taken_back=[TOWER], edited=[TOWER])
    assert anew.intended == "Rome"


def test_facts_without_a_relation_are_of_their_template():
    facts = [Fact(s, "{} is in", t) for s, t in (("Etna", "Italy"), ("Nile", "Egypt"))]
    asked = questions_of(facts=facts)
    assert [q.relation for q in asked] == ["{} is in"] * 2
    assert asked[0].objects == ("Italy", "Egypt")


def test_any_subject_can_be_asked_about():
    asked = questions_of([CAPITAL], [TOWER])
    new = question_about("Florbistan", "capital", asked)
    assert new.prompt == "The capital of Florbistan is"
    assert new.objects == asked[-1].objects
    assert new.truth is None
    known = question_about("COUNTRY 3", "capital", asked)
    assert known in asked
    assert known.truth == "town 3"
    with pytest.raises(FactError, match="nothing is asked about 'river': there are place, capital"):
        question_about("Nile", "river", asked)
    with pytest.raises(FactError, match="the subject is empty"):
        question_about(" ", "capital", asked)
