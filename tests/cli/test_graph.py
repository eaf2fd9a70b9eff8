"""Graphs and differences on the command line, on a tiny model in a folder."""

import json
from pathlib import Path

import networkx as nx
import pytest
import torch
from tests.cli.typed import refused, run

from unfrozen.cli.main import main
from unfrozen.language.model import LanguageModel
from unfrozen.memory import LowRank
from unfrozen.workspace import Change, Workspace

PNG = b"\x89PNG"
PLACES = ("Spain", "Italy", "France", "Peru")
FACTS = [
    {"subject": "Etna", "prompt": "Mount {} is in", "target_true": "Italy", "target_new": "Spain",
     "relation": "place"},
    {"subject": "Nile", "prompt": "The {} is in", "target_true": "Egypt", "target_new": "Peru",
     "relation": "place"},
    {"subject": "Anna", "prompt": "{} is a", "target_true": "baker", "target_new": "doctor"},
]  # fmt: skip


@pytest.fixture
def place(tmp_path, tiny_folder, monkeypatch, capfd):
    """A new workspace, whose folder we are in, and files of facts beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["init", "facts", "--model", str(tiny_folder)]) == 0
    Path("facts.jsonl").write_text("\n".join(map(json.dumps, FACTS)))
    rivers = [
        {"subject": f"River {i} {'abcdefgh'[i % 8] * 3}o{i}", "prompt": "The {} flows through",
         "target_true": PLACES[i % 4], "relation": "river"}
        for i in range(60)
    ]  # fmt: skip
    Path("rivers.jsonl").write_text("\n".join(map(json.dumps, rivers)))
    monkeypatch.chdir("facts")
    capfd.readouterr()
    return Workspace.open(Path.cwd())


@pytest.mark.usefixtures("place")
def test_a_graph_is_a_table_a_file_and_a_picture(capfd):
    line = "graph --facts ../rivers.jsonl --out ../new/g.graphml --reliability ../r.png"
    out = run(f"{line} --json ../g.json", capfd)
    assert "with 0 changes" in out
    assert "Calibration error" in out
    assert "made-up ones show as extrapolated" in " ".join(out.split())
    drawn = nx.read_graphml("../new/g.graphml", force_multigraph=True)
    assert drawn.number_of_edges() == 60
    told = json.loads(Path("../g.json").read_text())
    edges = {(a["subject"], a["object"]): a for a in told["answers"]}
    assert {(a, b) for a, b in drawn.edges()} == set(edges)
    for a, b, data in drawn.edges(data=True):
        assert data["confidence"] == pytest.approx(edges[a, b]["confidence"])
        assert data["extrapolated"] == edges[a, b]["extrapolated"]
    assert told["calibrated"] is True
    assert told["reliability"]["n"] + 20 < 60
    assert Path("../r.png").read_bytes().startswith(PNG)
    run("graph --facts ../rivers.jsonl --out ../g.png --confidence 0.1", capfd)
    assert Path("../g.png").read_bytes().startswith(PNG)
    run("graph --facts ../rivers.jsonl --out ../g2.json", capfd)
    again = json.loads(Path("../g2.json").read_text())
    assert again["answers"] == told["answers"]


@pytest.mark.usefixtures("place")
def test_one_question_is_answered_as_an_edge(capfd, tiny_folder):
    line = 'graph --facts ../rivers.jsonl --question "Florbistan" river --json ../q.json'
    out = run(line, capfd)
    assert "The Florbistan flows through …" in out
    told = json.loads(Path("../q.json").read_text())
    one = told["question"]
    assert one["truth"] is None
    assert f"{one['object']}: right with probability {one['confidence']:.2f}" in out
    assert ("; extrapolated" in out) == one["extrapolated"]
    assert ("; not extrapolated" in out) != one["extrapolated"]
    assert len(told["answers"]) == 61
    # One that is asked anyway is not asked twice; and a model needs no workspace.
    line = f'graph {tiny_folder} --facts ../facts.jsonl --question "etna" place --json -'
    told = json.loads(run(line, capfd))
    assert told["question"]["truth"] == "Italy"
    assert len(told["answers"]) == 3
    assert told["calibrated"] is False
    assert "nothing is asked about 'lake'" in refused(
        'graph --facts ../rivers.jsonl --question "Etna" lake', capfd
    )


@pytest.mark.usefixtures("place")
def test_what_cannot_be_written_or_asked_is_refused_first(capfd, tiny_folder):
    assert "of no known kind" in refused("graph --out g.txt", capfd)
    assert "of no known kind" in refused("graph --reliability r.json", capfd)
    assert "of no known kind" in refused("diff --out g", capfd)
    assert "no relation 'rivers'" in refused("graph -r rivers", capfd)
    assert "name the model once" in refused(f"graph {tiny_folder} --model {tiny_folder}", capfd)
    assert "no entry '7'" in refused("diff 7 --most 0", capfd)
    assert "nothing to ask" in refused("diff --most 0", capfd)


@pytest.fixture
def edited(place, tiny_folder):
    """The workspace with an entry that names facts and shakes a memory."""
    lm = LanguageModel.from_pretrained(str(tiny_folder))
    parameter = lm.down_projection(1).parameter_name
    rows, columns = lm.model.get_parameter(parameter).shape
    generator = torch.Generator().manual_seed(0)
    factors = LowRank(*(torch.randn(n, 1, generator=generator) for n in (rows, columns)))
    payload = {parameter: factors}
    place.commit(
        Change("low-rank-edit", "shaken", place.base_hash, payload, request={"facts": FACTS})
    )
    return place


@pytest.mark.usefixtures("edited")
def test_a_difference_shows_what_was_edited(capfd):
    out = run("diff --most 0 --shift 0 --json ../d.json --out ../d.graphml", capfd)
    told = json.loads(Path("../d.json").read_text())
    assert (told["asked"], told["meant"]) == (3, 3)
    assert "the base of" in out
    assert f"{len(told['intended'])} of 3 deliberate changes are there" in out
    moved = [*told["intended"], *told["collateral"]]
    assert {m["meant"] for m in moved} <= {"Spain", "Peru", "doctor"}
    drawn = nx.read_graphml("../d.graphml", force_multigraph=True)
    assert {d["when"] for *_, d in drawn.edges(data=True)} <= {"before", "after"}
    assert drawn.number_of_nodes() > 0
    # Before and after the entry, as states and as an entry, and in words of a whole path.
    for line in ("1", f"{Path.cwd()}@0 {Path.cwd()}", "@shaken"):
        found = json.loads(run(f"diff {line} --most 0 --shift 0 --json -", capfd))
        for part in ("intended", "collateral", "asked", "meant"):
            assert found[part] == told[part]
    run("diff --most 0 --out ../d.png", capfd)
    assert Path("../d.png").read_bytes().startswith(PNG)


@pytest.mark.usefixtures("edited")
def test_a_difference_of_nothing_is_empty(capfd):
    told = json.loads(run("diff @1 @1 --facts ../facts.jsonl --shift 0.000001 --json -", capfd))
    assert told["asked"] == 3
    assert told["intended"] == told["collateral"] == []
    # A revert is a change too: what was meant is that the old answers come back.
    run("revert 1", capfd)
    back = json.loads(run("diff 2 --most 0 --shift 0 --json -", capfd))
    assert back["meant"] == 3
    assert {m["meant"] for m in (*back["intended"], *back["collateral"])} == {
        "Italy", "Egypt", "baker",
    }  # fmt: skip
    told = json.loads(run("diff @0 @2 --facts ../facts.jsonl --shift 0.000001 --json -", capfd))
    assert told["collateral"] == []


def test_collateral_changes_can_fail_a_build(capfd, edited, tiny_folder):
    near = [{"subject": s, "prompt": "{} is near", "target_true": "Rome", "target_new": "Oslo",
             "relation": "near"} for s in ("Pisa", "Bari", "Bern")]  # fmt: skip
    Path("../near.jsonl").write_text("\n".join(map(json.dumps, near)))
    line = "diff --facts ../near.jsonl --shift 0.000001 --json -"
    number = len(json.loads(run(line, capfd))["collateral"])
    assert number > 0
    run(f"{line} --fail-on-collateral {number}", capfd)
    run(f"{line} --fail-on-collateral {number - 1}", capfd, code=1)
    # Two workspaces, of one base and of two.
    assert main(["init", "../other", "--model", str(tiny_folder)]) == 0
    capfd.readouterr()
    told = json.loads(run("diff ../other . --most 0 --json -", capfd))
    assert told["meant"] == 3
    Workspace.init("../strange", "another", "c" * 64)
    assert "compare those of one base" in refused("diff ../strange . --most 0", capfd)
    assert len(edited.log()) == 1
