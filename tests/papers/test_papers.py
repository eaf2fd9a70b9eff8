"""Both papers from end to end on a tiny model that knows nothing: every claim is measured."""

import json
import math

import pytest

from unfrozen.language.evaluation import Answer
from unfrozen.language.model import LanguageModel
from unfrozen.papers import causal_tracing, facts, rome
from unfrozen.papers.running import runner

SUBJECTS = ["Rome", "Paris", "Oslo", "Bern", "Lima", "Cairo", "Quito", "Sofia"]


@pytest.fixture
def told(tmp_path, monkeypatch):
    """A file of facts, which the model is said to know."""
    monkeypatch.setattr(facts, "known", lambda lm, asked: list(asked))
    monkeypatch.setattr(facts, "answers", lambda lm, asked: [Answer(0.0, True) for _ in asked])
    path = tmp_path / "facts.jsonl"
    lines = [
        {
            "subject": subject,
            "prompt": "The city of {} is in",
            "target_true": "ab" if i % 2 else "cd",
            "target_new": "xy",
            "paraphrases": [f"Today {subject} is in"],
            "neighbours": [f"The city of {other} is in" for other in SUBJECTS if other != subject],
            "relation": "place",
        }
        for i, subject in enumerate(SUBJECTS)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_causal_tracing(told, tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(causal_tracing._BUDGETS, "quick", causal_tracing._Budget(4, 2, 1))
    run = runner.run("tracing", "quick", model=str(tiny_folder), facts=told, out=tmp_path / "out")
    found = {c.id: c for c in run.record.claims}
    assert {"tracing.mlp-site", "tracing.attention-site", "tracing.speedup"} <= set(found)
    assert all(c.value is not None for c in found.values())
    # Noise, windows and replay agree with whole passes; the time of a tiny model says nothing.
    assert "Largest difference" in found["tracing.speedup"].note
    assert len(run.outcome.figures) == 3
    assert "<svg" in run.report.read_text() or "data:image" in run.report.read_text()


def test_rome(told, tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "cache"))
    small = rome._Budget(facts=3, calibration=2, layers=(0.0, 0.4), tokens=600)
    monkeypatch.setitem(rome._BUDGETS, "quick", small)
    run = runner.run("rome", "quick", model=str(tiny_folder), facts=told, out=tmp_path / "out")
    found = {c.id: c for c in run.record.claims}
    wanted = {f"rome.{n}" for n in ("efficacy", "paraphrase", "neighbourhood", "score", "seconds")}
    assert wanted <= set(found)
    assert all(c.value is not None for c in found.values())
    methods = run.outcome.tables[0]
    s = dict(zip([row[0] for row in methods.rows], [row[1] for row in methods.rows], strict=True))
    assert set(s) == {"base", "rome", "rome, identity", "ft", "ft-l"}
    assert found["rome.score"].value == s["rome"]
    # A random model believes neither object, so an edit that works shows against the base.
    efficacy = [row[methods.columns.index("efficacy score")] for row in methods.rows]
    assert efficacy[1] >= efficacy[0]
    assert all(0 <= v <= 1 and math.isfinite(v) for v in efficacy)


def test_facts_are_spread_over_relations():
    from unfrozen.language.facts import Fact

    many = [Fact(str(i), "{} is", relation="a" if i < 90 else "b", id=str(i)) for i in range(100)]
    chosen = facts.spread(many, 10, seed=0)
    assert sum(f.relation == "b" for f in chosen) == 5
    assert chosen == facts.spread(many, 10, seed=0)
    assert chosen != facts.spread(many, 10, seed=1)
    assert len(facts.spread(many, 1000, seed=0)) == 100


def test_neighbours_are_known_and_name_no_subject_kept_apart(tiny_folder, monkeypatch):
    from unfrozen.language.facts import Fact

    lm = LanguageModel.from_pretrained(str(tiny_folder))
    asked = []

    def said(lm, questions):
        asked.extend(questions)
        return [Answer(0.0, "Etna" not in prompt) for prompt, _ in questions]

    monkeypatch.setattr(facts, "answers", said)
    near = ("Rome is in", "Etna is in", "The old Oslo is in", "Pisa is in")
    fact = Fact("Po", "{} is in", "Italy", "Spain", neighbours=near)
    (kept,) = facts._with_known_neighbours(lm, [fact], ["Oslo", "Pis"])
    assert kept.neighbours == ("Rome is in", "Pisa is in")
    assert set(asked) == {(n, "Italy") for n in near}
