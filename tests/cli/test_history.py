"""Batches, and version control over them, on the command line."""

import json
import shlex
from pathlib import Path

import psutil
import pytest
from tests.cli.typed import refused, run

from unfrozen.cli.main import main
from unfrozen.language.scale import clusters
from unfrozen.workspace import Workspace
from unfrozen.workspace.editing import guard

FACTS = [
    {"subject": "Etna", "prompt": "Mount {} is in", "target_true": "Italy", "target_new": "Spain"},
    {"subject": "Nile", "prompt": "The {} is in", "target_true": "Egypt", "target_new": "Peru"},
    {"subject": "Anna", "prompt": "{} is a", "target_true": "baker", "target_new": "doctor"},
]


@pytest.fixture
def facts(tmp_path, tiny_folder, monkeypatch, capfd):
    """A new workspace, whose folder we are in, and a file of facts beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(guard, "element_prose", lambda: ("Lead is soft.",) * 6)
    assert main(["init", "facts", "--model", str(tiny_folder)]) == 0
    Path("facts.jsonl").write_text("\n".join(map(json.dumps, FACTS)))
    monkeypatch.chdir("facts")
    capfd.readouterr()
    return Workspace.open(Path.cwd())


BATCH = "edit ../facts.jsonl --method memit --identity --guard 0"


def test_a_batch_is_edited_shown_and_one_fact_taken_out(facts, capfd):
    out = run(f"{BATCH} --layer 0 --layer 1 --json ../edit.json", capfd)
    assert "Writing 3 facts to layers 0 to 1" in out
    assert "Means over 3 of 3 facts" in out
    assert "one fact: unfrozen revert 1/1" in out
    record = json.loads(Path("../edit.json").read_text())
    assert record["facts"] == 3
    assert record["settings"]["layers"] == [0, 1]
    assert "3 facts: Etna: Italy → Spain; Nile" in run("log", capfd)
    shown = run("show 1", capfd)
    assert "efficacy magnitude" in shown
    assert "RegularisedSolver" in shown
    out = run("revert 1/Nile", capfd)
    assert "Taken out: The Nile is in Peru" in out
    assert "memit-3-facts without Nile" in out
    assert [e.state for e in facts.log()] == ["reverted", "active", "active"]
    run("show 3", capfd)
    assert "none is 'Oslo'" in refused("revert 3/Oslo", capfd)


def test_conflicts_are_told_and_replaced(facts, capfd):
    run(BATCH, capfd)
    told = refused(BATCH, capfd)
    assert "3 facts conflict" in told
    assert "--replace" in told
    out = run(f"{BATCH} --replace", capfd)
    assert "Taken out: 1/1, 1/2, 1/3" in out
    assert len(facts.changes()) == 1
    assert "replaces nothing" in refused("edit ../facts.jsonl --replace", capfd)


def test_a_guarded_batch_that_breaks_the_model_is_not_kept(facts, capfd):
    told = refused("edit ../facts.jsonl --method memit --identity --guard 0.0001", capfd)
    assert "rolled back and is not in the log" in told
    assert facts.log() == []


def test_edits_are_compacted_merged_and_exported(facts, capfd, tiny_folder):
    run(BATCH, capfd)
    out = run("compact --guard 0 --json ../compact.json", capfd)
    assert "compact-3-facts holds the facts of 1 entries" in out
    assert json.loads(Path("../compact.json").read_text())["facts"] == 3
    assert main(["init", "../other", "--model", str(tiny_folder)]) == 0
    out = run("merge ../facts --workspace ../other --json ../merge.json", capfd)
    assert "Entry 1: compact-3-facts" in out
    assert json.loads(Path("../merge.json").read_text())["conflicts"] == []
    assert "Nothing was added" in run("merge ../facts --workspace ../other", capfd)
    assert "adapter" in run("export 3 ../adapter --lora", capfd)
    config = json.loads(Path("../adapter/adapter_config.json").read_text())
    assert config["peft_type"] == "LORA"


def test_a_bisection_without_a_right_end_is_told(facts, capfd):
    run(BATCH, capfd)
    assert "no later entry broke it" in refused('bisect "The Nile is in" --answer Mars', capfd)


def test_a_batch_is_edited_by_two_workers_as_by_one_process(facts, capfd, monkeypatch):
    others = set(psutil.Process().children(recursive=True))
    # Every fact is a piece of work.
    monkeypatch.setattr("unfrozen.language.editing.batch.memit._PIECE", 1)
    start, started = clusters._start, []
    monkeypatch.setattr(clusters, "_start", lambda *a: started.append(a[1]) or start(*a))
    run(f"{BATCH} --dry-run --json ../one.json", capfd)
    assert main(shlex.split(f"{BATCH} --dry-run --json ../two.json --workers 2")) == 0
    assert capfd.readouterr().err == ""
    one, two = (json.loads(Path(f"../{name}.json").read_text()) for name in ("one", "two"))
    assert two["effect"]["each"] == one["effect"]["each"]
    # One cluster takes the second moments and searches the values.
    assert started == [2]
    run(BATCH, capfd)
    assert main(["compact", "--method", "nas", "--guard", "0", "--workers", "2"]) == 0
    assert started == [2, 2]
    assert capfd.readouterr().err == ""
    # Others that this process has started may go on.
    new = set(psutil.Process().children(recursive=True)) - others
    lines = [" ".join(one.cmdline()) for one in psutil.wait_procs(new, timeout=20)[1]]
    assert not [line for line in lines if "ray" in line]
    told = refused("edit ../facts.jsonl --workers 2", capfd)
    assert "rome writes fact by fact, in one process" in told
    assert "no Ray cluster can be joined at 127.0.0.1:1" in refused(
        f"{BATCH} --replace --address 127.0.0.1:1", capfd
    )
