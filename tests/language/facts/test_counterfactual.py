import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.data.sets import Relation
from unfrozen.language.facts import Fact, build_counterfactuals, relation_facts

CITIES = {
    "Lyon": "France", "Nice": "France", "Lille": "France", "Nantes": "France",
    "Osaka": "Japan", "Kyoto": "Japan", "Kobe": "Japan",
    "Lima": "Peru", "Cusco": "Peru", "Quito": "Ecuador",
}  # fmt: skip
RELATION = Relation(
    "city",
    ("The city of {} is in", "{} lies in", "A map shows {} in"),
    tuple(CITIES.items()),
    "here",
    "none",
)


def subject_of(prompt):
    (found,) = [city for city in CITIES if city in prompt]
    return found


@given(seed=st.integers(0, 2**32), neighbours=st.integers(0, 12), paraphrases=st.integers(0, 3))
def test_each_fact_gets_what_is_right_for_it(seed, neighbours, paraphrases):
    facts = build_counterfactuals([RELATION], seed, neighbours, paraphrases)
    assert [f.subject for f in facts] == list(CITIES)
    for fact in facts:
        truth = CITIES[fact.subject]
        assert fact.target_true == truth
        assert fact.target_new in set(CITIES.values()) - {truth}
        assert fact.text not in fact.paraphrases
        assert {subject_of(p) for p in fact.paraphrases} <= {fact.subject}
        assert len(set(fact.paraphrases)) == len(fact.paraphrases) == min(paraphrases, 2)
        near = [subject_of(p) for p in fact.neighbours]
        assert all(CITIES[s] == truth and s != fact.subject for s in near)
        assert len(set(fact.neighbours)) == len(fact.neighbours)
        others = list(CITIES.values()).count(truth) - 1
        assert len(near) == min(neighbours, 3 * others)
        # No subject comes twice before every other came once.
        assert len(set(near)) == min(len(near), others)


def test_the_seed_decides_and_nothing_else():
    first = build_counterfactuals([RELATION], 0)
    random.seed(1)
    assert build_counterfactuals([RELATION], 0) == first
    assert build_counterfactuals([RELATION], 1) != first
    facts = relation_facts(RELATION)
    turned = build_counterfactuals(facts[::-1], 0)
    assert [f.subject for f in turned] == list(CITIES)[::-1]


def test_what_a_fact_has_already_is_kept():
    own = Fact("Lyon", "{} is part of", "France", "Peru", ("Where is Lyon?",), ("Nice: ",), "city")
    (built,) = build_counterfactuals([own], 0)
    assert built == own


def test_facts_that_are_asked_in_many_ways_share_their_templates():
    facts = [
        Fact("Lyon", "{} is in", "France", relation="r"),
        Fact("Nice", "{} lies in", "France", relation="r"),
        Fact("Lille", "{} lies in", "France", relation="r"),
        Fact("Osaka", "{} is in", "Japan", relation="r"),
        Fact("Kobe", "the old port {} belongs to", "Japan", relation="r"),
        Fact("Lima", "{} is in", "Peru", relation="other"),
    ]
    built = build_counterfactuals(facts, 0)
    # Lima is alone in its relation, so nothing else could be said of it.
    assert [f.subject for f in built] == ["Lyon", "Nice", "Lille", "Osaka", "Kobe"]
    lyon, osaka = built[0], built[3]
    assert lyon.paraphrases == ("Lyon lies in",)
    assert set(lyon.neighbours[:2]) == {"Nice lies in", "Lille lies in"}
    # What only Kobe is asked by may fit Kobe only, and is no template for others.
    assert osaka.paraphrases == ("Osaka lies in",)
    assert osaka.neighbours[0] == "the old port Kobe belongs to"
    assert built[4].paraphrases == ("Kobe is in", "Kobe lies in")


def test_a_new_target_begins_with_another_word_where_one_does():
    pairs = (("a", "South Africa"), ("b", "South Korea"), ("c", "South Sudan"), ("d", "Chad"))
    one = Relation("r", ("{} is in",), pairs, "", "")
    for seed in range(20):
        first, *_, last = build_counterfactuals([one], seed)
        assert first.target_new == "Chad"
        assert last.target_new in {"South Africa", "South Korea", "South Sudan"}


def test_subjects_with_several_objects_never_get_a_true_one_and_are_no_neighbours():
    pairs = (("Ann", "tea"), ("Ann", "rice"), ("Bob", "tea"), ("Cid", "rice"), ("Dee", "fish"))
    one = Relation("eats", ("{} eats",), pairs, "", "")
    for seed in range(20):
        by = {(f.subject, f.target_true): f for f in build_counterfactuals([one], seed)}
        assert by["Ann", "tea"].target_new == "fish"
        assert by["Ann", "rice"].target_new == "fish"
        assert by["Bob", "tea"].neighbours == ()
        assert by["Ann", "tea"].neighbours == ("Bob eats",)


def test_a_subject_inside_the_others_name_is_no_neighbour():
    pairs = (("Guinea", "Africa"), ("Guinea-Bissau", "Africa"), ("Mali", "Africa"), ("x", "Asia"))
    one = Relation("continent", ("{} is in",), pairs, "", "")
    guinea = build_counterfactuals([one], 0)[0]
    assert guinea.neighbours == ("Mali is in",)


def test_facts_without_a_true_target_or_any_other_object_are_left_out():
    assert build_counterfactuals([Fact("a", "{} is")], 0) == []
    one = Relation("r", ("{} is",), (("a", "x"), ("b", "X")), "", "")
    assert build_counterfactuals([one], 0) == []


@pytest.mark.real
def test_the_carried_relations_give_neighbourhoods():
    from unfrozen.data.sets import relation

    facts = build_counterfactuals([relation("city_continent")], 0)
    assert len(facts) > 600
    assert all(len(f.neighbours) == 10 and len(f.paraphrases) == 2 for f in facts)
