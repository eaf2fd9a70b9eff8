"""Tuning in a workspace: kept as scalars, given back to the bit, taken out, gone on with."""

import json
from dataclasses import replace

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model

from unfrozen.data.models import weights_hash
from unfrozen.errors import DataError, ModelError, WorkspaceError
from unfrozen.language.model import LanguageModel
from unfrozen.language.tuning import Example, Task
from unfrozen.learning.zeroth_order.precision import DISTANCES
from unfrozen.workspace import Change, Workspace
from unfrozen.workspace.tuning.lora import Adapter, adapted
from unfrozen.workspace.tuning.measuring import measured
from unfrozen.workspace.tuning.tune import TuneSettings, tune

WORDS = ("yes", "no")
TRAIN = [Example(f"{c * 3} {n}? ", WORDS[n % 2], WORDS) for n in range(8) for c in "ab"]
TEST = [Example(f"{c * 2} {n}? ", WORDS[n % 2], WORDS) for n in range(5) for c in "cd"]
FULL = TuneSettings(steps=6, batch=4, lr=1e-3, eps=1e-3, adapter=None)
LORA = TuneSettings(steps=6, batch=4, lr=1e-2, eps=1e-2, adapter=Adapter(rank=2))
UPPER = replace(LORA, adapter=Adapter(rank=2, first=1))
BOTH = pytest.mark.parametrize("settings", [FULL, LORA, UPPER], ids=["full", "lora", "upper"])


@pytest.fixture
def lm(tiny_folder):
    return LanguageModel.from_pretrained(str(tiny_folder))


@pytest.fixture
def workspace(lm, tmp_path):
    return Workspace.init(tmp_path / "space", lm.name, weights_hash(lm.model))


def weights(lm):
    return {name: p.detach().clone() for name, p in lm.model.named_parameters()}


@BOTH
def test_a_run_is_a_small_change_that_is_given_back_and_taken_out(settings, lm, workspace):
    base = weights(lm)
    done = tune(workspace, lm, TRAIN, TEST, settings)
    assert done.entry is not None
    assert done.change.bytes < 8_000
    assert len(done.losses) == settings.steps
    tuned = weights(lm)
    assert any(not torch.equal(tuned[name], base[name]) for name in base)
    assert done.after == pytest.approx(_measured(lm), abs=1e-5)
    assert done.before != done.after
    # Another process has nothing but the folder and the base.
    other = LanguageModel.from_pretrained(lm.name)
    found = Workspace.open(workspace.path)
    found.apply(other.model)
    assert all(torch.equal(p, tuned[name]) for name, p in other.model.named_parameters())
    found.revert(done.change.name)
    found.apply(other.model)
    assert all(torch.equal(p, base[name]) for name, p in other.model.named_parameters())


def _measured(lm):
    task = Task(lm, TEST)
    every = range(len(TEST))
    return {
        "loss": float(task.loss(every)), "accuracy": task.accuracy(every), "f1": task.f1(every)
    }  # fmt: skip


def test_the_weights_of_a_whole_run_are_those_that_it_ended_in(lm, workspace, monkeypatch):
    ended = {}
    from unfrozen.workspace.tuning import tune as module

    run = module._run

    def watched(task, parameters, *rest):
        found = run(task, parameters, *rest)
        ended.update({name: p.clone() for name, p in parameters.items()})
        return found

    monkeypatch.setattr(module, "_run", watched)
    tune(workspace, lm, TRAIN, TEST, FULL)
    assert all(torch.equal(p, ended[name]) for name, p in lm.model.named_parameters())


@BOTH
def test_an_interrupted_run_goes_on_as_if_nothing_had_been(settings, lm, workspace, tmp_path):
    asked = iter([False, False, True])
    with pytest.raises(KeyboardInterrupt):
        tune(workspace, lm, TRAIN, TEST, settings, interrupted=lambda: next(asked))
    assert not workspace.log()
    assert len(list((workspace.path / "unfinished").iterdir())) == 1
    base = LanguageModel.from_pretrained(lm.name)
    assert all(torch.equal(p, weights(base)[n]) for n, p in lm.model.named_parameters())
    done = tune(workspace, lm, TRAIN, TEST, settings)
    assert not list((workspace.path / "unfinished").iterdir())
    beside = Workspace.init(tmp_path / "beside", lm.name, workspace.base_hash)
    whole = tune(beside, LanguageModel.from_pretrained(lm.name), TRAIN, TEST, settings)
    assert whole.losses == done.losses
    record = {name: t.tolist() for name, t in done.change.tensors().items()}
    assert record == {name: t.tolist() for name, t in whole.change.tensors().items()}


def test_runs_and_edits_stand_on_one_another(lm, workspace):
    first = tune(workspace, lm, TRAIN, TEST, FULL)
    second = tune(workspace, lm, TRAIN, TEST, LORA)
    assert [e.name for e in workspace.log()] == ["tuned-loss", "tuned-loss-2"]
    assert second.before == pytest.approx(first.after, abs=1e-6)
    together = weights(lm)
    workspace.revert("tuned-loss")
    workspace.restore("tuned-loss")
    workspace.apply(lm.model)
    assert all(torch.equal(p, together[name]) for name, p in lm.model.named_parameters())


def test_a_change_goes_through_a_file(lm, workspace, tmp_path):
    done = tune(workspace, lm, TRAIN, TEST, LORA)
    tuned = weights(lm)
    file = workspace.export(done.change.name, tmp_path / "run.unfrozen")
    other = Workspace.init(tmp_path / "other", lm.name, workspace.base_hash)
    other.import_(file)
    other.apply(lm.model)
    assert all(torch.equal(p, tuned[name]) for name, p in lm.model.named_parameters())
    assert other.change(1) == done.change
    assert "zeroth-order-run tuned-loss" in done.change.describe()


def test_adapters_compute_what_those_of_peft_do(lm):
    """An adapter's output beside PEFT's own, and its weight folded in."""
    tokens = torch.randint(0, 50, (2, 9), generator=torch.Generator().manual_seed(0))
    adapter = Adapter(targets=("q_proj", "down_proj"), rank=3, alpha=5.0)
    with adapted(lm.model, adapter) as parameters:
        generator = torch.Generator().manual_seed(1)
        for name, p in parameters.items():
            if name.endswith(".B"):
                p.copy_(torch.randn(p.shape, generator=generator))
        own = lm.model(tokens).logits
        held = {name: p.clone() for name, p in parameters.items()}
    assert not torch.allclose(lm.model(tokens).logits, own, atol=1e-3)
    config = LoraConfig(r=3, lora_alpha=5, target_modules=["q_proj", "down_proj"])
    theirs = inject_adapter_in_model(config, LanguageModel.from_pretrained(lm.name).model)
    found = dict(theirs.named_parameters())
    with torch.no_grad():
        for name, p in held.items():
            module = name.removesuffix(".A").removesuffix(".B").removesuffix(".weight")
            found[f"{module}.lora_{name[-1]}.default.weight"].copy_(p)
        torch.testing.assert_close(theirs.eval()(tokens).logits, own, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("objective", ["accuracy", "f1"])
def test_what_has_no_gradient_can_be_tuned(objective, lm, workspace):
    settings = TuneSettings(steps=3, batch=8, lr=0.1, eps=0.3, objective=objective)
    done = tune(workspace, lm, TRAIN, TEST, settings)
    assert all(-1 <= loss <= 0 for loss in done.losses)
    assert done.change.settings["objective"] == objective


@pytest.mark.parametrize("batch", [1, 3, 32])
def test_what_is_measured_does_not_depend_on_how_many_are_read_at_once(batch, lm):
    long = [Example(f"{n}? ", "a" * (1 + 7 * (n == 9))) for n in range(10)]
    for examples in (long, TEST):
        task = Task(lm, examples)
        found = measured(task, batch=batch)
        assert found["loss"] == pytest.approx(float(task.loss(range(len(task)))), rel=1e-4)


def test_a_run_that_would_be_rounded_otherwise_is_refused(tiny_folder, tmp_path):
    half = LanguageModel.from_pretrained(str(tiny_folder), dtype=torch.bfloat16)
    space = Workspace.init(tmp_path / "half", half.name, weights_hash(half.model))
    with pytest.raises(WorkspaceError, match="float32"):
        tune(space, half, TRAIN, TEST, FULL)


def test_nothing_is_committed_by_a_dry_run(lm, workspace):
    base = weights(lm)
    done = tune(workspace, lm, TRAIN, TEST, LORA, dry_run=True)
    assert done.entry is None
    assert not workspace.log()
    assert all(torch.equal(p, base[name]) for name, p in lm.model.named_parameters())


def test_what_cannot_be_tuned_is_refused_and_leaves_nothing(lm, workspace):
    for settings, told in (
        ({"batch": 99}, "more than all 16"),
        ({"batch": 4, "adapter": Adapter(targets=("none",))}, "no linear modules called none"),
    ):
        with pytest.raises((WorkspaceError, ModelError), match=told):
            tune(workspace, lm, TRAIN, TEST, TuneSettings(steps=2, **settings))
    with pytest.raises(DataError, match="as many choices"):
        tune(workspace, lm, TRAIN, [], LORA)
    with pytest.raises(WorkspaceError, match="at least one step"):
        TuneSettings(steps=0)
    with pytest.raises(ModelError, match="rank"):
        Adapter(rank=0)
    tune(workspace, lm, TRAIN, TEST, LORA, name="mine")
    with pytest.raises(WorkspaceError, match="called 'mine' already"):
        tune(workspace, lm, TRAIN, TEST, LORA, name="mine")
    assert len(workspace.log()) == 1


def test_a_run_that_is_damaged_is_refused(lm, workspace):
    payload = tune(workspace, lm, TRAIN, TEST, LORA, dry_run=True).change.payload
    bad = [
        {"record": torch.zeros(9, dtype=torch.uint8)},
        {**payload, "adapter": torch.tensor(list(b"{}"), dtype=torch.uint8)},
        {**payload, "other": payload["record"]},
        {},
    ]
    for one in bad:
        with pytest.raises(WorkspaceError, match="a run"):
            Change("zeroth-order-run", "bad", workspace.base_hash, one)


def test_effects_are_json(lm, workspace):
    done = tune(workspace, lm, TRAIN, TEST, LORA)
    told = json.loads(json.dumps(dict(done.change.effect)))
    assert told["held out"] == len(TEST)
    assert set(told["before"]) == {"loss", "accuracy", "f1"}


def _vowels(example, text):
    return sum(c in "aeiou" for c in text) / max(1, len(text))


def test_a_score_of_what_is_written_is_an_objective(lm, workspace):
    settings = replace(LORA, objective="score", tokens=4, steps=3)
    done = tune(workspace, lm, TRAIN, TEST, settings, score=_vowels)
    texts = lm.generate([e.prompt for e in TEST], 4)
    expected = sum(_vowels(e, t) for e, t in zip(TEST, texts, strict=True)) / len(TEST)
    assert done.after["score"] == pytest.approx(expected)
    assert all(-1 <= loss <= 0 for loss in done.losses)
    for wrong in ({"settings": settings}, {"settings": LORA, "score": _vowels}):
        with pytest.raises(WorkspaceError, match="give a score"):
            tune(workspace, lm, TRAIN, TEST, **wrong)
    with pytest.raises(WorkspaceError, match="give a finite number"):
        tune(workspace, lm, TRAIN, TEST, settings, score=lambda *_: float("nan"))


@pytest.mark.parametrize("base", [LORA, UPPER], ids=["lora", "upper"])
def test_a_distance_is_measured_and_leaves_no_trace(base, lm, workspace):
    settings = replace(base, eps=None, bfloat16=True)
    done = tune(workspace, lm, TRAIN, TEST, settings, dry_run=True)
    chosen = done.change.settings["eps"]
    assert chosen in DISTANCES
    # In bfloat16 the smallest distances are drowned.
    assert chosen > min(DISTANCES)
    given = tune(workspace, lm, TRAIN, TEST, replace(settings, eps=chosen), dry_run=True)
    assert torch.equal(given.change.payload["record"], done.change.payload["record"])
    with pytest.raises(WorkspaceError, match="f1 has no slope"):
        replace(settings, objective="f1")


@pytest.mark.parametrize("base", [LORA, FULL], ids=["lora", "full"])
def test_a_run_with_a_measured_distance_is_gone_on_with(base, lm, workspace):
    settings = replace(base, eps=None)
    whole = tune(workspace, lm, TRAIN, TEST, settings, dry_run=True)
    stops = iter([False, True])
    with pytest.raises(KeyboardInterrupt):
        tune(workspace, lm, TRAIN, TEST, settings, interrupted=lambda: next(stops))
    again = tune(workspace, lm, TRAIN, TEST, settings, dry_run=True)
    assert torch.equal(again.change.payload["record"], whole.change.payload["record"])
    assert again.losses == whole.losses


RAGGED = [
    Example("ab" * (1 + n % 7) + f"{n}? ", WORDS[n % 2], WORDS) for n in range(24)
]  # fmt: skip


def test_a_run_of_upper_blocks_goes_on_exactly_whatever_was_read_before(lm, workspace):
    settings = replace(UPPER, steps=8, batch=6, bfloat16=True)
    whole = tune(workspace, lm, RAGGED, TEST, settings, dry_run=True)
    stops = iter([False] * 3 + [True])
    with pytest.raises(KeyboardInterrupt):
        tune(workspace, lm, RAGGED, TEST, settings, interrupted=lambda: next(stops))
    again = tune(workspace, lm, RAGGED, TEST, settings, dry_run=True)
    assert again.losses == whole.losses
    assert torch.equal(again.change.payload["record"], whole.change.payload["record"])


def test_another_score_does_not_go_on_with_a_run(lm, workspace):
    settings = replace(LORA, objective="score", tokens=3, steps=4)
    stops = iter([False, True])
    with pytest.raises(KeyboardInterrupt):
        tune(workspace, lm, TRAIN, TEST, settings, score=lambda *_: 0.0,
             interrupted=lambda: next(stops))  # fmt: skip
    done = tune(workspace, lm, TRAIN, TEST, settings, score=_vowels)
    # The other one's losses were nothing but zero.
    fresh = tune(workspace, lm, TRAIN, TEST, settings, score=_vowels, name="again", dry_run=True)
    assert len(done.losses) == len(fresh.losses) == 4
    assert "_vowels" in done.change.request["score"]


def test_a_score_that_raises_says_of_what(lm, workspace):
    settings = replace(LORA, objective="score")
    for score in (lambda *_: None, lambda *_: 1 / 0):
        with pytest.raises(
            WorkspaceError, match=r"the score of .* raised (Type|ZeroDivision)Error"
        ):
            tune(workspace, lm, TRAIN, TEST, settings, score=score)


def test_adapters_that_cannot_be_made_leave_no_hooks(lm, monkeypatch):
    begin, made = Adapter.begin, []

    def failing(self, *arguments):
        made.append(1)
        if len(made) == 3:
            raise RuntimeError("out of memory")
        return begin(self, *arguments)

    monkeypatch.setattr(Adapter, "begin", failing)
    with pytest.raises(RuntimeError, match="out of memory"), adapted(lm.model, Adapter()):
        pass
    assert not any(module._forward_hooks for module in lm.model.modules())
