"""``unfrozen map``: what a user types, and what is left when it is interrupted."""

import json
import signal
from dataclasses import replace

import pytest
import torch

from unfrozen.cli.main import main
from unfrozen.hippocampus.presets import PRESETS
from unfrozen.hippocampus.tem import TemTraining, load_tem
from unfrozen.hippocampus.tem_t.files import load_model
from unfrozen.hippocampus.training import MapTraining, Trainer

QUICK = MapTraining(sizes=(4,), walks=4, steps=20, updates=6, check_every=3, held_out=6)
TEM = TemTraining(
    sizes=(3,), size="small", walks=2, window=5, updates=6, check_every=3, held_out=2, steps=30
)


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Presets that train in no time, and a folder to do it in."""
    monkeypatch.chdir(tmp_path)
    for name, preset in list(PRESETS.items()):
        quick = QUICK if isinstance(preset.training, MapTraining) else TEM
        monkeypatch.setitem(PRESETS, name, replace(preset, training=quick))
    return tmp_path


def test_a_model_is_trained_told_of_and_kept(quick, capsys):
    assert (
        main(["map", "train", "--model", "tem-t", "--out", "m.safetensors", "--json", "r.json"])
        == 0
    )
    told = capsys.readouterr().out
    assert "strict zero-shot" in told
    assert "reversible-edge" in told
    record = json.loads((quick / "r.json").read_text())
    assert record["updates"] == 6
    assert [point["update"] for point in record["curve"]] == [3, 6]
    assert load_model(quick / "m.safetensors").settings.n_actions == 4
    assert not (quick / "m.safetensors.run").exists()


def test_an_interrupted_run_goes_on_and_ends_as_though_it_had_not_been(quick, capsys, monkeypatch):
    command = ["map", "train", "--seed", "3", "--out"]
    assert main([*command, "whole.safetensors"]) == 0
    loss = Trainer._loss

    def interrupted(self, *walks):
        # Ctrl-C in the middle of the fourth update, when its walks are drawn but nothing is learnt.
        if self.progress.number == 3:
            signal.raise_signal(signal.SIGINT)
        return loss(self, *walks)

    monkeypatch.setattr(Trainer, "_loss", interrupted)
    assert main([*command, "part.safetensors"]) == 130
    assert (quick / "part.safetensors.run").exists()
    assert not (quick / "part.safetensors").exists()
    monkeypatch.setattr(Trainer, "_loss", loss)
    assert main([*command, "part.safetensors"]) == 0
    assert "Going on after 4 updates" in capsys.readouterr().out
    whole, part = (
        load_model(quick / f"{name}.safetensors").state_dict() for name in ("whole", "part")
    )
    assert all(torch.equal(whole[name], part[name]) for name in whole)


def test_a_tem_is_trained_interrupted_and_kept(quick, capsys, monkeypatch):
    command = ["map", "train", "--model", "tem-small", "--json", "r.json", "--out"]
    assert main([*command, "whole.safetensors"]) == 0
    whole = json.loads((quick / "r.json").read_text())
    step = torch.optim.Adam.step

    def interrupted(self, *args):
        # Ctrl-C once parameters have moved, but the walk has not.
        done = step(self, *args)
        if next(iter(self.state.values()))["step"] == 4:
            signal.raise_signal(signal.SIGINT)
        return done

    monkeypatch.setattr(torch.optim.Adam, "step", interrupted)
    assert main([*command, "part.safetensors"]) == 130
    monkeypatch.setattr(torch.optim.Adam, "step", step)
    assert main([*command, "part.safetensors"]) == 0
    told = json.loads((quick / "r.json").read_text())
    assert [point["update"] for point in told["curve"]] == [3, 6]
    assert told["held_out"] == whole["held_out"]
    one, other = (load_tem(quick / f"{n}.safetensors").state_dict() for n in ("whole", "part"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert main(["map", "explore", "--model", "part.safetensors"]) == 2
    assert "no TEM-transformer" in capsys.readouterr().err


def test_a_second_interrupt_does_not_wait(quick, monkeypatch):
    def interrupted(self):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Trainer, "update", interrupted)
    before = signal.getsignal(signal.SIGINT)
    assert main(["map", "train", "--out", "m.safetensors"]) == 130
    assert not list(quick.iterdir())
    assert signal.getsignal(signal.SIGINT) is before


def test_a_picture_of_no_known_kind_is_refused_before_the_walk(quick, capsys):
    assert main(["map", "explore", "--out", "walk.mp4"]) == 2
    assert "end its name in .png, .svg, .pdf, .gif" in capsys.readouterr().err


def test_baselines_are_told_of_but_not_kept(quick, capsys):
    assert main(["map", "train", "--model", "gru"]) == 0
    assert "gru on grid worlds" in capsys.readouterr().out
    assert not list(quick.iterdir())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--model", "rnn"], "choose from"),
        (["--worlds", "sphere"], "choose from"),
        (["--model", "tem-t-rotary", "--worlds", "family"], "order of actions"),
    ],
)
def test_what_cannot_be_trained_is_refused(arguments, told, quick, capsys):
    assert main(["map", "train", *arguments]) == 2
    assert told in capsys.readouterr().err
    assert not list(quick.iterdir())


def test_a_walk_is_explored_and_drawn(quick, capsys):
    assert main(["map", "train", "--model", "tem-t-rotary", "--out", "m.safetensors"]) == 0
    capsys.readouterr()
    common = ["map", "explore", "--model", "m.safetensors", "--steps", "12"]
    assert main([*common, "--json", "walk.json", "--out", "walk.png"]) == 0
    assert "The way to symbol" in capsys.readouterr().out
    record = json.loads((quick / "walk.json").read_text())
    assert len(record["steps"]) == 12
    assert (quick / "walk.png").read_bytes().startswith(b"\x89PNG")
    assert main([*common, "--out", "walk.gif"]) == 0
    assert (quick / "walk.gif").read_bytes().startswith(b"GIF8")


def test_a_way_to_what_was_not_seen_is_refused(quick, capsys):
    assert main(["map", "train", "--model", "tem-t-rotary", "--out", "m.safetensors"]) == 0
    common = ["map", "explore", "--model", "m.safetensors", "--steps", "3", "--seed", "1"]
    assert main([*common, "--to", "44"]) == 2
    assert "not seen in this world" in capsys.readouterr().err


def test_a_model_of_other_actions_is_refused(quick, capsys):
    assert main(["map", "train", "--model", "tem-t-rotary", "--out", "m.safetensors"]) == 0
    assert main(["map", "explore", "--model", "m.safetensors", "--worlds", "hexagonal"]) == 2
    assert "trained on them" in capsys.readouterr().err
