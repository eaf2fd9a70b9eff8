"""MeZO's claims from end to end on a tiny model, and what is compared with what."""

import pytest
import torch

from unfrozen.data.reviews import film_reviews, split_by_film
from unfrozen.errors import PaperError
from unfrozen.language.model import LanguageModel
from unfrozen.papers import mezo
from unfrozen.papers.mezo import timing, tuning
from unfrozen.papers.mezo.tuning import Sizes, Way, by_backprop, by_mezo, reviews
from unfrozen.papers.running import runner
from unfrozen.workspace.tuning.lora import Adapter
from unfrozen.workspace.tuning.measuring import measured

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
    assert not any(claims[f"mezo.{name}"].holds for name in ("accuracy", "step-ratio"))
    assert "replayed, all to the bit" in claims["mezo.replay-bytes"].note
    cost, tuned = run.outcome.tables
    assert [row[0] for row in cost.rows] == list(timing.WAYS)
    rows = {row[0]: row for row in tuned.rows}
    assert set(rows) == {"zero-shot", "probe", "backpropagation", *mezo._WAYS}
    # All ways read as many sentences, as nearly as whole steps allow.
    ways = list(mezo._WAYS)
    for name in ways:
        step = mezo._WAYS[name].passes * mezo._WAYS[name].batch
        wanted = 2 * 16 * SIZES.steps
        assert rows[name][5] * mezo._WAYS[name].batch in range(min(step, wanted - step), wanted + 1)
    assert [rows[name][-1] for name in ways] == [2, *[1] * (len(ways) - 1)]


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
    def told(task, which):
        return (1 - 2 * task.answers[list(which)].float())[:, None].expand(-1, 4)

    monkeypatch.setattr(tuning, "_last_states", told)
    assert tuning.by_probe(found)["accuracy"] == 1.0


def test_a_probe_reads_what_the_last_block_leaves_at_the_last_token(found):
    task, lm = found.asked, found.asked.lm
    task.bfloat16 = False
    for i, state in enumerate(tuning._last_states(task, range(5))):
        ids = torch.tensor([task.prompts[i]])
        run = lm.run(ids, keep=("state",), keep_layers=(lm.n_layers - 1,))
        expected = run.kept["state"][-1][0, -1]
        torch.testing.assert_close(state, expected, atol=1e-4, rtol=1e-4)


def test_a_timing_is_of_a_process_of_its_own(tiny_folder):
    found = timing.measure("mezo", 2, str(tiny_folder))
    assert len(found["seconds"]) == 2
    lm = LanguageModel.from_pretrained(str(tiny_folder))
    assert found["weights"] == sum(4 * p.numel() for p in lm.model.parameters())


def test_a_timing_that_fails_says_why():
    with pytest.raises(PaperError, match="timing of mezo failed"):
        timing.measure("mezo", 1, "no such model")


def _steps(**seconds):
    base = {"inference": 1.0, "mezo": 2.5, "reference": 5.0, "sgd": 4.0, "adam": 4.5}
    return {
        way: {"seconds": [s], "noise": 0.1 if way == "mezo" else 0.0, "above": 10, "weights": 1000}
        for way, s in (base | seconds).items()
    }


@pytest.mark.parametrize(
    ("seconds", "ratio", "holds"),
    [
        ({}, 1.1, True),
        ({"mezo": 4.7, "sgd": 5.0}, 2.2, True),
        ({"mezo": 4.7, "sgd": 4.6}, 2.2, False),  # slower than backpropagation
        ({"mezo": 5.1, "sgd": 6.0}, 2.4, False),
    ],
)
def test_what_a_step_may_cost(seconds, ratio, holds):
    memory, claim = mezo._cost_claims(_steps(**seconds), full=True)
    assert claim.value == pytest.approx(ratio)
    assert claim.holds == holds
    assert memory.holds
    assert memory.value == pytest.approx(0.01)


def test_memory_that_was_not_measured_bears_nothing_out():
    steps = _steps()
    steps["mezo"]["above"] = None
    memory, _ = mezo._cost_claims(steps, full=True)
    assert not memory.holds
    assert memory.value is None


def test_films_that_settings_were_chosen_on_are_not_asked(found):
    every = film_reviews()
    known = tuple(r for r in every if len(r.text.split()) <= 20)
    chosen_by = {r.text for part in split_by_film(known, (1000, 300), 0) for r in part}
    texts = {e.prompt.removesuffix(" It was") for e in found.asked.examples}
    assert not texts & chosen_by
