"""Tracing, calibrating and the demo, on a tiny model in a folder and on the real one."""

import json
import shutil
from pathlib import Path

import pytest

from unfrozen.cli.main import main
from unfrozen.data.models import load_pretrained, weights_hash
from unfrozen.language.editing.batch.calibration import load_batch_calibration
from unfrozen.language.editing.calibration import load_calibration
from unfrozen.language.model import LanguageModel
from unfrozen.language.tracing import Trace
from unfrozen.workspace import Workspace

PNG = b"\x89PNG"


@pytest.fixture(autouse=True)
def place(request, tmp_path, monkeypatch):
    """An empty folder to be in, and for tiny models a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    if "real" not in request.keywords:
        monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path.parent / f"{tmp_path.name}-cache"))


def test_a_trace_is_a_table_a_picture_and_a_record(tiny_folder, capfd):
    words = ["trace", "The Louvre is in", "--subject", "Louvre", "--samples", "2", "--window", "2"]
    words += ["--answer", "P", "--kinds", "state, severed-mlp", "--json", "t.json"]
    assert main([*words, "--model", str(tiny_folder), "--out", "new/t.png"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert "severed-mlp" in out
    assert Path("new/t.png").read_bytes().startswith(PNG)
    traced = Trace.from_json(json.loads(Path("t.json").read_text()))
    assert set(traced.effects) == {"state", "severed-mlp"}
    assert (traced.subject, traced.answer.strip(), traced.window) in {
        ("Louvre", "P", 2),
        ("Louvre", "", 2),  # an answer begins with the space before it
    }
    assert len(traced.corrupted_samples) == 2


def test_a_calibration_is_shown_and_kept_for_the_weights(tiny_folder, capfd, monkeypatch):
    monkeypatch.setattr("unfrozen.language.evaluation.known", lambda lm, facts: list(facts))
    facts = [
        {"subject": subject, "prompt": "{} is in", "target_true": place, "relation": "place"}
        for subject, place in (("Louvre", "A"), ("Orsay", "A"), ("Etna", "B"), ("Vesuvio", "B"))
    ]
    Path("f.jsonl").write_text("\n".join(map(json.dumps, facts)))
    words = ["calibrate", "--model", str(tiny_folder), "--facts", "f.jsonl", "--layers", "0,2"]
    assert main([*words, "--n", "2", "--tokens", "256", "--json", "c.json"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert "2 facts edited with each setting" in out
    found = json.loads(Path("c.json").read_text())
    assert {trial["layer"] for trial in found["trials"]} == {0, 2}
    kept = load_calibration(LanguageModel.from_pretrained(str(tiny_folder)))
    assert kept is not None
    assert (kept.layer, kept.confidence) == (found["layer"], found["confidence"])


def test_batches_are_calibrated_and_edits_take_what_was_found(tiny_folder, capfd):
    facts = [
        {
            "subject": subject, "prompt": "{} is in", "target_true": "A", "target_new": "B",
            "paraphrases": [f"So {subject} is in"], "neighbours": ["Rome is in"],
        }
        for subject in ("Louvre", "Orsay", "Etna", "Vesuvio")
    ]  # fmt: skip
    Path("f.jsonl").write_text("\n".join(map(json.dumps, facts)))
    words = ["calibrate", "--method", "nas", "--model", str(tiny_folder), "--facts", "f.jsonl"]
    words += ["--n", "3", "--tokens", "256", "--layers", "0-1,2", "--json", "c.json"]
    assert main(words) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert "3 facts in 3 batches by nas, with each setting" in out
    found = json.loads(Path("c.json").read_text())
    tried = {tuple(trial["layers"]) for trial in found["trials"]}
    assert (tried, found["method"]) == ({(0, 1), (2,)}, "nas")
    kept = load_batch_calibration(LanguageModel.from_pretrained(str(tiny_folder)), "nas")
    assert kept is not None
    assert (list(kept.layers), kept.strength) == (found["layers"], found["strength"])
    assert main(["init", "ws", "--model", str(tiny_folder)]) == 0
    capfd.readouterr()
    words = ["edit", "f.jsonl", "--method", "nas", "--tokens", "256", "--guard", "0", "-w", "ws"]
    assert main([*words, "--dry-run"]) == 0
    first, last = kept.layers[0], kept.layers[-1]
    out = " ".join(capfd.readouterr().out.split())
    assert f"to layers {first} to {last} of" in out
    assert "by nas (calibrated on 3 facts)." in out


def test_a_model_that_knows_nothing_cannot_be_calibrated(tiny_folder, capfd, monkeypatch):
    monkeypatch.setattr("unfrozen.language.evaluation.known", lambda lm, facts: [])
    Path("f.jsonl").write_text('{"subject": "Etna", "prompt": "{} is in", "target_true": "Italy"}')
    words = ["calibrate", "--model", str(tiny_folder), "--facts", "f.jsonl", "--layers", "0"]
    assert main(words) == 2
    err = capfd.readouterr().err
    assert err.startswith(f"error: {tiny_folder} knows none of the 1 facts")
    assert err.count("\n") == 1


def test_the_demo_ends_where_it_began_and_runs_again(tiny_folder, capfd, monkeypatch):
    monkeypatch.setattr("unfrozen.language.covariance.DEFAULT_TOKENS", 512)
    monkeypatch.setattr("unfrozen.workspace.editing.single.DEFAULT_TOKENS", 512)
    for _ in range(2):
        assert main(["demo", "--model", str(tiny_folder)]) == 0
        out, err = capfd.readouterr()
        assert err == ""
        assert "bit for bit" in out
        assert Path("demo/trace.png").read_bytes().startswith(PNG)
        workspace = Workspace.open("demo/workspace")
        assert [(e.name, e.state) for e in workspace.log()] == [
            ("eiffel-tower-rome", "reverted"),
            ("revert of eiffel-tower-rome", "active"),
        ]


def test_the_demo_replaces_no_workspace_but_its_own(tiny_folder, capfd):
    model = load_pretrained(str(tiny_folder)).model
    mine = Workspace.init("demo/workspace", "mine", weights_hash(model))
    assert main(["demo", "--model", str(tiny_folder)]) == 2
    assert "not of a demo" in capfd.readouterr().err
    # Nor one that came into the place of the demo's.
    (Path("demo") / ".unfrozen-demo").write_text("0" * 64)
    assert main(["demo", "--model", str(tiny_folder)]) == 2
    assert mine.log() == []
    shutil.rmtree("demo")


@pytest.mark.real
def test_the_demo_moves_the_tower_of_the_real_model(capfd):
    assert main(["demo", "--out", "tour"]) == 0
    out = capfd.readouterr().out
    assert "bit for bit" in out
    effect = Workspace.open("tour/workspace").show(1).effect
    assert effect["before"]["efficacy"]["accuracy"] == 0
    assert effect["before"]["neighbourhood"]["accuracy"] == 1
    assert effect["after"]["efficacy"]["accuracy"] == 1
    assert effect["after"]["paraphrase"]["score"] >= 2 / 3
    assert effect["after"]["neighbourhood"]["score"] == 1
    assert effect["after"]["names_new"] > effect["before"]["names_new"]
