"""Evaluations against facts measured one by one, and against themselves when interrupted."""

import json
import pickle
from dataclasses import replace

import pytest
import torch

from unfrozen.data.cache import lock
from unfrozen.data.models import weights_hash
from unfrozen.errors import FactError, ModelError, WorkspaceError
from unfrozen.language.editing.batch import MemitSettings, RegularisedSolver
from unfrozen.language.editing.fine_tune import FineTuneSettings, fine_tune
from unfrozen.language.evaluation import (
    References,
    before,
    estimate_facts,
    evaluate,
    measure_case,
)
from unfrozen.workspace import Workspace
from unfrozen.workspace.editing import edit_batch
from unfrozen.workspace.editing.rewrite import make_editor
from unfrozen.workspace.evaluation import Plan, evaluate_facts, running, writing
from unfrozen.workspace.evaluation.measuring import States, measure_piece
from unfrozen.workspace.remembering import forget, remember_facts

pytestmark = pytest.mark.usefixtures("small")

FIRM = MemitSettings(layers=(0, 1), solver=RegularisedSolver(1e-3), clamp=4.0, steps=3)
TUNED = FineTuneSettings(layer=1, steps=2, learning_rate=0.05)
MEMIT = Plan(method="memit", batch=2, written_tokens=3, tokens=None)
TUNE = replace(MEMIT, method="ft")
FILES = ("evaluation.jsonl", "states.jsonl", "summary.json", "configuration.json")


def weights(lm):
    return {name: p.detach().clone() for name, p in lm.model.named_parameters()}


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def lines(folder):
    text = (folder / "evaluation.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def files(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def measured(lm, case, base, corpus, plan):
    scorer = References(corpus)
    return measure_case(
        lm, case, plan.metrics, base=base, references=scorer, written_tokens=plan.written_tokens,
        seed=plan.seed,
    )  # fmt: skip


def test_a_workspace_is_measured_against_its_base(lm, cases, tmp_path):
    held = Workspace.init(tmp_path / "facts", lm.name, weights_hash(lm.model))
    facts = [case.fact for case in cases if case.fact.target_true]
    edit_batch(held, lm, facts, settings=FIRM, tokens=None, guard=None)
    edited = weights(lm)
    plan = Plan(written_tokens=3)
    done = evaluate_facts(lm, cases, tmp_path / "out", plan, workspace=held)
    assert [(p.label, p.edits, p.facts) for p in done.points] == [
        ("base", 0, 5), ("workspace", 4, 5),
    ]  # fmt: skip
    assert same(weights(lm), edited)
    found = lines(tmp_path / "out")
    assert [line["subject"] for line in found] == [case.fact.subject for case in cases]
    corpus = [text for case in cases for text in case.references]
    for line, case in zip(found[:4], cases, strict=False):
        now = evaluate(lm, case.fact, written_tokens=0)
        assert line["states"]["workspace"]["efficacy_magnitude"] == now.efficacy.magnitude
        with running.base_state(lm):
            base = before(lm, case, plan.metrics)
            expected = measured(lm, case, base, corpus, plan)
        assert line["states"]["base"] == expected.values
        again = measured(lm, case, base, corpus, plan)
        assert line["states"]["workspace"] == again.values
        assert line["written"]["workspace"] == again.written
    figures = done.points[1].figures
    assert figures["S"] == estimate_facts([x["states"]["workspace"] for x in found])["S"]
    assert figures["drift_mean"].value > 0
    assert done.points[0].figures["drift_mean"].value == 0
    assert done.points[0].figures["perplexity_ratio"].value == 1
    assert done.points[1].figures["choice"].n == 2
    # A summary is what is on the disk.
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary == json.loads(json.dumps(done.to_json()))


def test_what_is_remembered_is_measured(lm, cases, tmp_path):
    held = Workspace.init(tmp_path / "facts", lm.name, weights_hash(lm.model))
    remember_facts(held, lm, [cases[0].fact, cases[1].fact])
    plan = Plan(metrics=("scores",))
    done = evaluate_facts(lm, cases[:2], tmp_path / "one", plan, workspace=held)
    base, now = done.points
    assert now.edits == 2
    assert base.figures["efficacy_accuracy"].value == 0
    assert now.figures["efficacy_accuracy"].value == 1
    forget(held, "Etna")
    done = evaluate_facts(lm, cases[:2], tmp_path / "two", plan, workspace=held)
    assert done.points[1].figures["efficacy_accuracy"].value == 0.5


def test_a_fact_without_a_true_object_is_compared_with_the_bases_answer(lm, cases, tmp_path):
    evaluate_facts(lm, cases, tmp_path, Plan(metrics=("scores", "zsre")))
    nile = lines(tmp_path)[4]
    answer = running.own_answer(lm, cases[4].fact.text)
    assert nile["target_true"] == answer
    fact = replace(cases[4].fact, target_true=answer)
    expected = evaluate(lm, fact, written_tokens=0).efficacy.magnitude
    assert nile["states"]["base"]["efficacy_magnitude"] == expected


def test_batches_are_stacked_and_measured_along_the_way(lm, cases, tmp_path):
    base = weights(lm)
    plan = replace(MEMIT, counts=(1, 5), metrics=("scores", "zsre", "drift"))
    done = evaluate_facts(lm, cases, tmp_path, plan, settings=FIRM)
    assert same(weights(lm), base)
    assert [(p.label, p.edits, p.facts) for p in done.points] == [
        ("base", 0, 5), ("1", 1, 1), ("5", 5, 5),
    ]  # fmt: skip
    # Batches end where facts are measured, and every two: 1, 2, 4, 5.
    facts = [case.fact for case in cases]
    editor = make_editor(lm, FIRM, None, facts)
    total: dict[str, torch.Tensor] = {}
    for start, stop in ((0, 1), (1, 2), (2, 4), (4, 5)):
        with lm.edited(total):
            edit = editor.edit(facts[start:stop])
        for name, delta in edit.deltas().items():
            total[name] = total.get(name, 0) + delta
        if stop in (1, 5):
            with lm.edited(total):
                for line, fact in zip(lines(tmp_path)[:stop][:4], facts, strict=False):
                    found = line["states"][str(stop)]["efficacy_magnitude"]
                    now = evaluate(lm, fact, written_tokens=0).efficacy.magnitude
                    assert found == pytest.approx(now, abs=1e-6)
    assert sorted(lines(tmp_path)[0]["states"]) == ["1", "5", "base"]
    assert sorted(lines(tmp_path)[2]["states"]) == ["5", "base"]
    # States between are not kept.
    kept = sorted(f.name for f in (tmp_path / "states").iterdir())
    assert kept == ["0000001.safetensors", "0000005.safetensors"]


def test_methods_that_write_fact_by_fact_are_stacked_too(lm, cases, tmp_path):
    plan = replace(TUNE, counts=(3,), metrics=("scores",))
    evaluate_facts(lm, cases, tmp_path, plan, settings=TUNED)
    total: dict[str, torch.Tensor] = {}
    for case in cases[:3]:
        with lm.edited(total):
            deltas = fine_tune(lm, case.fact, TUNED).deltas()
        for name, delta in deltas.items():
            total[name] = total.get(name, 0) + delta
    assert len(lines(tmp_path)) == 3
    with lm.edited(total):
        for line, case in zip(lines(tmp_path), cases, strict=False):
            now = evaluate(lm, case.fact, written_tokens=0).efficacy.magnitude
            assert line["states"]["3"]["efficacy_magnitude"] == pytest.approx(now, abs=1e-6)


@pytest.mark.parametrize("method", ["alphaedit", "encore", "nas", "rome", "ft-l"])
def test_every_method_writes(lm, cases, tmp_path, method):
    plan = replace(MEMIT, method=method, counts=(3,), metrics=("zsre", "drift"), tokens=256)
    done = evaluate_facts(lm, cases, tmp_path, plan)
    assert done.points[-1].figures["drift_mean"].value > 0


class StoppedError(Exception):
    pass


def stopping(calls):
    """Progress that interrupts after so many calls."""
    left = [calls]

    def report(what, done, total):
        left[0] -= 1
        if left[0] < 0:
            raise StoppedError

    return report


@pytest.mark.parametrize(("plan", "first"), [(MEMIT, 10), (TUNE, 3)], ids=["memit", "ft"])
def test_an_interrupted_run_goes_on_to_the_same_files(lm, cases, tmp_path, plan, first):
    settings = FIRM if plan.method == "memit" else TUNED
    evaluate_facts(lm, cases, tmp_path / "whole", plan, settings=settings)
    times = 0
    while True:
        try:
            # Some steps further each time: while writing, while measuring, wherever it is.
            evaluate_facts(
                lm, cases, tmp_path / "torn", plan, settings=settings,
                progress=stopping(first * (1 + times)),
            )  # fmt: skip
            break
        except StoppedError:
            times += 1
            for name in ("evaluation.jsonl", "states.jsonl"):
                path = tmp_path / "torn" / name
                if path.exists():
                    with path.open("a") as stream:
                        stream.write('{"key": "fact 9", "torn')
    assert times >= 2
    assert files(tmp_path / "torn") == files(tmp_path / "whole")
    # Nothing is computed again.
    before = files(tmp_path / "whole")
    evaluate_facts(lm, cases, tmp_path / "whole", plan, settings=settings)
    assert files(tmp_path / "whole") == before


def test_the_order_in_which_processes_are_done_does_not_matter(lm, cases, tmp_path, monkeypatch):
    plan = Plan(metrics=("scores", "near", "drift"))
    evaluate_facts(lm, cases, tmp_path / "one", plan)
    seen = {}

    def backwards(items, setup, compute, *, workers=1, address=None, progress=None):
        seen.update(workers=workers, address=address)
        # As another process has it: by name.
        state = pickle.loads(pickle.dumps(setup))()
        assert state.lm is not lm
        for key in reversed(list(items)):
            yield key, compute(state, pickle.loads(pickle.dumps(items[key])))

    monkeypatch.setattr(running, "share", backwards)
    evaluate_facts(lm, cases, tmp_path / "many", plan, workers=3, address="auto")
    assert seen == {"workers": 3, "address": "auto"}
    assert files(tmp_path / "one") == files(tmp_path / "many")


def test_another_process_has_the_same_states(lm, cases):
    name = lm.down_projection(0).parameter_name
    values = {"1": {name: lm.model.get_parameter(name).detach() * 2}}
    plan = Plan(metrics=("scores", "near"))
    states = States(lm.name, lm.dtype, "cpu", values, plan, (), lm=lm)
    other = pickle.loads(pickle.dumps(states))
    assert states.lm is lm
    assert other.lm is None
    piece = running.Piece(("1",), cases[0])
    found = measure_piece(states(), piece)
    assert measure_piece(other(), piece) == found
    assert found["states"]["1"] != found["states"]["base"]


def test_a_folder_belongs_to_one_evaluation(lm, cases, tmp_path):
    plan = Plan(metrics=("scores",), seed=1)
    evaluate_facts(lm, cases, tmp_path, plan)
    there = files(tmp_path)
    with pytest.raises(WorkspaceError, match=r"another evaluation \(seed 1, not 2\)"):
        evaluate_facts(lm, cases, tmp_path, replace(plan, seed=2))
    with pytest.raises(WorkspaceError, match="facts 5, not 4; facts hash"):
        evaluate_facts(lm, cases[:4], tmp_path, plan)
    with pytest.raises(WorkspaceError, match="method null, not memit"):
        evaluate_facts(lm, cases, tmp_path, replace(plan, method="memit"), settings=FIRM)
    assert files(tmp_path) == there
    (tmp_path / "configuration.json").write_text("{")
    with pytest.raises(WorkspaceError, match="cannot read"):
        evaluate_facts(lm, cases, tmp_path, plan)
    (tmp_path / "configuration.json").unlink()
    with pytest.raises(WorkspaceError, match="results without"):
        evaluate_facts(lm, cases, tmp_path, plan)


def test_a_folder_without_results_may_be_taken(lm, cases, tmp_path):
    plan = replace(TUNE, counts=(2,), metrics=("zsre",))
    with pytest.raises(StoppedError):
        evaluate_facts(lm, cases, tmp_path, plan, settings=TUNED, progress=stopping(0))
    assert (tmp_path / "configuration.json").exists()
    done = evaluate_facts(lm, cases, tmp_path, replace(plan, seed=1), settings=TUNED)
    assert done.configuration["seed"] == 1


def test_a_fact_that_cannot_be_written_leaves_nothing(lm, cases, tmp_path, monkeypatch):
    def check(lm, fact):
        if fact.subject == "Anna":
            raise FactError("nothing is left of Anna")

    monkeypatch.setattr(running, "check_fact", check)
    with pytest.raises(FactError, match="Anna"):
        evaluate_facts(lm, cases, tmp_path / "out", MEMIT, settings=FIRM)
    assert not (tmp_path / "out").exists()
    evaluate_facts(
        lm, cases, tmp_path / "out", replace(TUNE, counts=(2,), metrics=("zsre",)), settings=TUNED
    )


def test_a_folder_in_use_is_refused(lm, cases, tmp_path):
    digest = running.sha256(str(tmp_path.absolute()).encode()).hexdigest()[:16]
    with (
        lock(f"evaluation-{digest}"),
        pytest.raises(WorkspaceError, match="another process evaluates"),
    ):
        evaluate_facts(lm, cases, tmp_path, Plan(metrics=("scores",)))
    assert list(tmp_path.glob("*.json*")) == []


def test_a_model_that_can_no_longer_be_edited_ends_the_curve(lm, cases, tmp_path, monkeypatch):
    real = writing.METHODS["ft"]

    def editor(lm, settings, moment):
        def edit(fact, progress):
            if fact.subject == "Thames":
                raise ModelError("the loss is not finite")
            return fine_tune(lm, fact, settings)

        return edit

    monkeypatch.setitem(writing.METHODS, "ft", real._replace(editor=editor))
    monkeypatch.setattr("unfrozen.workspace.evaluation.plan._KEPT", 2)
    plan = replace(TUNE, metrics=("scores", "drift"), counts=(1, 5))
    done = evaluate_facts(lm, cases, tmp_path, plan, settings=TUNED)
    # Kept every two facts; the fourth failed, so the state after two is the last there is.
    assert done.ended == "after 2 facts: the loss is not finite"
    assert [p.label for p in done.points] == ["base", "1", "2"]
    again = evaluate_facts(lm, cases, tmp_path, plan, settings=TUNED)
    assert again == done
    with pytest.raises(ModelError, match="not finite"):
        evaluate_facts(lm, cases[3:], tmp_path / "other", replace(plan, counts=(1,)))


def test_what_makes_no_sense_is_refused_before_anything_is_written(lm, cases, tmp_path):
    held = Workspace.init(tmp_path / "facts", lm.name, weights_hash(lm.model))
    out = tmp_path / "out"
    with pytest.raises(WorkspaceError, match="not both"):
        evaluate_facts(lm, cases, out, MEMIT, workspace=held)
    with pytest.raises(FactError, match="no facts"):
        evaluate_facts(lm, [], out)
    bare = replace(cases[0], fact=replace(cases[0].fact, target_new=None))
    with pytest.raises(FactError, match="no new target"):
        evaluate_facts(lm, [bare], out)
    with pytest.raises(FactError, match="5 facts, and 9 are to be written"):
        evaluate_facts(lm, cases, out, replace(MEMIT, counts=(9,)))
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"metrics": ("magic",)}, FactError, "no metric 'magic'"),
        ({"method": "magic"}, WorkspaceError, "no editing method 'magic'"),
        ({"counts": (1,)}, FactError, "belong to a method"),
        ({"batch": 0}, FactError, "1 at least"),
    ],
)
def test_plans_are_checked(change, error, said):
    with pytest.raises(error, match=said):
        Plan(**change)


def test_counts_stops_and_draws():
    from unfrozen.language.evaluation import Case
    from unfrozen.language.facts import Fact

    plan = Plan(method="memit", batch=100, measured=20)
    assert plan.measured_counts(1000) == (1, 10, 100, 1000)
    assert plan.measured_counts(250) == (1, 10, 100, 250)
    assert plan.stops(1000) == (1, 10, *range(100, 1001, 100))
    assert Plan(method="rome").stops(60) == (1, 10, 25, 50, 60)
    many = [Case(Fact(str(i), "{} is", "a", "b")) for i in range(300)]
    drawn = plan.draw(many)
    assert len(drawn) == 20
    # A fact that is asked of all is asked of those it is among, too.
    assert {i for i in drawn if i < 100} <= set(plan.draw(many[:100]))
    assert plan.draw(many[:7]) == list(range(7))
