"""The paper from end to end on tiny sizes, without other libraries in processes of their own."""

from dataclasses import replace

import pytest
import torch

from unfrozen.papers import topology
from unfrozen.papers.running import runner
from unfrozen.papers.topology import claims
from unfrozen.papers.topology.accuracy import AccuracySize
from unfrozen.papers.topology.higher import HigherSize
from unfrozen.papers.topology.knowledge import KnowledgeSize
from unfrozen.papers.topology.peers.passing import Cost

IDS = {
    f"topology.{name}"
    for name in ("build-speedup", "attention-speedup", "pyg-speedup", "separated-pairs",
                 "edit-speedup", "accuracy", "higher-order", "knowledge-graphs")
}  # fmt: skip
ALIKE = {
    "graph": {"a": 57, "b": 100}, "triangles": {"a": 57, "b": 100}, "rings of up to 5": {"a": 0,
    "b": 0},
}  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    size = replace(
        topology._BUDGETS["quick"],
        levels=(0, 1), peer_level=1, passes=(0,), side=4, edits=20, rebuilds=1,
        accuracy=AccuracySize(("Bianchi hard",), 3, 1, 1, 2, 2, 1),
        higher=HigherSize(8, 2, 2, 4, 1), knowledge=KnowledgeSize(("nations",), 1, 1, 1),
    )  # fmt: skip
    monkeypatch.setitem(topology._BUDGETS, "quick", size)
    monkeypatch.setattr(topology, "absent", lambda peer: f"{peer.name} was not asked")
    monkeypatch.setattr(topology, "expressivity", lambda: ALIKE)
    costs = {"library": Cost(0.5, 10.0), "PyG": Cost(1.0, 30.0)}
    monkeypatch.setattr(topology.passing, "compared", lambda *_: costs)


def test_every_claim_is_measured_and_kept(small, monkeypatch, tmp_path):
    threads = torch.get_num_threads()
    run = runner.run("topology", "quick", out=tmp_path)
    assert torch.get_num_threads() == threads
    found = {claim.id: claim for claim in run.record.claims}
    assert set(found) == IDS
    # What needs another library says that it was not measured, and why.
    for name, peer in (("build", "TopoNetX"), ("attention", "TopoModelX")):
        claim = found[f"topology.{name}-speedup"]
        assert (claim.value, claim.holds) == (None, False)
        assert f"{peer} was not asked" in claim.note
    assert "PyKEEN was not asked" in found["topology.knowledge-graphs"].note
    assert found["topology.pyg-speedup"].value == 2.0
    assert "3.0 times the memory" in found["topology.pyg-speedup"].note
    assert found["topology.separated-pairs"].value == 157
    assert {c.id for c in run.record.claims if c.holds} == {"topology.separated-pairs"}
    assert len(run.outcome.figures) == 6
    building = run.outcome.tables[0]
    assert [row[0] for row in building.rows] == [62, 242]
    monkeypatch.setattr(topology, "on_fold", lambda *_: pytest.fail("it was kept"))
    monkeypatch.setattr(topology, "steiner", lambda *_: pytest.fail("it was kept"))
    again = runner.run("topology", "quick", out=tmp_path)
    assert [c.value for c in again.record.claims] == [c.value for c in run.record.claims]


def _fold(name, cells, graph):
    return {"set": name, "cells": {"accuracy": cells}, "graph": {"accuracy": graph}}


def _found(**more):
    higher = {"ceiling": 0.6, "incidences": {"test": 1.0}, **{n: {"test": 0.6} for n in
              ("gin", "gcn", "gat")}}  # fmt: skip
    own = {
        "missing": {}, "passed": {}, "edits": 10, "alike": ALIKE, "lacking": {}, "full": True,
        "built": {str(n): {"cells": n, "seconds": n * 1e-6, "peak": 1} for n in
                  (1000, 61_442, 245_762)},
        "toponetx": {"cells": 61_442, "seconds": 100.0, "peak": 1, "same": True},
        "edited": {"cells": 60, "edit": 1e-5, "rebuild": 1e-2, "snapshot": 0.0, "same": True},
        "marks": [_fold(name, 0.9 + i / 100, 0.8) for name in ("MUTAG", "x", "y") for i in
                  range(3)],
        "steiner": [higher, higher], "sums": [{"explained": 0.0, "cells": 1.0, "pairs": 0.3}],
        "triples": [], "accuracy": AccuracySize(("x",), 3, 3, 4, 1, 1, 1),
    }  # fmt: skip
    return claims.Found(**{**own, **more})


def _claim(found, name):
    return next(c for c in claims.measured(found) if c.id == f"topology.{name}")


def test_building_holds_where_it_is_fast_and_the_same():
    good = _claim(_found(), "build-speedup")
    assert good.holds
    assert good.value == pytest.approx(100 / 61_442e-6)
    assert "power 1.00" in good.note
    theirs = dict(_found().toponetx or {})
    for worse in ({"same": False}, {"seconds": 10.0}):
        assert not _claim(_found(toponetx={**theirs, **worse}), "build-speedup").holds
    assert not _claim(_found(full=False), "build-speedup").holds


def test_accuracy_holds_only_where_every_set_gains_beyond_error():
    claim = _claim(_found(), "accuracy")
    assert claim.holds
    assert claim.value == pytest.approx(11.0)
    marks = [*_found().marks, *(_fold("z", 0.8 + d, 0.8) for d in (-0.1, 0.0, 0.2))]
    claim = _claim(_found(marks=marks), "accuracy")
    assert not claim.holds
    assert claim.value == pytest.approx(100 / 30)
    assert "z 83.3 ± 15.3 beside 80.0 ± 0.0, no gain beyond error" in claim.note
    assert "Gains on MUTAG, x, y beyond" in claim.note
    assert not _claim(_found(marks=_found().marks[:6]), "accuracy").holds  # two sets


def test_higher_order_holds_where_graphs_stay_below_their_ceiling():
    assert _claim(_found(), "higher-order").holds
    row = dict(_found().steiner[0])
    assert not _claim(_found(steiner=[{**row, "gin": {"test": 0.7}}]), "higher-order").holds
    assert not _claim(_found(steiner=[{**row, "incidences": {"test": 0.9}}]), "higher-order").holds
    explained = [{"explained": 0.1, "cells": 1.0}]
    assert not _claim(_found(sums=explained), "higher-order").holds


def test_edits_pairs_and_knowledge():
    claim = _claim(_found(), "edit-speedup")
    assert claim.holds
    assert claim.value == pytest.approx(1000)
    left = {**ALIKE, "triangles": {"a": 0, "b": 1}}
    assert not _claim(_found(alike=left), "separated-pairs").holds
    rows = [
        {"graph": g, "cells, product": {"mrr": own}, "ComplEx, PyKEEN": {"mrr": 0.8}}
        for g, own in (("nations", 0.9), ("umls", 0.795), ("kinships", 0.85))
    ]
    claim = _claim(_found(triples=rows), "knowledge-graphs")
    assert claim.holds
    assert claim.value == pytest.approx(-0.005)
    rows[1]["cells, product"]["mrr"] = 0.7
    assert not _claim(_found(triples=rows), "knowledge-graphs").holds


def test_a_library_that_runs_out_of_memory_is_not_compared():
    rows = {"0": {"cells": 9, "costs": {"library": {"seconds": 1.0, "peak": 1}, "PyG": None}}}
    claim = _claim(_found(passed=rows), "pyg-speedup")
    assert claim.value is None
    assert not claim.holds
