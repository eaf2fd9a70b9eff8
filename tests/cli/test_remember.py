"""Memories of a workspace on the command line."""

import json
import shlex
from pathlib import Path

import pytest

from unfrozen.cli.main import main
from unfrozen.workspace import Workspace

FACTS = [
    {"subject": "Etna", "prompt": "Mount {} is in", "target_new": "Spain"},
    {"subject": "Nile", "prompt": "The {} is in", "target_new": "Peru"},
]


@pytest.fixture(autouse=True)
def here(tmp_path, tiny_folder, monkeypatch, capfd):
    """A new workspace, whose folder we are in, with a file of facts and a text."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["init", "w", "--model", str(tiny_folder)]) == 0
    monkeypatch.chdir("w")
    Path("facts.jsonl").write_text("\n".join(map(json.dumps, FACTS)))
    Path("note.txt").write_text("The tower is in Rome, and he is a man of Italy.")
    capfd.readouterr()


def run(line, capfd, code=0):
    capfd.readouterr()
    assert main(shlex.split(line)) == code
    return capfd.readouterr()


def refused(line, capfd):
    before = len(Workspace.open(".").log())
    (told,) = run(line, capfd, 2).err.splitlines()
    assert len(Workspace.open(".").log()) == before
    return told


def test_facts_are_remembered_asked_and_forgotten(capfd):
    said = run("remember facts.jsonl --json done.json", capfd)
    assert said.out.startswith("Entry 1: remember-2-facts, 2 facts, ")
    assert json.loads(Path("done.json").read_text())["entry"] == 1
    told = json.loads(run('ask "Mount Etna is in" --base --json - --tokens 0', capfd).out)
    assert "Spain".startswith(told["state"]["top"][0]["token"].strip())
    assert told["state"]["top"][0]["probability"] > 10 * told["base"]["top"][0]["probability"]
    assert told["base"]["top"] != told["state"]["top"]
    said = run("forget etna --json -", capfd)
    assert json.loads(said.out)["names"] == ["Mount Etna is in Spain"]
    after = json.loads(run('ask "Mount Etna is in" --json - --tokens 0', capfd).out)
    assert after["state"]["top"] == told["base"]["top"]
    assert "forgets Mount Etna is in Spain" in run("log", capfd).out
    run("revert 2", capfd)
    again = json.loads(run('ask "Mount Etna is in" --json - --tokens 0', capfd).out)
    assert again["state"]["top"] == told["state"]["top"]


def test_a_document_is_remembered_and_shown(capfd):
    said = run("remember --document note.txt --name note", capfd)
    assert "Entry 1: note, 1 document, " in said.out
    shown = run("show 1", capfd).out
    assert "document-memory" in shown
    assert "note.txt, " in shown
    assert "tokens" in shown
    assert "stays in the workspace" in run("materialize ../plain", capfd).out
    assert "forgotten: note.txt" in run("forget note.txt", capfd).out


def test_what_is_no_memory_is_refused(capfd):
    assert "give PROMPT, --subject and --to" in refused("remember", capfd)
    assert "give no fact beside it" in refused("remember x --document note.txt", capfd)
    assert "none.txt cannot be read" in refused("remember --document none.txt", capfd)
    Path("bad.txt").write_bytes(b"\xff\xfe\x00")
    assert "is no text in UTF-8" in refused("remember --document bad.txt", capfd)
    assert "nothing is remembered here" in refused("forget Etna", capfd)
    run('remember "Mount {} is in" --subject Etna --to Spain', capfd)
    told = refused('remember "Mount {} is in" --subject Etna --to Peru', capfd)
    assert "becomes Spain already by entry 1/1" in told
    assert "entry 1 remembers: `unfrozen forget 1/1`" in refused("revert 1/1", capfd)
    run('remember "Mount {} is in" --subject Etna --to Peru --replace', capfd)
    assert [e.kind for e in Workspace.open(".").log()] == [
        "fact-memory", "forgetting", "fact-memory",
    ]  # fmt: skip
