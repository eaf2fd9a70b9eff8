"""``unfrozen world``: a model is trained, told of, and planned with."""

import json
from pathlib import Path
from typing import get_args

import pytest

from unfrozen.agent.latent import Thinker
from unfrozen.cli.main import main
from unfrozen.cli.world.train import _table
from unfrozen.world.environments import evaluate
from unfrozen.world.environments.evaluation import Score
from unfrozen.world.jepa import save_model
from unfrozen.world.jepa.diagnostics import Verdict
from unfrozen.world.schooling import SCHOOLS, new_model, walk


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world") / "rooms.safetensors"
    told = path.with_suffix(".json")
    assert main(["world", "train", "two-rooms", "--steps", "15", "--out", str(path),
                 "--json", str(told)]) == 0  # fmt: skip
    return path


def test_training_ends_with_a_model_and_with_what_it_is(model: Path) -> None:
    found = json.loads(model.with_suffix(".json").read_text())
    assert found["rooms"] == "two-rooms"
    assert found["steps"] == 15
    # Nobody learns walls in 15 steps.
    assert found["through_walls"] is None or found["through_walls"] > 0.1
    assert not model.with_name(f"{model.name}.run").exists()


def test_each_verdict_is_told_in_words() -> None:
    found = {"verdict": "", "rank": 2.0, "order": None}
    for verdict in get_args(Verdict):
        note = _table({"rooms": "r", "objective": "o", "steps": 1}, {**found, "verdict": verdict})
        assert note.note.startswith(f"{verdict.capitalize()}: ")
        assert len(note.note) > 50


def test_a_map_is_drawn_with_the_way_over_it(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A small part of the walks, and nobody who thinks.
    monkeypatch.setattr("unfrozen.world.schooling.walk", lambda of, seed, n: walk(of, seed, 40))
    monkeypatch.setattr(
        "unfrozen.world.environments.evaluate",
        lambda env, policy, episodes, seed: evaluate(env, "random", episodes, seed),
    )
    picture = tmp_path / "map.svg"
    assert main(["world", "plan", "two-rooms", "--model", str(model), "--episodes", "1",
                 "--landmarks", "--out", str(picture)]) == 0  # fmt: skip
    assert picture.stat().st_size > 5000


def test_plans_stand_beside_floors_and_are_drawn(model: Path, tmp_path: Path) -> None:
    picture, told = tmp_path / "plan.png", tmp_path / "plan.json"
    assert main(["world", "plan", "two-rooms", "--model", str(model), "--episodes", "2",
                 "--out", str(picture), "--json", str(told)]) == 0  # fmt: skip
    found = {row["policy"]: row for row in json.loads(told.read_text())}
    assert found["oracle"]["end"] == 1
    assert {"plans", "random", "persistent", "greedy", "oracle"} == set(found)
    assert picture.stat().st_size > 5000


def test_noise_is_drawn_by_the_seed(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []

    def judged(env: object, policy: object, episodes: int, seed: int) -> Score:
        if isinstance(policy, Thinker):
            seeds.append((policy.settings.seed, seed))
        return evaluate(env, "random", episodes, seed)

    monkeypatch.setattr("unfrozen.world.environments.evaluate", judged)
    assert main(["world", "plan", "two-rooms", "--model", str(model), "--episodes", "1",
                 "--seed", "7"]) == 0  # fmt: skip
    assert seeds == [(7, 7)]


def test_a_model_of_other_rooms_is_refused(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["world", "plan", "snake", "--model", str(model)]) == 2
    assert "a model of two-rooms, not of snake" in capsys.readouterr().err


def test_what_is_not_there_is_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["world", "train", "moon"]) == 2
    assert "choose from" in capsys.readouterr().err
    assert main(["world", "plan", "--model", str(tmp_path / "none.safetensors")]) == 2
    assert "none.safetensors" in capsys.readouterr().err
    assert main(["world", "train", "--objective", "love"]) == 2
    assert "love" in capsys.readouterr().err


def test_where_walls_differ_each_time_ways_are_imagined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, told = tmp_path / "walls.safetensors", tmp_path / "plan.json"
    of = SCHOOLS["two-rooms-random"]
    save_model(new_model(of, 0), path, {"rooms": of.environment})
    monkeypatch.setattr("unfrozen.world.schooling.walk", lambda of, seed, n: walk(of, seed, 40))
    monkeypatch.setattr(
        "unfrozen.world.environments.evaluate",
        lambda env, policy, episodes, seed: evaluate(env, "random", episodes, seed),
    )
    line = ["world", "plan", "two-rooms-random", "--model", str(path), "--landmarks"]
    assert main([*line, "--episodes", "1", "--json", str(told)]) == 0
    assert json.loads(told.read_text())[0]["policy"] == "plans by imagined ways"
