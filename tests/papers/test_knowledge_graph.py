"""The paper on graphs from end to end, on a tiny model that knows things by chance."""

import json
from dataclasses import replace

import pytest
from tests.language.graph.hand import answered, graph

from unfrozen.language.facts import Fact
from unfrozen.language.graph import differ
from unfrozen.papers import knowledge_graph
from unfrozen.papers.running import runner

PLACES = ("Spain", "Italy", "France")


@pytest.fixture
def rivers(tmp_path):
    """A file of facts, one in three of which any model answers right."""
    path = tmp_path / "rivers.jsonl"
    lines = [
        {
            "subject": f"{'ABCDEFGH'[i % 8]}{'aeiou'[i % 5]}{'lmnrst'[i % 6]}{i:o}a",
            "prompt": "The {} flows through",
            "target_true": PLACES[i % 3],
            "target_new": "nothing that counts",
            "relation": "river",
        }
        for i in range(64)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_every_claim_is_measured(rivers, tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "cache"))
    small = knowledge_graph._Budget(edits=3, most=0, tokens=256)
    monkeypatch.setitem(knowledge_graph._BUDGETS, "quick", small)

    def run():
        return runner.run(
            "graph", "quick", model=str(tiny_folder), facts=rivers, out=tmp_path / "out"
        )

    done = run()
    found = {c.id: c for c in done.record.claims}
    assert set(found) == {
        "graph.diff-recall", "graph.diff-false", "graph.calibration", "graph.extrapolated",
    }  # fmt: skip
    assert all(c.value is not None for c in found.values())
    assert found["graph.diff-false"].value == 0
    assert found["graph.diff-false"].holds
    # Three edits are not fifty.
    assert not found["graph.diff-recall"].holds
    assert "of 3 edits are in the diff" in found["graph.diff-recall"].note
    relations, kinds, _ = done.outcome.tables
    ((name, asked, objects, right, mass),) = relations.rows
    assert (name, asked, objects) == ("river", 64, 3)
    assert 0.1 < right < 0.6
    assert 0 < mass <= 1
    meant = sum(row[1] for row in kinds.rows)
    assert found["graph.diff-recall"].value == pytest.approx(meant / 3)
    assert [f.title for f in done.outcome.figures] == ["What changed", "Reliability"]
    again = run()
    assert [c.value for c in again.record.claims] == [c.value for c in done.record.claims]


def test_the_recall_is_of_all_edits_whatever_became_of_them(monkeypatch):
    monkeypatch.setattr(knowledge_graph, "_EDITS", 3)

    def one(subject, shares, intended="Rome"):
        return answered(subject, shares, objects=("Paris", "Rome", "Oslo"), intended=intended)

    paris, rome = {"Paris": 0.9, "Rome": 0.1}, {"Rome": 0.9, "Paris": 0.1}
    before = graph(one("a", paris), one("b", paris), one("c", paris), one("d", paris, None))
    facts = [Fact(s, "{} is in", "Paris", "Rome") for s in "abc"]
    after = replace(before, answers=tuple(one(s, rome) for s in "abc") + before.answers[3:])
    whole = knowledge_graph._recall(differ(before, after), facts, [1.0] * 3)
    assert (whole.value, whole.holds) == (1.0, True)
    # One edit did nothing, and one went elsewhere.
    after = replace(
        before,
        answers=(one("a", rome), one("b", {"Oslo": 0.9, "Rome": 0.11}), *before.answers[2:]),
    )
    part = knowledge_graph._recall(differ(before, after), facts, [0.5] * 3)
    assert part.value == pytest.approx(1 / 3)
    assert not part.holds
    assert "1 of 3 edits are in the diff as they were meant, 2 in any way; 1 are" in part.note


def test_facts_to_edit_are_known_and_about_one_subject_each():
    rows = [answered(f"s{i % 4}", {PLACES[i % 3]: 0.8, "x": 0.1}, relation=f"r{i % 2}",
                     truth=PLACES[i % 3] if i % 5 else "x") for i in range(24)]  # fmt: skip
    facts = knowledge_graph._to_edit(graph(*rows), 3, seed=0)
    assert len(facts) == 3
    assert len({f.subject for f in facts}) == 3
    right = {(a.question.subject, a.question.relation, a.object) for a in rows if a.right}
    for fact in facts:
        assert (fact.subject, fact.relation, fact.target_true) in right
        assert fact.target_new in PLACES
        assert fact.target_new != fact.target_true
