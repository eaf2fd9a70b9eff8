"""``unfrozen topology``: what a user types, and what is left when it cannot be done."""

import errno
import inspect
import json
import os
from pathlib import Path

import networkx as nx
import pytest
from tests.cli.typed import refused, run

from unfrozen.cli.topology import draw, lift
from unfrozen.cli.topology.lifts import LIFT_HELP
from unfrozen.topology.complex.files import load_complex, read_complex
from unfrozen.topology.lifting import LIFTS, cliques, from_networkx

BEGINNINGS = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")


def left():
    return sorted(each.name for each in Path().iterdir())


def test_a_torus_has_one_hole(capfd):
    out = run("topology stats torus --json s.json", capfd)
    for told in ("1, 2, 1", "✓ all hold", "oriented, rank 2", "B(0,1)ᵀ", "coA(2 by 1)"):
        assert told in out
    found = json.loads(Path("s.json").read_text())
    assert (found["euler"], found["components"], found["betti"]) == (0, 1, [1, 2, 1])
    assert found["axioms"] is True
    assert [(c["rank"], c["cells"]) for c in found["cells"]] == [(0, 288), (1, 864), (2, 576)]
    assert json.loads(run("topology stats torus --json -", capfd)) == found


def test_what_is_not_oriented_is_told_with_its_reason(capfd):
    out = " ".join(run("topology stats fano", capfd).split())
    assert "✗ an edge of more than two nodes has no direction" in out
    assert "?, ?" in out


def test_a_lift_tells_what_it_adds_and_writes_what_can_be_read(capfd):
    graph = nx.florentine_families_graph()
    nx.write_gml(graph, "g.gml")
    out = run("topology lift g.gml --to cliques --rank 3 -o new/c.json --json l.json", capfd)
    wanted = cliques(from_networkx(graph), 3)
    found = read_complex("new/c.json")
    assert found.labels == tuple(graph)
    for rank in wanted.ranks:
        assert found.complex.cells(rank).members.tolist() == wanted.cells(rank).members.tolist()
    told = json.loads(Path("l.json").read_text())
    assert told["options"] == {"rank": 3}
    assert told["before"] == {"0": 15, "1": 20, "2": 0}
    assert told["after"] == {"0": 15, "1": 20, "2": 3}
    assert "Complex: new/c.json" in out
    # And it is lifted again, measured and drawn.
    out = run("topology lift new/c.json --to rings --longest 5 -o again.json", capfd)
    assert "4 to 5" in out
    assert read_complex("again.json").labels == tuple(graph)
    run("topology stats again.json", capfd)
    run("topology draw again.json -o again.png", capfd)
    assert Path("again.png").read_bytes().startswith(BEGINNINGS[".png"])


def test_features_of_new_cells_have_the_names_of_those_of_nodes(capfd):
    run("topology lift MUTAG:0 --to rings --features mean -o c.json", capfd)
    found = read_complex("c.json")
    assert found.columns[2] == found.columns[0]
    features, rings = found.complex.features, found.complex.cells(2)
    for row in range(len(rings)):
        mean = features[0][rings[row].tolist()].mean(0)
        assert features[2][row].tolist() == pytest.approx(mean.tolist())
    assert len(left()) == 2


def test_every_lift_and_each_of_its_options_can_be_asked_for(capfd):
    commands = [set(inspect.signature(each).parameters) for each in (lift.lift, draw.draw)]
    assert all(name in LIFT_HELP for name in LIFTS)
    for name, made in LIFTS.items():
        options = set(inspect.signature(made).parameters) - {"complex", "function"}
        assert options <= commands[0]
        assert options - {"features"} <= commands[1]
        out = run(f"topology lift karate --to {name} --json -", capfd)
        after = json.loads(out)["after"]
        wanted = made(from_networkx(nx.karate_club_graph()))
        assert after == {str(rank): wanted.n_cells(rank) for rank in wanted.ranks}


def test_options_of_other_lifts_are_refused(capfd):
    told = refused("topology lift petersen --to rings --hops 2 -o c.json", capfd)
    assert "rings has no --hops: it has --longest, --features, --most" in told
    assert "no lift 'ring': there are" in refused("topology lift petersen --to ring", capfd)
    assert "--longest is of a lift" in refused("topology draw petersen --longest 5 -o p.png", capfd)
    told = refused("topology lift karate --to rings --features max", capfd)
    assert "the sum or the mean" in told
    told = refused("topology lift petersen --to rings --features sum", capfd)
    assert "which have none" in told
    assert "more than 3 rings" in refused("topology lift petersen --to rings --most 3", capfd)
    assert "goes along edges of two nodes" in refused("topology lift fano --to rings", capfd)
    assert left() == []


@pytest.mark.parametrize("suffix", BEGINNINGS)
def test_pictures_are_of_the_kind_that_is_asked_for(suffix, capfd):
    out = run(f"topology draw petersen --lift rings -o p{suffix} --json d.json", capfd)
    assert Path(f"p{suffix}").read_bytes().startswith(BEGINNINGS[suffix])
    assert f"Picture: p{suffix}" in out
    told = json.loads(Path("d.json").read_text())
    assert told["cells"] == {"0": 10, "1": 15, "2": 22}
    assert left() == ["d.json", f"p{suffix}"]


def test_a_picture_is_the_same_each_time_and_another_from_elsewhere(capfd):
    for name, more in (
        ("a", ""),
        ("b", ""),
        ("c", " --view 90 0"),
        ("d", " --lift mapper --rank 3"),
    ):
        run(f"topology draw torus -o {name}.png{more}", capfd)
    a, b, c, d = (Path(f"{name}.png").read_bytes() for name in "abcd")
    assert a == b
    assert c not in (a, d)


def test_notes_of_what_was_left_out_are_told(capfd):
    Path("e.csv").write_text("a,b\nb,b\nb,c\n")
    for line in ("stats e.csv", "lift e.csv --to rings", "draw e.csv -o e.png"):
        assert "left out: 1 loop" in run(f"topology {line}", capfd)


def test_what_cannot_be_written_is_refused_first(capfd):
    for line in (
        "draw torus -o torus.gif", "draw torus -o torus", "lift torus --to balls -o t.csv",
    ):  # fmt: skip
        assert "of no known kind" in refused(f"topology {line}", capfd)
    Path("c.json").mkdir()
    assert "is a folder" in refused("topology lift petersen --to rings -o c.json", capfd)
    assert "--out" in refused("topology draw torus", capfd)
    assert "--to" in refused("topology lift torus", capfd)
    assert left() == ["c.json"]


def test_a_full_disk_leaves_what_was_there(capfd, monkeypatch):
    run("topology lift petersen --to rings -o c.json", capfd)
    run("topology draw petersen -o c.png", capfd)
    before = {name: Path(name).read_bytes() for name in left()}

    def full(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for line in (
        "lift MUTAG:0 --to rings -o c.json",
        "draw karate -o c.png",
        "draw karate -o d.png",
    ):
        assert "free some space" in refused(f"topology {line}", capfd)
    assert {name: Path(name).read_bytes() for name in left()} == before
    assert load_complex("c.json").n_cells(2) == 22
