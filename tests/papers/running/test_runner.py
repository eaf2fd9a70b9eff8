import json
import random
from pathlib import Path

import pytest
from filelock import FileLock

from unfrozen.errors import PaperError
from unfrozen.papers.claim import RunRecord
from unfrozen.papers.running import runner


def test_a_run_reports_every_claim_declared_in_their_order(toy, tmp_path):
    run = runner.run("dice", "quick", 3, out=tmp_path / "reports")
    mean, loaded, broken, skipped = run.record.claims
    throws = [random.Random(f"3-{i}").randint(1, 6) for i in range(40)]
    assert mean.value == sum(throws) / 40
    assert mean.paper_value == 3.5
    assert (loaded.value, loaded.holds) == (False, False)
    assert (broken.value, broken.holds) == (None, False)
    assert "ZeroDivisionError" in broken.note
    assert (skipped.holds, skipped.note) == (False, "was not measured in this run")


def test_the_record_says_what_it_cost_and_ran_on(toy, tmp_path):
    run = runner.run("dice", "quick", 3, out=tmp_path / "reports")
    data = json.loads(run.json.read_text())
    assert data == run.record.to_json()
    assert RunRecord.from_json(data) == run.record == runner.read_record(run.json)
    assert data["flops"] == 40 * 2 * 10**3
    assert data["seconds"] > 0
    assert data["peak_memory_bytes"] > 10_000_000
    assert (data["seeds"], data["commit"], data["budget"]) == ([3], "c0ffee-dirty", "quick")
    assert {"torch", "unfrozen"} <= set(data["versions"])


def test_an_interrupted_run_is_resumed_by_the_same_call(toy, tmp_path):
    out = tmp_path / "reports"
    toy.interrupt_at = 17
    with pytest.raises(KeyboardInterrupt):
        runner.run("dice", "quick", 0, out=out)
    assert not list(out.glob("*.json"))
    toy.interrupt_at = None
    resumed = runner.run("dice", "quick", 0, out=out)
    assert toy.computed == [*range(40)]
    whole = runner.run("dice", "quick", 0, out=tmp_path / "other")
    assert resumed.record.claims == whole.record.claims
    assert resumed.record.flops == whole.record.flops


def test_fresh_forgets_and_another_seed_shares_nothing(toy, tmp_path):
    out = tmp_path / "reports"
    runner.run("dice", "quick", 0, out=out)
    runner.run("dice", "quick", 0, out=out)
    assert len(toy.computed) == 40
    runner.run("dice", "quick", 1, out=out)
    assert len(toy.computed) == 80
    runner.run("dice", "quick", 0, out=out, fresh=True)
    assert len(toy.computed) == 120


def test_only_a_full_run_with_the_defaults_goes_to_the_results_of_the_checkout(toy, tmp_path):
    out = tmp_path / "reports"
    facts = tmp_path / "facts.jsonl"
    facts.write_text("{}")
    assert runner.run("dice", "quick", out=out).json == out / "dice-quick.json"
    assert runner.run("dice", out=out, facts=facts).json == out / "dice.json"
    assert runner.run("dice", out=out, model="other").json == out / "dice.json"
    assert runner.kept_records() == {}
    full = runner.run("dice", out=out)
    assert full.json == tmp_path / "results" / "dice.json"
    assert runner.kept_records() == {"dice": full.record}


def test_without_a_checkout_the_record_stays_with_the_report(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(runner.measure, "checkout", lambda: None)
    run = runner.run("dice", out=tmp_path / "reports")
    assert run.json == tmp_path / "reports" / "dice.json"
    assert runner.kept_records() == {}


def test_the_report_links_to_the_record_and_says_how_to_run_it_again(toy, tmp_path):
    out = tmp_path / "reports"
    page = runner.run("dice", "quick", 5, out=out, model="a b").report.read_text()
    assert f"unfrozen reproduce dice --quick --seed 5 --model &#x27;a b&#x27; --out {out}" in page
    full = runner.run("dice", out=out).report
    assert 'href="../results/dice.json"' in full.read_text()
    assert (full.parent / "../results/dice.json").is_file()


def test_names_are_found_by_alias_and_unknown_ones_list_the_known(toy):
    assert runner.load("die") is runner.load("DICE") is toy
    with pytest.raises(PaperError, match="there is no paper 'rom': choose from dice"):
        runner.load("rom")


def test_facts_that_are_not_there_are_said_before_anything_is_done(toy, tmp_path):
    with pytest.raises(PaperError, match="no facts at"):
        runner.run("dice", facts=tmp_path / "missing", out=tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


def test_two_runs_in_one_folder_do_not_mix(toy, tmp_path):
    runner.run("dice", "quick", out=tmp_path)
    with (
        FileLock(tmp_path / "work" / "dice.lock"),
        pytest.raises(PaperError, match="another run of dice"),
    ):
        runner.run("dice", "quick", out=tmp_path)
    assert runner.run("dice", "quick", out=tmp_path).record.paper == "dice"


def test_a_claim_that_was_not_declared_is_a_mistake_that_is_said(toy, tmp_path):
    toy.claims = toy.claims[1:]
    with pytest.raises(PaperError, match=r"undeclared: dice\.mean"):
        runner.run("dice", "quick", out=tmp_path)


def test_a_file_that_is_no_record_is_refused_by_name(tmp_path):
    path = tmp_path / "rome.json"
    for content in ("", "[]", "{}", '{"format": 1}'):
        path.write_text(content)
        with pytest.raises(PaperError, match=r"rome\.json"):
            runner.read_record(path)
    with pytest.raises(PaperError, match="missing"):
        runner.read_record(tmp_path / "missing.json")


def test_the_first_papers_are_registered_under_their_names():
    assert {"causal-tracing", "rome"} <= set(runner.REGISTRY)
    assert runner.resolve("tracing") == runner.resolve("Causal_Tracing") == "causal-tracing"
    assert all(name in runner.REGISTRY for name in runner.ALIASES.values())
    assert Path("reports") == runner.REPORTS
