"""Diffs against cases whose outcome is known by hand."""

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.language.graph.hand import answered, graph

from unfrozen.errors import FactError
from unfrozen.language.graph import Completion, Completions, differ
from unfrozen.language.graph.difference import total_variation

OBJECTS = ("Paris", "Rome", "Oslo", "Bern")


def one(subject, shares, intended=None, **more):
    return answered(subject, shares, objects=OBJECTS, intended=intended, **more)


BEFORE = graph(
    one("France", {"Paris": 0.9, "Rome": 0.1}, "Rome"),
    one("Italy", {"Rome": 0.8, "Paris": 0.2}),
    one("Norway", {"Oslo": 0.6, "Bern": 0.4}),
    one("Mars", {"Oslo": 0.3, "Bern": 0.25, "Rome": 0.25, "Paris": 0.2}),
    one("Chad", {"Paris": 0.7, "Bern": 0.3}, "Oslo"),
    one("Swiss", {"Bern": 0.9, "Oslo": 0.1}, "Oslo"),
    one("Peru", {"Paris": 0.9, "Oslo": 0.1}),
    model="base",
)
AFTER = graph(
    one("France", {"Rome": 0.95, "Paris": 0.05}, "Rome"),  # as was meant
    one("Italy", {"Paris": 0.6, "Rome": 0.4}),  # moved, though nobody meant it
    one("Norway", {"Oslo": 0.45, "Bern": 0.3, "Rome": 0.25}),  # no longer sure of anything
    one("Mars", {"Bern": 0.9, "Oslo": 0.1}),  # sure of something now
    one("Chad", {"Bern": 0.9, "Oslo": 0.1}, "Oslo"),  # meant for Oslo, went to Bern
    one("Swiss", {"Bern": 0.6, "Oslo": 0.4}, "Oslo"),  # on its way to Oslo
    one("Peru", {"Paris": 0.88, "Oslo": 0.12}),  # as good as unchanged
    model="edited",
)


def test_every_edge_is_what_it_became():
    found = differ(BEFORE, AFTER)
    kinds = {m.after.question.subject: (m.kind, m.intended) for m in found.moved}
    assert kinds == {
        "France": ("moved", True),
        "Italy": ("moved", False),
        "Norway": ("vanished", False),
        "Mars": ("appeared", False),
        "Chad": ("moved", False),
        "Swiss": ("shifted", True),
    }
    assert found.counts == {"moved": 3, "appeared": 1, "vanished": 1, "shifted": 1}
    assert (found.asked, len(found.meant)) == (7, 3)
    assert found.recall == pytest.approx(2 / 3)
    assert [m.after.question.subject for m in found.intended] == ["France", "Swiss"]
    # Half the sum of differences, where what was not found on a side may still be there.
    expected = {
        "Chad": (0.7 - 0.9 * 0.005 + 0.1 - 0.7 * 0.005 + 0.6) / 2,
        "Mars": (0.2 + 0.65 + 0.25 + 0.2 - 2 * 0.9 * 0.005) / 2,
        "Italy": 0.4,
        "Norway": (0.15 + 0.1 + 0.25 - 0.6 * 0.005) / 2,
    }
    ranked = sorted(expected, key=lambda s: -expected[s])
    assert [m.after.question.subject for m in found.collateral] == ranked
    for moved in found.collateral:
        assert moved.distance == pytest.approx(expected[moved.after.question.subject])


def test_an_edited_fact_that_was_lost_again_is_collateral():
    """An object gains nothing by being the answer still."""
    before, after = (
        graph(one("France", {"Rome": p, "Paris": 1 - p}, "Rome")) for p in (0.95, 0.55)
    )
    (moved,) = differ(before, after).moved
    assert (moved.kind, moved.intended) == ("shifted", False)
    assert differ(after, before).moved[0].intended


def test_states_that_are_the_same_have_no_difference():
    found = differ(BEFORE, BEFORE, shift=0.0001)
    assert found.moved == ()
    assert found.recall == 0.0
    assert differ(AFTER, AFTER).to_json()["collateral"] == []
    assert (
        differ(graph(one("Peru", {"Paris": 1.0})), graph(one("Peru", {"Paris": 1.0}))).recall
        is None
    )


def test_only_answers_to_the_same_questions_are_compared():
    with pytest.raises(FactError, match="not asked the same"):
        differ(BEFORE, graph(*AFTER.answers[1:]))


def test_a_difference_is_a_graph_of_networkx():
    found = differ(BEFORE, AFTER)
    drawn = found.graph()
    assert isinstance(drawn, nx.MultiDiGraph)
    edges = {(a, b, d["when"]) for a, b, d in drawn.edges(data=True)}
    assert {("France", "Paris", "before"), ("France", "Rome", "after")} <= edges
    # What appeared was nowhere before, and what vanished is nowhere now.
    assert [e for e in edges if e[0] == "Mars"] == [("Mars", "Bern", "after")]
    assert [e for e in edges if e[0] == "Norway"] == [("Norway", "Oslo", "before")]
    assert "Peru" not in drawn
    assert drawn.edges["France", "Rome", "capital, after"]["intended"] is True
    told = found.to_json()
    assert told["counts"]["moved"] == 3
    assert [m["subject"] for m in told["collateral"]] == [
        m.after.question.subject for m in found.collateral
    ]


distributions = st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4).filter(lambda p: sum(p) > 0.1)


@given(first=distributions, second=distributions, least=st.sampled_from([0.005, 0.1, 0.5]))
def test_the_distance_never_says_more_than_the_true_one(first, second, least):
    """Whatever was cut off on either side, total variation of the whole is at least so large."""

    def whole(p):
        return [x / sum(p) for x in p]

    def cut(p):
        best = max(p)
        kept = [(o, x) for o, x in zip(OBJECTS, p, strict=True) if x >= least * best and x > 0]
        found = tuple(Completion(o, x) for o, x in sorted(kept, key=lambda one: -one[1]))
        return Completions(found, sum(p) - sum(x for _, x in kept), least)

    first, second = whole(first), whole(second)
    distance = total_variation(cut(first), cut(second))
    true = sum(abs(a - b) for a, b in zip(first, second, strict=True)) / 2
    assert 0 <= distance <= true + 1e-9
    assert distance == pytest.approx(total_variation(cut(second), cut(first)))
    assert total_variation(cut(first), cut(first)) == 0
    if least == 0.005:
        assert true - distance <= 4 * 0.005
