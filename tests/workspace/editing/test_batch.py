import json
from dataclasses import replace

import pytest
import torch

from unfrozen.data.models import weights_hash
from unfrozen.errors import FactError, WorkspaceError
from unfrozen.language.editing.batch import MemitSettings, PreservingSolver, RegularisedSolver
from unfrozen.language.editing.batch.calibration import BatchCalibration, save_batch_calibration
from unfrozen.language.evaluation import answers, evaluate
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.workspace import Fold, Workspace
from unfrozen.workspace.editing import (
    BATCH_METHODS,
    BatchRejectedError,
    Guard,
    choose_batch_settings,
    edit_batch,
    edit_fact,
    revert_fact,
)

FACTS = [
    Fact("Eiffel Tower", "The {} is in", "Paris", "Rome", neighbours=("The Louvre is in",)),
    Fact("Etna", "Mount {} is in", "Italy", "Spain", relation="country"),
    Fact("Anna", "{} works as a", "baker", "doctor", paraphrases=("The job of Anna is",)),
    Fact("Thames", "The river {} runs through", "London", "Cairo", id="thames"),
]
PROSE = ("Lead is a soft metal.", "Iron rusts in water and air.")
LENIENT = Guard(perplexity=1e9, efficacy=0.0, kept=0.0, prose=PROSE)
# Written by hand, since a tiny model of random weights needs a firm hand.
FIRM = MemitSettings(layers=(0, 1, 2), solver=RegularisedSolver(1e-3), clamp=4.0)
QUICK = {"tokens": 256, "guard": LENIENT}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def lm(tiny_folder):
    return LanguageModel.from_pretrained(str(tiny_folder))


@pytest.fixture
def held(tmp_path, lm):
    return Workspace.init(tmp_path / "facts", lm.name, weights_hash(lm.model))


def weights(lm):
    return {name: p.detach().clone() for name, p in lm.model.named_parameters()}


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def said(lm, facts):
    """Log-probabilities of the new objects."""
    return [a.log_probability for a in answers(lm, [(f.text, f.target_new or "") for f in facts])]


@pytest.mark.parametrize("method", list(BATCH_METHODS))
def test_a_batch_is_one_entry_that_is_taken_back_to_the_bit(lm, held, method):
    base = weights(lm)
    before = said(lm, FACTS)
    done = edit_batch(held, lm, FACTS, method, **QUICK)
    edited = weights(lm)
    assert not same(edited, base)
    assert sum(said(lm, FACTS)) > sum(before)
    (entry,) = held.log()
    assert done.entry == entry
    assert entry.kind == "batch-edit"
    assert [f["subject"] for f in entry.request["facts"]] == [f.subject for f in FACTS]
    assert entry.settings["method"] == method
    assert len(entry.effect["each"]) == 4
    assert entry.effect["each"][0]["after"] == json.loads(
        json.dumps(evaluate(lm, FACTS[0], written_tokens=0).to_json())
    )
    assert entry.effect["guard"]["perplexity"] == done.reading.perplexity
    held.revert(1)
    held.apply(lm.model)
    assert same(weights(lm), base)
    held.restore(1)
    held.apply(lm.model)
    assert same(weights(lm), edited)


def test_layers_and_strength_are_those_asked_for_or_calibrated_or_the_defaults(lm, held):
    default = choose_batch_settings(lm, "nas")
    assert default.source.startswith("the default depths; `unfrozen calibrate --method nas`")
    assert default.settings == replace(BATCH_METHODS["nas"], layers=(0,))
    save_batch_calibration(lm, "nas", BatchCalibration((1, 2), 7.0, 12, 3, ()))
    edit_fact(held, lm, FACTS[0], tokens=None, written_tokens=0)  # the base is what it was
    chosen = choose_batch_settings(lm, "nas")
    assert chosen.source == "calibrated on 12 facts"
    assert (chosen.settings.layers, chosen.settings.solver.strength) == ((1, 2), 7.0)
    assert chosen.settings.anchor
    assert choose_batch_settings(lm).settings.layers == (0,)
    asked = choose_batch_settings(lm, "nas", (0, 1))
    assert asked == (replace(BATCH_METHODS["nas"], layers=(0, 1)), "as asked")
    done = edit_batch(held, lm, FACTS[1:], "nas", tokens=256, guard=LENIENT, dry_run=True)
    assert done.change.settings["layers"] == [1, 2]
    with pytest.raises(WorkspaceError, match="no method 'rome' for batches"):
        choose_batch_settings(lm, "rome")


def test_one_fact_is_taken_out_of_a_batch(lm, held):
    edit_batch(held, lm, FACTS, settings=FIRM, **QUICK)
    done = revert_fact(held, lm, "1/anna")
    assert done.removed == (FACTS[2],)
    assert [e.state for e in held.log()] == ["reverted", "active", "active"]
    assert done.entry.name == "memit-4-facts without Anna"
    assert [f["subject"] for f in done.entry.request["facts"]] == ["Eiffel Tower", "Etna", "Thames"]
    assert done.kept is not None


def test_without_a_fact_a_batch_is_what_it_would_have_been(lm, held, tmp_path):
    edit_batch(held, lm, FACTS, settings=FIRM, **QUICK)
    targets = held.change(1).payload["targets"]
    revert_fact(held, lm, "1/4")
    change = held.change(3)
    assert torch.equal(change.payload["targets"], targets[:3])
    other = Workspace.init(tmp_path / "other", lm.name, held.base_hash)
    other.apply(lm.model)
    edit_batch(other, lm, FACTS[:3], settings=FIRM, **QUICK)
    expected = other.change(1)
    for name, update in expected.payload["updates"].items():
        found = change.payload["updates"][name].dense()
        gap = float((found - update.dense()).norm() / update.dense().norm())
        assert gap < 0.05  # the search in a batch of three rounds otherwise


def test_taking_out_the_last_fact_leaves_no_batch(lm, held):
    base = weights(lm)
    edit_batch(held, lm, FACTS[:1], settings=FIRM, **QUICK)
    done = revert_fact(held, lm, "1/Eiffel Tower")
    assert (done.entry, done.kept) == (None, None)
    assert same(weights(lm), base)


def test_a_conflict_is_reported_and_can_be_superseded(lm, held):
    edit_fact(held, lm, FACTS[0], tokens=256, written_tokens=0)
    edit_batch(held, lm, FACTS[1:], settings=FIRM, **QUICK)
    state = weights(lm)
    new = [
        Fact("eiffel  tower", "The {} is in", "Paris", "Oslo"),
        Fact("Etna", "The land of {} is", "Italy", "Peru", relation="country"),
    ]
    with pytest.raises(WorkspaceError, match=r"2 facts conflict.*entry 1/1.*entry 2/1"):
        edit_batch(held, lm, new, settings=FIRM, **QUICK)
    assert len(held.log()) == 2
    assert same(weights(lm), state)
    done = edit_batch(held, lm, new, settings=FIRM, supersede=True, **QUICK)
    assert [h.ref for h in done.superseded] == ["1/1", "2/1"]
    states = [(e.kind, e.state) for e in held.log()]
    assert states[:2] == [("low-rank-edit", "reverted"), ("batch-edit", "reverted")]
    assert [k for k, s in states[2:]] == ["revert", "revert", "batch-edit", "batch-edit"]
    assert [f["subject"] for f in held.log()[4].request["facts"]] == ["Anna", "Thames"]
    edited = weights(lm)
    held.apply(lm.model)
    assert same(weights(lm), edited)


def test_facts_that_contradict_each_other_are_refused(lm, held):
    twice = [FACTS[0], Fact("Eiffel Tower", "The {} is in", "Paris", "Oslo")]
    with pytest.raises(FactError, match="two facts answer one question"):
        edit_batch(held, lm, twice, **QUICK)
    with pytest.raises(FactError, match="no facts to edit"):
        edit_batch(held, lm, [], **QUICK)
    with pytest.raises(WorkspaceError, match="no method 'magic' for batches"):
        edit_batch(held, lm, FACTS, "magic", **QUICK)
    assert held.log() == []


@pytest.mark.parametrize(
    ("guard", "why"),
    [
        (Guard(perplexity=1e-9, prose=PROSE), "perplexity of prose"),
        (Guard(perplexity=1e9, efficacy=1.1, prose=PROSE), "of its facts hold"),
        (Guard(perplexity=1e9, efficacy=0.0, kept=1.1, prose=PROSE), "of earlier facts still hold"),
    ],
)
def test_a_batch_that_breaks_the_model_is_rolled_back_and_not_logged(lm, held, guard, why):
    edit_batch(held, lm, FACTS[:2], settings=FIRM, **QUICK)
    state = weights(lm)
    with pytest.raises(BatchRejectedError, match=why):
        edit_batch(held, lm, FACTS[2:], settings=FIRM, tokens=256, guard=guard)
    assert len(held.log()) == 1
    assert same(weights(lm), state)
    assert [c.id for c in Fold.of(lm.model).changes] == [held.log()[0].id]


def test_a_dry_run_commits_nothing(lm, held):
    base = weights(lm)
    done = edit_batch(held, lm, FACTS, settings=FIRM, dry_run=True, **QUICK)
    assert done.entry is None
    assert held.log() == []
    assert same(weights(lm), base)
    assert done.after.score >= done.before.score
    assert json.loads(json.dumps(done.to_json()))["facts"] == 4


def test_batches_after_one_another_spare_what_is_there(lm, held):
    """The keys of the first batch, single edits included, are given to the second."""
    solver = PreservingSolver(1e-3, norm=0.0)
    settings = MemitSettings(layers=(1,), solver=solver, clamp=4.0)
    edit_batch(held, lm, FACTS[:2], settings=settings, **QUICK)
    first = said(lm, FACTS[:2])
    edit_batch(held, lm, FACTS[2:], settings=settings, **QUICK)
    moved = [abs(a - b) for a, b in zip(first, said(lm, FACTS[:2]), strict=True)]
    held.revert(2)
    held.apply(lm.model)
    free = MemitSettings(layers=(1,), solver=RegularisedSolver(1e-3), clamp=4.0)
    edit_batch(held, lm, FACTS[2:], settings=free, **QUICK)
    freely = [abs(a - b) for a, b in zip(first, said(lm, FACTS[:2]), strict=True)]
    assert max(moved) < max(freely)


def test_only_some_facts_are_measured_when_there_are_many(lm, held):
    done = edit_batch(held, lm, FACTS, settings=FIRM, measured=2, **QUICK)
    assert len(done.measured) == 2
    assert done.after.n == 2
    each = done.entry.effect["each"]
    assert [i for i, one in enumerate(each) if "after" in one] == list(done.measured)
    assert all("missing" in one["edit"] for one in each)


def test_the_work_is_told_of(lm, held):
    told = []
    edit_batch(held, lm, FACTS, settings=FIRM, progress=lambda *news: told.append(news), **QUICK)
    for what in ("Searching values", "Writing layers", "Measuring before", "Measuring after"):
        last = [news for news in told if news[0] == what][-1]
        assert last[1] == last[2] > 0


def test_a_fact_that_is_not_there_cannot_be_taken_out(lm, held):
    edit_fact(held, lm, FACTS[0], tokens=256, written_tokens=0)
    edit_batch(held, lm, FACTS[1:], settings=FIRM, **QUICK)
    with pytest.raises(WorkspaceError, match="3 facts, and none is 'Oslo'"):
        revert_fact(held, lm, "2/Oslo")
    with pytest.raises(WorkspaceError, match="holds one fact: revert the entry"):
        revert_fact(held, lm, "1/1")
    held.revert(2)
    with pytest.raises(WorkspaceError, match="no active facts"):
        revert_fact(held, lm, "2/1")
