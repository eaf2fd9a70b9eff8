"""``unfrozen tune`` as a user types it."""

import json
from pathlib import Path

import pytest
from tests.cli.typed import refused, run

from unfrozen.cli.main import main
from unfrozen.workspace import Workspace
from unfrozen.workspace.kinds import KINDS

WORDS = ["yes", "no"]


@pytest.fixture
def space(tmp_path, tiny_folder, monkeypatch, capfd):
    """A new workspace, whose folder we are in, and a file of examples beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["init", "space", "--model", str(tiny_folder)]) == 0
    rows = [{"prompt": f"{n}? ", "completion": WORDS[n % 2], "choices": WORDS} for n in range(20)]
    Path("data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.chdir("space")
    capfd.readouterr()
    return Workspace.open(Path.cwd())


TUNE = "tune ../data.jsonl --steps 3 --batch 4"


@pytest.mark.parametrize("more", ["", "--full --lr 1e-3 --noise rademacher", "--objective f1"])
def test_a_run_is_made_shown_and_reverted(more, space, capfd):
    out = run(f"{TUNE} {more} --json ../done.json", capfd)
    assert "on 16 examples; 4 are held out" in out
    assert "Entry 1: tuned-" in out
    done = json.loads(Path("../done.json").read_text())
    assert len(done["losses"]) == 3
    assert set(done["before"]) == set(done["after"]) == {"loss", "accuracy", "f1"}
    assert "16 examples to learn from" in run("log", capfd)
    shown = run("show 1", capfd)
    assert "zeroth-order-run" in shown
    assert "share of examples whose likeliest choice is right" in shown
    run("revert 1", capfd)
    assert not space.changes()


def test_a_run_of_adapters_is_exported_for_peft(space, capfd):
    run(f"{TUNE} --targets q_proj", capfd)
    run("export 1 ../adapter --lora", capfd)
    config = json.loads(Path("../adapter/adapter_config.json").read_text())
    assert all(name.endswith("q_proj") for name in config["target_modules"])
    run(f"{TUNE} --full --lr 1e-4 --name whole", capfd)
    assert "no LoRA" in refused("export whole ../other --lora", capfd)
    assert not Path("../other").exists()


def test_adapters_may_be_in_upper_blocks_alone(space, capfd):
    run(f"{TUNE} --from-block 1", capfd)
    (change,) = space.changes()
    names = KINDS[change.kind].shapes(change.payload)
    assert names
    assert not any(".0." in name for name in names)
    assert "has layers 0 to" in refused(f"{TUNE} --from-block 99", capfd)


def test_a_function_of_what_is_written_is_an_objective(space, capfd):
    Path("../judge.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n\n"
        "@dataclass\nclass Judge:\n    strict: bool = True\n\n\n"
        "def short(example, text):\n    return 1 / (1 + len(text.split()))\n\n\nnone = 3\n"
    )
    out = run(f"{TUNE} --objective ../judge.py:short --tokens 3", capfd)
    assert "of what the model writes" in out
    assert "score" in space.changes()[0].effect["after"]
    for wrong, told in (
        ("../none.py:short", "there is no file"),
        ("../judge.py:long", "has no function 'long'"),
        ("../judge.py:none", "has no function 'none'"),
    ):
        assert told in refused(f"{TUNE} --objective {wrong}", capfd)
    Path("../broken.py").write_text("1 / 0")
    assert "cannot be run: ZeroDivisionError" in refused(
        f"{TUNE} --objective ../broken.py:f", capfd
    )


def test_examples_of_another_file_can_be_held_out(space, capfd):
    assert "20 examples; 20 are" in run(f"{TUNE} --held-out ../data.jsonl --dry-run", capfd)
    assert not space.log()


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_done_is_said_in_a_line(space, capfd):
    assert "no tuning method 'adam'" in refused(f"{TUNE} --method adam", capfd)
    assert "noise is gaussian" in refused(f"{TUNE} --noise pink", capfd)
    assert "an objective is loss" in refused(f"{TUNE} --objective beauty", capfd)
    assert "scale is none, rms" in refused(f"{TUNE} --scale big", capfd)
    assert "no linear modules called x" in refused(f"{TUNE} --targets x", capfd)
    assert "cannot read the examples" in refused("tune ../none.jsonl", capfd)
    Path("../few.jsonl").write_text(json.dumps({"prompt": "a", "completion": "b"}))
    assert "too few to hold some out" in refused("tune ../few.jsonl", capfd)
    assert not space.log()
