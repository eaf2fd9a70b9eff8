"""MeZO's claims from end to end on a tiny model, and what is compared with what."""

import pytest
import torch

from unfrozen.errors import PaperError
from unfrozen.language.model import LanguageModel
from unfrozen.papers import mezo
from unfrozen.papers.mezo import timing, tuning
from unfrozen.papers.mezo.tuning import Sizes, Way, by_backprop, by_mezo, measured, reviews
from unfrozen.papers.running import runner
from unfrozen.workspace.tuning.lora import Adapter

SIZES = Sizes(80, 40, 8, 6, 4)
ADAPTER = Adapter(rank=2, first=1)


@pytest.fixture
def found(tiny_folder):
    lm = LanguageModel.from_pretrained(str(tiny_folder))
    lm.model.requires_grad_(False)
    return reviews(lm, SIZES, ADAPTER.first, seed=3)


def test_every_claim_is_measured(monkeypatch, tmp_path, tiny_folder):
    monkeypatch.setattr(mezo, "measure", timing.measure_here)
    monkeypatch.setitem(mezo._BUDGETS, "quick", mezo._Budget(SIZES, 1, 2, 1))
    run = runner.run("mezo", "quick", model=str(tiny_folder), out=tmp_path)
    claims = {claim.id: claim for claim in run.record.claims}
    assert set(claims) == {
        "mezo.memory-share", "mezo.step-ratio", "mezo.accuracy", "mezo.replay-bytes",
    }  # fmt: skip
    assert claims["mezo.step-ratio"].value > 0
    assert 0 <= claims["mezo.accuracy"].value <= 1
    assert "all to the bit" in claims["mezo.replay-bytes"].note
    cost, tuned = run.outcome.tables
    assert [row[0] for row in cost.rows] == list(timing.WAYS)
    rows = {row[0]: row for row in tuned.rows}
    assert set(rows) == {"zero-shot", "probe", "backpropagation", *mezo._WAYS}
    # All ways read as many sentences.
    ways = [name for name, way in mezo._WAYS.items()]
    assert len({rows[name][5] for name in ways if mezo._WAYS[name].passes == 2}) == 1
    assert [rows[name][-1] for name in ways] == [2, 1, 1, 1]


def test_what_is_tuned_is_measured_on_other_films(found):
    *_, last = by_backprop(found, ADAPTER, 1e-2, 20, seed=0)
    before = measured(found.asked)
    assert last["loss"] != pytest.approx(before["loss"], abs=1e-4)
    # The adapters are gone.
    assert measured(found.asked) == before
    assert not {e.prompt for e in found.learnt.examples} & {e.prompt for e in found.asked.examples}


def test_measuring_is_that_of_the_task_whatever_the_order(found):
    every = range(len(found.asked))
    expected = measured(found.asked)
    assert expected["accuracy"] == pytest.approx(found.asked.accuracy(every))
    assert expected["f1"] == pytest.approx(found.asked.f1(every))
    assert expected["loss"] == pytest.approx(float(found.asked.loss(every)), rel=1e-2)


@pytest.mark.parametrize("objective", ["loss", "accuracy", "f1"])
def test_a_run_is_replayed_from_its_bytes(found, objective):
    way = Way(1e-2, {"eps": 1e-2, "scale": "rms"}, objective, batch=8)
    *_, last = by_mezo(found, ADAPTER, way, 5, seed=1)
    assert last["replayed"]
    assert last["passes"] == 10
    assert len(last["losses"]) == 5
    if objective != "loss":
        assert all(-1 <= loss <= 0 for loss in last["losses"])


def test_a_probe_finds_what_a_state_tells(found, monkeypatch):
    states = torch.linspace(-1, 1, len(found.learnt) + len(found.asked))
    answers = iter([*found.learnt.answers, *found.asked.answers])

    class Run:
        def __init__(self):
            sign = 1 - 2 * float(next(answers))
            self.kept = {"state": [torch.full((1, 1, 4), sign) * (2 + states[0])]}

    monkeypatch.setattr(type(found.learnt.lm), "run", lambda *_, **__: Run())
    assert tuning.by_probe(found)["accuracy"] == 1.0


def test_a_timing_is_of_a_process_of_its_own(tiny_folder):
    found = timing.measure("mezo", 2, str(tiny_folder))
    assert len(found["seconds"]) == 2
    lm = LanguageModel.from_pretrained(str(tiny_folder))
    assert found["weights"] == sum(4 * p.numel() for p in lm.model.parameters())


def test_a_timing_that_fails_says_why():
    with pytest.raises(PaperError, match="timing of mezo failed"):
        timing.measure("mezo", 1, "no such model")
