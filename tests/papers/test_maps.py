"""Papers on maps from end to end in the smallest worlds: every claim is measured, runs go on."""

import json
import subprocess
from dataclasses import replace

import pytest
import torch

from unfrozen.errors import PaperError
from unfrozen.hippocampus.presets import PRESETS
from unfrozen.hippocampus.tem import TemRun, TemTraining
from unfrozen.hippocampus.tem_t import TemT, TemTSettings, trained
from unfrozen.hippocampus.training import MapTraining, Trainer
from unfrozen.papers import cognitive_map, tem, tem_t
from unfrozen.papers.running import runner
from unfrozen.papers.running.context import RunContext
from unfrozen.papers.tem import port, timing
from unfrozen.papers.tem_t import cells, transfer
from unfrozen.papers.tem_t.cells import Sizes
from unfrozen.papers.tem_t.transfer import Subject

MAP = MapTraining(sizes=(4,), walks=4, steps=30, updates=6, check_every=3, held_out=6)
TEM = TemTraining(
    sizes=(3,), size="small", walks=2, window=5, updates=6, check_every=3, held_out=2, steps=30
)

PARAMETERS = """
import torch


def parameters():
    return {"n_x": 45, "lr_max": 1e-3}


def parameter_iteration(at, params):
    return 0.5, 0.99, 0.0, 1e-3, 10, torch.ones(2)
"""

MODEL = """
import torch


class Step:
    def __init__(self, loss):
        self.L = [loss, 0 * loss]

    def detach(self):
        return self


class Model(torch.nn.Module):
    def __init__(self, params):
        super().__init__()
        self.hyper, self.weight = dict(params), torch.nn.Parameter(torch.zeros(45))

    def forward(self, steps, before):
        assert {"eta", "lambda", "p2g_scale_offset"} <= set(self.hyper)
        found = []
        for places, seen, actions in steps:
            assert len(places) == len(actions) == len(seen) == 16
            assert all(0 <= action <= 4 for action in actions)
            found.append(Step(seen @ self.weight))
        return found
"""


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Presets that train in no time, and a cache of one's own."""
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "cache"))
    for name, preset in list(PRESETS.items()):
        small = MAP if isinstance(preset.training, MapTraining) else TEM
        monkeypatch.setitem(PRESETS, name, replace(preset, training=small))
    return tmp_path


@pytest.fixture
def stub(quick, monkeypatch):
    """A folder in the form of the port, whose model does nearly nothing."""
    folder = quick / "port"
    folder.mkdir()
    for name, text in (("parameters.py", PARAMETERS), ("model.py", MODEL), ("utils.py", "")):
        (folder / name).write_text(text)
    monkeypatch.setenv("UNFROZEN_TORCH_TEM", str(folder))
    return folder


def smallest(monkeypatch):
    """Squares of three, and a few short walks to be measured on."""
    for name, value in (("SIZES", (3,)), ("_WALKS", 4), ("_STEPS", 40)):
        monkeypatch.setattr(tem.learning, name, value)


def test_tem_t(quick, monkeypatch):
    grid = replace(tem_t._GRID, target=None)
    monkeypatch.setattr(tem_t, "_GRID", grid)
    subjects = (grid, Subject("gru", "grid"))
    monkeypatch.setitem(tem_t._BUDGETS, "quick", tem_t._Budget(2, 16, subjects))
    monkeypatch.setattr(cells, "_SIZES", Sizes(4, 60, 3, 100))
    run = runner.run("tem-t", "quick", out=quick / "out")
    found = {c.id: c for c in run.record.claims}
    assert {"tem-t.zero-shot", "tem-t.seconds", "tem-t.length-last-quarter"} <= set(found)
    assert not any(claim.holds for claim in run.record.claims)
    assert run.outcome.tables[0].rows[1][0] == "gru on grid"
    assert run.record.flops > 0
    assert len(list((quick / "out").rglob("*.safetensors"))) == 2


def test_a_training_that_is_not_good_enough_begins_again_and_both_are_counted(quick):
    subject = Subject("gru", "grid", target=1.0, tries=2)
    context = RunContext(quick / "out")
    (one,) = transfer.measure(context, subject, 1, 0, 4)
    (once,) = transfer.measure(context, replace(subject, tries=1), 1, 0, 4)
    (easy,) = transfer.measure(context, replace(subject, target=0.0), 1, 0, 4)
    assert (one["tries"], one["updates"], once["tries"], once["updates"]) == (2, 12, 1, 6)
    assert [look[0] for look in one["curve"]] == [3, 6, 9, 12]
    assert [look[2] for look in one["curve"][:2]] == [look[2] for look in once["curve"]]
    assert one["seconds"] > one["curve"][1][1]
    assert easy["tries"] == 1
    best = max(one["curve"][1][2], one["curve"][3][2])
    if once["curve"][1][2] == best:
        assert one["accuracy"] == once["accuracy"]
    else:
        assert one["accuracy"] != once["accuracy"]
    assert not list(quick.rglob("*.run"))


def test_tem(stub, quick, monkeypatch):
    monkeypatch.setitem(tem._BUDGETS, "quick", tem._Budget(4, 7, 1))
    smallest(monkeypatch)
    update, done = TemRun.update, []

    def killed(self):
        if self.progress.number == 4 and not done:
            done.append(self.progress.number)
            self.save(next(iter((quick / "out").rglob("runs-*"))) / "tem-small-100")
            raise KeyboardInterrupt
        return update(self)

    monkeypatch.setattr(TemRun, "update", killed)
    with pytest.raises(KeyboardInterrupt):
        runner.run("tem", "quick", out=quick / "out")
    run = runner.run("tem", "quick", out=quick / "out")
    found = {c.id: c for c in run.record.claims}
    assert found["tem.speedup"].value > 0
    assert "2 updates" in found["tem.speedup"].note
    assert 0 <= found["tem.zero-shot"].value <= 1
    models = run.outcome.tables[0]
    assert [row[0] for row in models.rows] == list(tem._MODELS)
    assert run.record.flops > 0
    costs = {row[0]: row for row in run.outcome.tables[1].rows}
    assert costs["torch_tem"][3] == 45


def test_without_the_port_the_rest_is_measured(quick, monkeypatch):
    def missing():
        raise PaperError("the port cannot be fetched")

    monkeypatch.setattr(tem, "find_port", missing)
    own = {"seconds": [0.5], "memory": 10**9, "parameters": 3}
    monkeypatch.setattr(tem, "measure", lambda *args: own)
    monkeypatch.setitem(tem._BUDGETS, "quick", tem._Budget(3, 4, 1))
    smallest(monkeypatch)
    run = runner.run("tem", "quick", out=quick / "out")
    found = {c.id: c for c in run.record.claims}
    assert found["tem.speedup"].value is None
    assert "cannot be fetched" in found["tem.speedup"].note
    assert found["tem.zero-shot"].value is not None


def test_the_cognitive_map(quick, monkeypatch):
    seen = []
    update = Trainer.update
    monkeypatch.setattr(Trainer, "update", lambda self: seen.append(1) or update(self))
    one = {"right": 1.0, "steps": 2, "apart": 1.0}
    monkeypatch.setattr(cognitive_map, "_return", lambda *args: one)
    monkeypatch.setitem(cognitive_map._BUDGETS, "quick", cognitive_map._Budget(1, 2, 1, 1))
    run = runner.run("cognitive-map", "quick", out=quick / "out")
    assert len(seen) == 6
    found = {c.id: c for c in run.record.claims}
    assert 0 <= found["map.routes"].value <= 1
    assert found["map.recognised"].value == 1.0


def exact():
    """A model that knows squares without having learnt them."""
    settings = TemTSettings(n_actions=4, width=128, positions="rotary", beta=60.0)
    made = TemT(settings, torch.Generator().manual_seed(0))
    east, north = torch.randn(2, 64, generator=torch.Generator().manual_seed(1))
    made.positions.angles.data.copy_(torch.stack([east, north, -east, -north]))
    return made


def test_a_map_that_knows_squares_finds_every_way_and_knows_worlds_again():
    generator = torch.Generator().manual_seed(0)
    asked = [one for _ in range(3) for one in cognitive_map._routes(exact(), generator, 5)]
    assert all(one["reached"] and one["shortest"] for one in asked)
    assert any(one["unwalked"] for one in asked)
    found = cognitive_map._return(exact(), generator)
    assert found["right"]
    assert found["apart"]
    assert 1 <= found["steps"] <= 5


def test_a_map_that_knows_nothing_does_not():
    untrained = TemT(TemTSettings(n_actions=4, width=16), torch.Generator().manual_seed(0))
    asked = cognitive_map._routes(untrained, torch.Generator().manual_seed(0), 10)
    assert not all(one["reached"] and one["shortest"] for one in asked)


def test_a_folder_that_is_no_port_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("UNFROZEN_TORCH_TEM", str(tmp_path))
    with pytest.raises(PaperError, match="has no model"):
        port.find_port()


def test_what_cannot_be_fetched_says_how_to_bring_it(tmp_path, monkeypatch):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path))
    monkeypatch.delenv("UNFROZEN_TORCH_TEM", raising=False)
    monkeypatch.setattr(port, "_ADDRESS", str(tmp_path / "nowhere"))
    with pytest.raises(PaperError, match="set UNFROZEN_TORCH_TEM"):
        port.find_port()
    assert not list((tmp_path / "peers").iterdir())


def test_a_clone_is_fetched_once(tmp_path, stub, monkeypatch):
    for command in ("init -q", "add .", "-c user.name=a -c user.email=a@b commit -qm a"):
        subprocess.run(["git", "-C", str(stub), *command.split()], check=True)
    head = subprocess.run(
        ["git", "-C", str(stub), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    monkeypatch.delenv("UNFROZEN_TORCH_TEM")
    monkeypatch.setattr(port, "_ADDRESS", str(stub))
    monkeypatch.setattr(port, "COMMIT", head)
    folder = port.find_port()
    assert (folder / "model.py").read_text() == MODEL
    monkeypatch.setattr(port, "_ADDRESS", str(tmp_path / "nowhere"))
    assert port.find_port() == folder


def test_a_timing_that_fails_says_why(tmp_path):
    with pytest.raises(PaperError, match="parameters"):
        timing.measure("port", 3, tmp_path)
    found = json.dumps(timing.measure("own", 3))
    assert json.loads(found)["seconds"][0] > 0


def test_units_of_turning_planes_are_bands_and_its_memories_places():
    model = trained("grid")
    found = cells.cells(model, model, 0, Sizes(8, 150, 30, 400))
    # A plane that is turned by every step is a wave, wherever a walk goes.
    assert found["consistent"] > 0.99
    assert found["periodic"] > 0.9
    assert found["hexagonal"] < 0.1
    assert found["at_place"] > 0.95
    assert found["one_field"] > 0.8
    assert {name: found[name] for name in ("consistent", "periodic")} == {
        name: found[f"untrained_{name}"] for name in ("consistent", "periodic")
    }
