"""Pieces of the paper beside what other libraries give, and what is asked of data."""

from dataclasses import replace

import numpy as np
import pytest
import toponetx.classes
import torch

from unfrozen.data.knowledge_graphs import knowledge_graph
from unfrozen.papers.topology import accuracy, building, edits, knowledge
from unfrozen.papers.topology.accuracy import CELLS, GRAPH, AccuracySize
from unfrozen.papers.topology.peers import builder, environments, passer, passing
from unfrozen.papers.topology.peers.environments import Peer, PeerError
from unfrozen.papers.topology.peers.meshes import icosphere
from unfrozen.topology.tasks import CellLabelled
from unfrozen.topology.tasks.cells import MEMBERS, triples_as_cells


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_sphere_is_closed(level):
    mesh = icosphere(level)
    assert mesh.nodes - len(mesh.edges) + len(mesh.faces) == 2
    sides = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
    pairs, counts = np.unique(sides, axis=0, return_counts=True)
    assert np.array_equal(pairs, mesh.edges)
    assert set(counts) == {2}
    assert mesh.cells == 60 * 4**level + 2


@pytest.mark.filterwarnings("ignore")
def test_matrices_are_those_of_toponetx_and_a_wrong_one_is_seen():
    mesh = icosphere(1)
    theirs, seconds = builder.build(toponetx.classes, mesh.edges.tolist(), mesh.faces.tolist())
    told = builder.arrays(theirs)
    own = building.library(mesh).made
    assert seconds > 0
    assert building._same(own, told)
    for name in ("at_B12", "at_A0"):
        assert not building._same(own, {**told, name: told[name][:, 1:]})
    assert not building._same(own, {**told, "rows_B12": told["rows_B12"][::-1]})


def test_time_that_grows_with_the_square_has_the_power_two():
    assert building.power([1, 10, 100], [3.0, 300.0, 30_000.0]) == pytest.approx(2)


def test_all_pass_the_same_messages(tmp_path):
    file = tmp_path / "mesh.npz"
    passing.write(1, file)
    with np.load(file) as data:
        given = {name: torch.from_numpy(data[name]) for name in data.files}
    for system in ("library", "PyG"):
        out = passer.WAYS[system, "attention"](given)()
        np.savez(file.with_suffix(f".{system}.npz"), **{k: v.numpy() for k, v in out.items()})
    assert passing.largest_difference(file, "PyG") < 1e-5
    out["1"] = out["1"] + 0.1
    np.savez(file.with_suffix(".PyG.npz"), **{k: v.numpy() for k, v in out.items()})
    assert passing.largest_difference(file, "PyG") > 1e-3


def test_edits_leave_the_matrices_of_the_cells_that_are_there():
    found = edits.edited(5, 60, 2, seed=1)
    assert found["cells"] == 150
    assert found["same"]
    assert found["edit"] > 0 < found["rebuild"]


def test_a_peer_that_cannot_be_installed_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path))

    class Failed:
        returncode, stderr, stdout = 1, "no such thing\n", ""

    monkeypatch.setattr(environments.subprocess, "run", lambda *_, **__: Failed)
    peer = Peer("None", "none==1")
    assert environments.why_not(peer) == "None could not be had: no such thing"
    with pytest.raises(PeerError, match="x failed: no such thing"):
        environments.output(["x"], "x")
    Failed.stderr = "RuntimeError: can't allocate memory"
    with pytest.raises(MemoryError):
        environments.output(["x"], "x")


def test_an_environment_is_made_once(monkeypatch, tmp_path):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path))
    calls = []

    class Done:
        returncode, stderr = 0, ""

    def run(command, **_):
        calls.append(command)
        if "venv" in command:
            (tmp_path / command[-1] / "lib" / "python3" / "site-packages").mkdir(parents=True)
        return Done

    monkeypatch.setattr(environments.subprocess, "run", run)
    peer = Peer("P", "p==1", ("numpy<2",))
    found = environments.interpreter(peer)
    assert environments.interpreter(peer) == found
    assert [call[-1] for call in calls[1:]] == ["numpy<2", "p==1"]
    assert "--no-deps" in calls[-1]
    (link,) = tmp_path.rglob("this.pth")
    assert "site-packages" in link.read_text()


def test_a_mesh_as_a_graph_has_the_mean_of_its_cells():
    mesh = accuracy.task("meshes", 1).data.complexes[0]
    graph = accuracy.gathered(mesh)
    faces = mesh.cells(2).members.reshape(-1, 3)
    here = torch.from_numpy((faces == 5).any(1))
    widths = [mesh.features[rank].shape[1] for rank in (0, 1, 2)]
    own, _, of_faces = graph.features[0].split(widths, 1)
    torch.testing.assert_close(own, mesh.features[0])
    torch.testing.assert_close(of_faces[5], mesh.features[2][here].mean(0))
    assert graph.ranks == (0, 1)


def test_folds_are_as_many_as_the_smallest_class_allows():
    size = AccuracySize(("Bianchi hard",), 10, 10, 1, 1, 1, 1)
    data = accuracy.task("Bianchi hard", 1).data
    assert len(accuracy.parts(data, size)) == 4


def test_parts_of_meshes_are_told_of_nodes_and_folds_keep_meshes_whole():
    size = AccuracySize(("mesh parts",), 2, 1, 1, 2, 2, 1)
    own = accuracy.task("mesh parts", size.per_class)
    assert isinstance(own.data, CellLabelled)
    assert own.data.rank == 0
    assert own.as_graphs is not None
    seen = own.data.lifted(own.as_graphs)
    assert [each.ranks for each in seen.complexes] == [(0, 1)] * len(own.data)
    folds = accuracy.parts(own.data, size)
    rows = [torch.cat([part.train, part.validation, part.test]).sort().values for part in folds]
    assert all(torch.equal(each, torch.arange(len(own.data))) for each in rows)
    found = accuracy.on_fold("mesh parts", 0, size, seed=0)
    answers = torch.cat([own.data.targets[i] for i in folds[0].test.tolist()])
    for kind in (CELLS, GRAPH):
        right = found[kind]["accuracy"] * len(answers)
        assert len(found[kind]["curve"]) == 2
        assert 0 < right <= len(answers)
        assert right == pytest.approx(round(right), abs=1e-6)


def test_a_memory_of_cells_ranks_by_counts():
    """By brute force: how many known cells of the greatest overlap have each candidate."""
    whole = triples_as_cells(knowledge_graph("nations"))
    task = replace(whole, asked=whole.asked[:25])
    found = knowledge.remembered(task)
    total, n = 0.0, 0
    known = [set(row) for row in task.known.tolist()]
    for member in MEMBERS:
        false = task.candidates(task.asked, member).false
        for i, row in enumerate(task.asked.tolist()):
            given = set(row) - {row[member]}
            best = max(len(given & cell) for cell in known)
            counts = np.zeros(task.n_nodes)
            for cell in known:
                if len(given & cell) == best:
                    counts[list(cell)] += 1
            better = int((counts[false[i]] > counts[row[member]]).sum())
            ties = int((counts[false[i]] == counts[row[member]]).sum())
            total += np.mean([1 / r for r in range(better + 1, better + ties + 2)])
            n += 1
    assert found.queries == 2 * len(task.asked)
    assert found.mrr == pytest.approx(total / n)
