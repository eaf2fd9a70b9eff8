"""Sequential editing from end to end on a tiny model: every stream is a curve, broken ones too."""

import json
import math
from dataclasses import dataclass

import pytest

from unfrozen.errors import ModelError
from unfrozen.language.editing.batch import Memit, MemitSettings
from unfrozen.language.editing.rome import RomeSettings
from unfrozen.language.evaluation.prose import perplexity
from unfrozen.papers import sequential
from unfrozen.papers.running import runner

SUBJECTS = [f"{a}{b}" for a in ("Ro", "Pa", "Os", "Be", "Li", "Ca") for b in ("me", "ris", "lo")]
TEXTS = ("The old city of Rome is in Italy.", "Paris is the capital of France, he said.")


@dataclass(frozen=True)
class ShortMemit(MemitSettings):
    """A search of a few steps: what a stream does with what is found is what is tested here."""

    steps: int = 4


@dataclass(frozen=True)
class ShortRome(RomeSettings):
    """The same for one fact."""

    steps: int = 4


@pytest.fixture
def reproduce(tmp_path, tiny_folder, monkeypatch):
    """A function that runs the paper on a few facts, and on prose that takes no time."""
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "cache"))

    def unrelated(lm, part, choices=True):
        found = {"perplexity": perplexity(lm, TEXTS)}
        return {**found, "choice": 0.25} if choices else found

    monkeypatch.setattr(sequential, "unrelated", unrelated)
    small = sequential._Budget(counts=(1, 3, 6), apart=6, asked=4, tokens=256)
    monkeypatch.setitem(sequential._BUDGETS, "quick", small)
    monkeypatch.setattr(sequential, "_CURVE", {1, 6})
    tried = {name: settings[-1:] for name, settings in sequential._KINDS.items()}
    tried["memit"] = ((5000.0, 0.0), (15_000.0, 0.0))
    monkeypatch.setattr(sequential, "_KINDS", tried)
    monkeypatch.setattr(sequential, "MemitSettings", ShortMemit)
    monkeypatch.setattr(sequential, "RomeSettings", ShortRome)
    path = tmp_path / "facts.jsonl"
    lines = [
        {
            "subject": subject,
            "prompt": "The city of {} is in",
            "target_true": "ab",
            "target_new": "xy",
            "paraphrases": [f"Today {subject} is in"],
            "neighbours": ["The city of Cairo is in"],
        }
        for subject in SUBJECTS
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def run():
        return runner.run(
            "sequential", "quick", model=str(tiny_folder), facts=path, out=tmp_path / "out"
        )

    return run


def points_of(run):
    """(method, facts) of each row of the first table, and the perplexity there."""
    table = run.outcome.tables[0]
    at = [table.columns.index(name) for name in ("method", "facts", "perplexity")]
    return {(row[at[0]], row[at[1]]): row[at[2]] for row in table.rows}


def test_every_method_has_a_curve_and_both_claims_a_value(reproduce, monkeypatch):
    monkeypatch.setattr(sequential, "_BROKEN", math.inf)
    run = reproduce()
    points = points_of(run)
    methods = {method for method, _ in points}
    # The better one of ENCORE with and without anchors.
    assert len(methods) == 5
    assert {"memit", "alphaedit", "ft", "rome"} < methods
    assert {facts for _, facts in points} == {1, 6}
    assert all(math.isfinite(ratio) for ratio in points.values())
    found = {c.id: c for c in run.record.claims}
    assert set(found) == {"editing.sequential-score", "editing.perplexity-ratio"}
    # Six facts are not a thousand.
    assert not any(claim.holds for claim in found.values())
    chosen = found["editing.perplexity-ratio"].note.split(",")[0]
    assert found["editing.perplexity-ratio"].value == points[chosen, 6]
    trials = run.outcome.tables[1]
    assert len(trials.rows) == sum(map(len, sequential._KINDS.values()))
    assert run.record.flops > 0


def test_what_diverges_is_not_chosen_and_a_stream_ends_where_the_model_is_broken(
    reproduce, monkeypatch
):
    monkeypatch.setattr(sequential, "_BROKEN", 0.0)
    monkeypatch.setattr(sequential, "_operations", lambda *args: 1)
    write = Memit.write

    def diverging(self, *args):
        if getattr(self.settings.solver, "strength", 0.0) == 5000.0:
            raise ModelError("too far")
        return write(self, *args)

    monkeypatch.setattr(Memit, "write", diverging)
    run = reproduce()
    assert {facts for _, facts in points_of(run)} == {1}
    assert "(broken)" in run.record.claims[0].note
    assert not any(claim.holds for claim in run.record.claims)
    table = run.outcome.tables[1]
    names = ("strength or energy", "S", "perplexity")
    strength, score, ratio = (table.columns.index(name) for name in names)
    gone = [row for row in table.rows if row[strength] == 5000.0]
    assert len(gone) == 1
    assert all(row[score] == 0.0 for row in gone)
    assert all((row[ratio] == sequential._UNBOUNDED) == (row in gone) for row in table.rows)


def test_an_interrupted_stream_goes_on_from_its_last_batch(reproduce, monkeypatch):
    monkeypatch.setattr(sequential, "_BROKEN", math.inf)
    monkeypatch.setattr(sequential, "_operations", lambda *args: 1)
    real, written = sequential.write_along, []

    def killed(lm, facts, plan, *rest):
        if plan.counts == (1, 3, 6) and 6 not in written:
            written.append(6)
            raise KeyboardInterrupt
        written.append(len(facts))
        return real(lm, facts, plan, *rest)

    monkeypatch.setattr(sequential, "write_along", killed)
    with pytest.raises(KeyboardInterrupt):
        reproduce()
    before = list(written)
    assert before[-3:] == [1, 3, 6]
    values, asked = Memit.values, []
    monkeypatch.setattr(
        Memit, "values", lambda self, facts, *a: asked.append(len(facts)) or values(self, facts, *a)
    )
    run = reproduce()
    # The first batch that is searched is the one that was not written.
    assert asked[0] == 3
    assert written[len(before)] == 6
    assert {facts for _, facts in points_of(run)} == {1, 6}
