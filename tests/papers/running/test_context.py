import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import PaperError
from unfrozen.papers.running import context
from unfrozen.papers.running.context import RunContext, stable_hash
from unfrozen.papers.running.measure import Meter

ITEMS = {f"k{i}": i for i in range(10)}


class Squares:
    def __init__(self, stop_at=None):
        self.computed, self.stop_at = [], stop_at

    def __call__(self, number):
        if number == self.stop_at:
            raise KeyboardInterrupt
        self.computed.append(number)
        return {"square": number**2, "pair": (1, 2)}


EXPECTED = {key: {"square": i**2, "pair": [1, 2]} for key, i in ITEMS.items()}


def test_a_run_that_was_interrupted_computes_only_what_is_missing(tmp_path):
    first, second, third = Squares(stop_at=6), Squares(), Squares()
    with pytest.raises(KeyboardInterrupt):
        RunContext(tmp_path).checkpoint("s", {}, ITEMS, first)
    assert RunContext(tmp_path).checkpoint("s", {}, ITEMS, second) == EXPECTED
    assert RunContext(tmp_path).checkpoint("s", {}, ITEMS, third) == EXPECTED
    assert (first.computed, second.computed, third.computed) == ([*range(6)], [6, 7, 8, 9], [])


@given(cut=st.integers(1, 400))
def test_a_torn_last_line_is_dropped_wherever_the_kill_came(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("torn")
    RunContext(folder).checkpoint("s", {}, ITEMS, Squares())
    (path,) = folder.glob("*.jsonl")
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    whole = data[:-cut].count(b"\n")
    again = Squares()
    assert RunContext(folder).checkpoint("s", {}, ITEMS, again) == EXPECTED
    assert again.computed == [*range(whole, 10)]
    assert [json.loads(line)["key"] for line in path.read_text().splitlines()] == list(ITEMS)


def test_damage_elsewhere_is_said_with_the_line(tmp_path):
    RunContext(tmp_path).checkpoint("s", {}, ITEMS, Squares())
    (path,) = tmp_path.glob("*.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], "{", *lines[4:]]) + "\n")
    with pytest.raises(PaperError, match=r"line 4 .*--fresh"):
        RunContext(tmp_path).checkpoint("s", {}, ITEMS, Squares())


@dataclass(frozen=True)
class Settings:
    layer: int


@pytest.mark.parametrize(
    "other",
    [
        {"settings": Settings(2)}, {"seed": 1}, {"model": "other"}, {"code": "other"},
        {"name": "other"}, {"facts": "new"},
    ],
)  # fmt: skip
def test_a_result_is_used_again_only_where_everything_it_depends_on_is_the_same(tmp_path, other):
    facts = tmp_path / "facts.jsonl"

    def computed(*, name="s", settings=Settings(1), facts_text="old", **context):
        facts.write_text(facts_text)
        squares = Squares()
        RunContext(tmp_path, facts=facts, **context).checkpoint(name, settings, ITEMS, squares)
        return len(squares.computed)

    if "facts" in other:
        other = {"facts_text": other["facts"]}
    assert computed() == 10
    assert computed() == 0
    assert computed(**other) == 10
    assert computed() == 0


def test_a_model_made_anew_in_the_same_folder_is_another_model(tmp_path):
    model = tmp_path / "model"
    model.mkdir()

    def computed():
        squares = Squares()
        RunContext(tmp_path, model=str(model)).checkpoint("s", {}, ITEMS, squares)
        return len(squares.computed)

    (model / "model.safetensors").write_bytes(b"one")
    assert (computed(), computed()) == (10, 0)
    (model / "model.safetensors").write_bytes(b"another")
    assert (computed(), computed()) == (10, 0)


def test_other_versions_and_processors_compute_anew(tmp_path, monkeypatch):
    def computed():
        squares = Squares()
        RunContext(tmp_path).checkpoint("s", {}, ITEMS, squares)
        return len(squares.computed)

    assert computed() == 10
    monkeypatch.setattr(context, "versions", lambda: {"torch": "0.1"})
    assert (computed(), computed()) == (10, 0)
    here = context.machine()
    monkeypatch.setattr(context, "machine", lambda: {**here, "processor": "Z80"})
    assert (computed(), computed()) == (10, 0)


def test_what_is_not_timed_may_come_from_another_machine_and_says_so(tmp_path, monkeypatch):
    here = context.machine()

    def computed(anywhere):
        squares, run = Squares(), RunContext(tmp_path)
        run.checkpoint("s", {}, ITEMS, squares, anywhere=anywhere)
        return len(squares.computed), run.meter.elsewhere

    monkeypatch.setattr(context, "machine", lambda: {**here, "processor": "Z80"})
    assert computed(True) == (10, set())
    assert computed(True) == (0, set())
    assert computed(False) == (10, set())
    monkeypatch.setattr(context, "machine", lambda: {**here, "processor": "6502"})
    assert computed(True) == (0, {"Z80"})
    assert computed(False) == (10, set())


def test_a_full_disk_is_a_clear_error(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PaperError, match=r"cannot be kept in .*No space left"):
        RunContext(tmp_path).checkpoint("s", {}, ITEMS, Squares())


def test_a_longer_run_uses_what_a_shorter_one_did(tmp_path):
    squares = Squares()
    RunContext(tmp_path).checkpoint("s", {}, dict(list(ITEMS.items())[:4]), Squares())
    assert RunContext(tmp_path).checkpoint("s", {}, ITEMS, squares) == EXPECTED
    assert squares.computed == [4, 5, 6, 7, 8, 9]


def _product(size):
    a = torch.ones(size, size)
    return float((a @ a).sum())


@pytest.mark.parametrize("stop", [None, 1, 3, 9])
def test_operations_and_time_of_interrupted_runs_are_taken_over_once(tmp_path, stop):
    def compute(number):
        if number == stop and not stopped:
            raise KeyboardInterrupt
        return _product(8)

    stopped = stop is None
    if not stopped:
        with Meter() as meter, pytest.raises(KeyboardInterrupt):
            RunContext(tmp_path, meter=meter).checkpoint("s", {}, ITEMS, compute, sample=4)
        stopped = True
    with Meter() as meter:
        context = RunContext(tmp_path, meter=meter)
        context.checkpoint("s", {}, ITEMS, compute, sample=4)
        assert meter.flops == 10 * 2 * 8**3
        seconds = meter.seconds
        context.checkpoint("s", {}, ITEMS, compute, sample=4)
        _product(8)
    assert meter.flops == 11 * 2 * 8**3
    (path,) = tmp_path.glob("*.jsonl")
    spent = sum(json.loads(line)["seconds"] for line in path.read_text().splitlines())
    assert spent <= seconds <= meter.seconds


def test_items_that_count_themselves_are_taken_at_their_word(tmp_path):
    with Meter() as meter:
        context = RunContext(tmp_path, meter=meter)

        def compute(number):
            _product(8)
            context.add_flops(number)

        context.checkpoint("s", {}, ITEMS, compute, sample=None)
    assert meter.flops == sum(ITEMS.values())
    with Meter() as meter:
        RunContext(tmp_path, meter=meter).checkpoint("s", {}, ITEMS, compute, sample=None)
    assert meter.flops == sum(ITEMS.values())


def test_one_result_is_kept_too(tmp_path):
    calls = []
    for _ in range(2):
        found = RunContext(tmp_path).once("mean", {"n": 3}, lambda: calls.append(1) or [1.5, None])
        assert found == [1.5, None]
    assert len(calls) == 1


def test_settings_and_results_that_are_not_json_are_refused(tmp_path):
    with pytest.raises(PaperError, match="Tensor is not JSON"):
        RunContext(tmp_path).once("s", {"x": torch.ones(1)}, lambda: 1)
    with pytest.raises(PaperError, match="result of s for 's'"):
        RunContext(tmp_path).once("s", {}, lambda: torch.ones(1))


def test_progress_moves_by_one_an_item_from_where_it_was(tmp_path):
    class Bar:
        seen: list

        def __init__(self):
            self.seen = []

        def add_task(self, description, start=True, total=100.0, completed=0):
            self.seen.append((description, total, completed))
            return 7

        def advance(self, task_id, advance=1):
            self.seen.append((task_id, advance))

    RunContext(tmp_path).checkpoint("s", {}, {"k0": 0}, Squares())
    bar = Bar()
    context = RunContext(tmp_path, progress=bar)
    context.checkpoint("s", {}, {"k0": 0, "k1": 1}, Squares())
    assert list(context.track("ab", "letters", 2)) == ["a", "b"]
    assert bar.seen == [("s", 2, 1), (7, 1), ("letters", 2, 0), (7, 1), (7, 1)]


def test_a_stable_hash_tells_values_apart_and_dataclasses_from_dicts():
    values = [{}, [], None, 0, "0", {"layer": 1}, Settings(1), Settings(2), [1, 2], [2, 1]]
    assert len({stable_hash(v) for v in values}) == len(values)
    assert stable_hash(Path("a/b")) == stable_hash("a/b")
