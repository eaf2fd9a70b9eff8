import pytest
import torch

from unfrozen.data.models import weights_hash
from unfrozen.errors import FactError, ModelError, WorkspaceError
from unfrozen.language.editing import calibration
from unfrozen.language.editing.fine_tune import FineTuneSettings
from unfrozen.language.editing.rome import RomeSettings
from unfrozen.language.evaluation import evaluate
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.workspace import Fold, Workspace, editing
from unfrozen.workspace.editing import choose_settings, edit_fact, edit_facts, own_answer

TOWER = Fact(
    "Eiffel Tower",
    "The {} is in",
    "Paris",
    "Rome",
    paraphrases=("Go and see the Eiffel Tower in",),
    neighbours=("The Louvre is in",),
)
ETNA = Fact("Etna", "Mount {} is in", "Italy", "Spain")
QUICK = {"tokens": 256, "written_tokens": 8}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def lm(tiny_folder):
    return LanguageModel.from_pretrained(str(tiny_folder))


@pytest.fixture
def facts(tmp_path, lm):
    return Workspace.init(tmp_path / "facts", lm.name, weights_hash(lm.model))


def _weights(lm):
    return {name: p.detach().clone() for name, p in lm.model.named_parameters()}


def _same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("method", list(editing.METHODS))
def test_an_edit_is_measured_committed_and_taken_back_to_the_bit(lm, facts, method):
    base = _weights(lm)
    before = evaluate(lm, TOWER, written_tokens=8)
    done = edit_fact(facts, lm, TOWER, method, **QUICK)
    assert done.before == before
    assert done.after == evaluate(lm, TOWER, written_tokens=8)
    assert done.after.efficacy.magnitude > before.efficacy.magnitude
    assert done.entry == facts.show("eiffel-tower-rome")
    assert done.entry.request["subject"] == "Eiffel Tower"
    assert done.entry.settings["method"] == method
    assert done.entry.effect["before"] == before.to_json()
    assert done.entry.effect["after"] == done.after.to_json()
    edited = _weights(lm)
    assert not _same(edited, base)
    facts.revert(1)
    facts.apply(lm.model)
    assert _same(_weights(lm), base)
    facts.restore(1)
    facts.apply(lm.model)
    assert _same(_weights(lm), edited)


@pytest.mark.parametrize("layer", [0, 2])
def test_a_dense_change_is_kept_without_rounding(lm, facts, layer):
    settings = FineTuneSettings(layer)
    done = edit_fact(facts, lm, TOWER, "ft", settings=settings, written_tokens=0)
    ((name, delta),) = done.edit.dense.items()
    assert torch.equal(done.change.payload[name].dense(), delta)


def test_each_edit_stands_on_those_before_it(lm, facts):
    first, second = edit_facts(facts, lm, [TOWER, ETNA], **QUICK)
    assert [e.name for e in facts.log()] == ["eiffel-tower-rome", "etna-spain"]
    assert Fold.of(lm.model).changes == (first.change, second.change)
    Fold.of(lm.model).set([first.change])
    assert evaluate(lm, ETNA, written_tokens=8) == second.before


def test_second_moment_and_prefixes_are_the_bases_whatever_is_folded_in(lm, facts, tmp_path):
    edit_fact(facts, lm, TOWER, **QUICK)
    kept = set((tmp_path / "cache" / "second-moments").iterdir())
    edit_fact(facts, lm, ETNA, **QUICK)
    assert set((tmp_path / "cache" / "second-moments").iterdir()) == kept


def test_a_dry_run_commits_nothing_and_leaves_the_workspaces_state(lm, facts):
    base = _weights(lm)
    done = list(edit_facts(facts, lm, [TOWER, ETNA], dry_run=True, **QUICK))
    assert [one.entry for one in done] == [None, None]
    assert facts.log() == []
    assert _same(_weights(lm), base)


def test_what_was_committed_stays_when_the_rest_is_not_asked_for(lm, facts):
    one = next(run := edit_facts(facts, lm, [TOWER, ETNA], **QUICK))
    run.close()
    assert [e.id for e in facts.log()] == [one.change.id]
    assert Fold.of(lm.model).changes == (one.change,)


@pytest.mark.parametrize("method", list(editing.METHODS))
def test_an_edit_can_be_stopped_between_two_steps_and_leaves_nothing(lm, facts, method):
    before, calls = _weights(lm), []

    def report(what, done, total):
        calls.append((done, total))
        if len(calls) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(edit_facts(facts, lm, [TOWER], method, progress=report, **QUICK | {"tokens": None}))
    assert calls == 4 * [(0, 1)]
    assert facts.log() == []
    assert _same(_weights(lm), before)


def test_a_failure_in_the_middle_leaves_the_committed_state(lm, facts, monkeypatch):
    run = edit_facts(facts, lm, [TOWER, ETNA], **QUICK)
    one = next(run)

    def refuse(*_):
        raise WorkspaceError("cannot write: the disk is full")

    monkeypatch.setattr(Workspace, "commit", refuse)
    with pytest.raises(WorkspaceError, match="disk is full"):
        next(run)
    assert Fold.of(lm.model).changes == (one.change,)


@pytest.mark.parametrize(
    ("fact", "options", "error", "said"),
    [
        (Fact("Etna", "Mount {} is in", "Italy"), {}, FactError, "give a new target"),
        (ETNA, {"method": "memo"}, WorkspaceError, "no editing method 'memo'"),
        (ETNA, {"settings": RomeSettings(layer=7)}, ModelError, "layers 0 to 2"),
        (ETNA, {"settings": FineTuneSettings(0)}, WorkspaceError, "does not take"),
        (ETNA, {"names": ["a"]}, WorkspaceError, "give 2 names for as many facts, not 1"),
        (ETNA, {"names": ["a", "12"]}, WorkspaceError, "'12' cannot name a change"),
    ],
)
def test_everything_is_checked_before_anything_is_written(lm, facts, fact, options, error, said):
    with pytest.raises(error, match=said):
        edit_facts(facts, lm, [TOWER, fact], **{**QUICK, **options})
    assert facts.log() == []


def test_a_model_of_another_base_is_refused(lm, tmp_path):
    other = Workspace.init(tmp_path / "other", "other", "0" * 64)
    with pytest.raises(WorkspaceError, match="load the base model afresh"):
        edit_facts(other, lm, [TOWER])


def test_names_are_told_apart(lm, facts):
    again = Fact(TOWER.subject, "See the {} in", "Paris", "Rome")
    number = Fact("1984", "The author of {} is", "Orwell", "1985")
    options = {"tokens": None, "written_tokens": 0}
    done = list(edit_facts(facts, lm, [TOWER, again, number], **options))
    done += edit_facts(facts, lm, [TOWER], **options)
    assert [one.change.name for one in done] == [
        "eiffel-tower-rome", "eiffel-tower-rome-2", "1984-1985", "eiffel-tower-rome-3",
    ]  # fmt: skip


def test_the_layer_is_the_one_asked_for_or_the_calibrated_or_the_default(lm, facts):
    assert choose_settings(lm, layer=2)[1:] == (2, "as asked")
    assert choose_settings(lm).source.startswith("the default depth")
    found = calibration.Calibration(1, 0.8, 5, ())
    calibration.save_calibration(lm, found)
    assert choose_settings(lm) == (
        RomeSettings(layer=1, confidence=0.8),
        1,
        "calibrated on 5 facts",
    )
    edit_fact(facts, lm, TOWER, **QUICK)  # the weights are others now, the base is not
    assert choose_settings(lm, "ft").layer == 1


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        (" Paris, France.", "Paris"),
        (" New York, and it", "New York"),
        (" the city of Rome", "the"),
        (' "Saint-Denis"! Yes', "Saint-Denis"),
        (" Rome. The Colosseum", "Rome"),
        ("\n\n12 years", "12"),
    ],
)
def test_a_models_own_answer_is_its_first_word_or_name(lm, monkeypatch, written, answer):
    monkeypatch.setattr(lm, "generate", lambda prompts, tokens: [written])
    assert own_answer(lm, "x") == answer


def test_a_model_without_an_answer_is_asked_for_none(lm, monkeypatch):
    monkeypatch.setattr(lm, "generate", lambda prompts, tokens: [" …\n"])
    with pytest.raises(FactError, match="say what is true"):
        own_answer(lm, "x")


def test_the_true_object_is_the_bases_answer_and_not_the_states(lm, facts, monkeypatch):
    folded = []

    def answer(model, prompt):
        folded.append(Fold.of(model.model).changes)
        return "Paris"

    monkeypatch.setattr(editing.single, "own_answer", answer)
    fact = Fact("Eiffel Tower", "The {} is in", None, "Rome")
    edit_fact(facts, lm, ETNA, **QUICK)
    done = edit_fact(facts, lm, fact, **QUICK)
    assert folded == [()]
    assert done.fact.target_true == "Paris"
