"""Work shared among processes gives what one process gives, whatever happens to the workers."""

import os
import signal
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from functools import partial
from typing import NamedTuple

import psutil
import pytest
import torch

from unfrozen.errors import FactError, ScaleError
from unfrozen.language.covariance import SelfGenerated, second_moments
from unfrozen.language.editing.batch import Memit, MemitSettings
from unfrozen.language.facts import Fact
from unfrozen.language.scale import cluster, share, sharing

SHAPES = {f"{n} rows": n for n in (3, 50, 17, 1, 120, 64)}
FACTS = [
    Fact("Eiffel Tower", "In the {}", "Paris", "Rome Italy"),
    Fact("Mount Etna", "In Paris, we said that the {} is old and in", "Italy", "Paris"),
    Fact("Rome", "The capital {} is in", "Italy", "France"),
]


class Rows:
    """A corpus of random rows."""

    name = "random rows"

    def __init__(self):
        self.rows = torch.randint(300, (4, 3, 8), generator=torch.Generator().manual_seed(0))

    def batches(self, lm, start):
        yield from self.rows[start:]


class Found(NamedTuple):
    sums: torch.Tensor
    process: int
    threads: int


def product(folder, weight, rows):
    """Sums in float32, which depend on their order; the first two wait for each other."""
    (folder / str(rows)).touch()
    end = time.monotonic() + 60
    while len(list(folder.iterdir())) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    x = torch.randn(rows, 64, generator=torch.Generator().manual_seed(rows))
    return Found((x @ weight).softmax(-1).sum(0), os.getpid(), torch.get_num_threads())


def weight():
    return torch.randn(64, 64, generator=torch.Generator().manual_seed(1))


def here():
    return os.getpid()


def fails(state, item):
    raise item


def dies(folder, name, doomed):
    """Note that a piece is computed; one of them ends its process, the first time or always."""
    with (folder / name).open("a") as file:
        file.write(f"{os.getpid()}\n")
    if name == doomed and (doomed == "always" or len((folder / name).read_text().split()) == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    return name * 2


# ------------------------------------------------------------------------------------ one process


def test_one_process_computes_in_order_and_tells():
    told, made = [], []
    found = share(
        {"a": 1, "b": 2},
        lambda: made.append(torch.set_num_threads(3)) or torch.get_num_threads(),
        lambda threads, item: (threads, item * item),
        progress=lambda *news: told.append(news),
    )
    assert (made, told) == ([], [])
    assert list(found) == [("a", (3, 1)), ("b", (3, 4))]
    assert len(made) == 1
    assert told == [("Computing pieces", done, 2) for done in range(3)]
    assert torch.get_num_threads() == 1


def test_what_is_not_asked_for_is_not_computed():
    seen = []
    with closing(share({"a": 1, "b": 2}, here, lambda pid, item: seen.append(item))) as found:
        assert next(found) == ("a", None)
    assert seen == [1]
    assert list(share({}, lambda: pytest.fail("made"), fails, workers=2)) == []


def test_one_process_needs_no_ray_and_more_name_the_extra(monkeypatch, llama, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert dict(share({"a": 1}, here, lambda pid, item: item)) == {"a": 1}
    with pytest.raises(ScaleError, match=r"pip install unfrozen\[scale\]"):
        share({"a": 1}, here, fails, workers=2)
    with pytest.raises(ScaleError, match=r"pip install unfrozen\[scale\]"):
        share({"a": 1}, here, fails, address="auto")
    with pytest.raises(ScaleError, match=r"pip install unfrozen\[scale\]"):
        second_moments(llama.lm, [0], 96, Rows(), folder=tmp_path, workers=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("workers", [0, -1])
def test_no_workers_are_an_error(workers):
    with pytest.raises(ScaleError, match=f"at least one worker, not {workers}"):
        share({"a": 1}, here, fails, workers=workers)


def test_a_bug_travels_with_its_traceback_and_what_cannot_travel_is_told_in_words():
    class Stuck(Exception):  # noqa: N818
        def __init__(self, what, why):
            super().__init__(f"{what} is stuck: {why}")

    with pytest.raises(ZeroDivisionError) as bug:
        fails(None, ZeroDivisionError("by nothing"))
    assert sharing._portable(bug.value) is bug.value
    assert "raise item" in bug.value.__notes__[0]
    told = sharing._portable(Stuck("a", "b"))
    assert type(told) is ScaleError
    assert str(told) == "a worker raised Stuck: a is stuck: b"


# ---------------------------------------------------------------------------------------- workers


@pytest.fixture(scope="module")
def two():
    """Two local workers for the tests below; what is defined here is sent to them by value."""
    import ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with cluster(2):
        yield
        children = psutil.Process().children(recursive=True)
    ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    assert children
    assert not psutil.wait_procs(children, timeout=20)[1]
    assert not ray.is_initialized()


@pytest.mark.usefixtures("two")
def test_a_worker_that_is_killed_costs_its_piece_again_and_nothing_else(tmp_path, capfd):
    items = {f"piece {n}": f"piece {n}" for n in range(5)}
    compute = partial(dies, doomed="piece 2")
    told = []
    found = share(
        items, lambda: tmp_path, compute, workers=2, progress=lambda *news: told.append(news)
    )
    assert dict(found) == {key: key * 2 for key in items}
    counts = {path.name: len(path.read_text().split()) for path in tmp_path.iterdir()}
    assert counts == {**dict.fromkeys(items, 1), "piece 2": 2}
    first, second = (tmp_path / "piece 2").read_text().split()
    assert first != second
    assert told == [("Computing pieces", done, 5) for done in range(6)]
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("two")
def test_a_piece_that_kills_every_worker_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sharing, "_ATTEMPTS", 2)
    with pytest.raises(ScaleError, match="always was given to 2 workers, and all of them died"):
        list(
            share({"always": "always"}, lambda: tmp_path, partial(dies, doomed="always"), workers=2)
        )
    assert len((tmp_path / "always").read_text().split()) == 2


@pytest.mark.usefixtures("two")
def test_two_workers_give_the_numbers_of_one_process_and_end(tmp_path):
    compute = partial(product, tmp_path)
    with closing(share(SHAPES, weight, compute, workers=2)) as shared:
        found = dict(shared)
    expected = dict(share(SHAPES, weight, compute))
    assert found.keys() == expected.keys() == SHAPES.keys()
    assert all(torch.equal(found[key].sums, expected[key].sums) for key in SHAPES)
    assert {f.threads for f in found.values()} == {e.threads for e in expected.values()} == {1}
    assert {e.process for e in expected.values()} == {os.getpid()}
    workers = {f.process for f in found.values()}
    assert len(workers - {os.getpid()}) == 2
    alive = [psutil.Process(pid) for pid in workers if psutil.pid_exists(pid)]
    assert not psutil.wait_procs(alive, timeout=20)[1]


@pytest.mark.usefixtures("two")
def test_an_exception_comes_back_as_itself():
    error = FactError("no such fact")
    with pytest.raises(FactError) as told:
        list(share({"a": error}, here, fails, workers=2))
    assert type(told.value) is FactError
    assert told.value.args == error.args
    assert not hasattr(told.value, "__notes__")


@pytest.mark.usefixtures("two")
def test_what_cannot_travel_is_told():
    with pytest.raises(ScaleError, match="what all pieces need cannot travel"):
        list(share({"a": 1}, threading.Lock().acquire, fails, workers=2))
    with pytest.raises(ScaleError, match="a cannot travel"):
        list(share({"a": sys._getframe()}, here, fails, workers=2))
    with pytest.raises(ScaleError, match="the result of a cannot travel"):
        list(share({"a": 1}, here, lambda pid, item: sys._getframe(), workers=2))


# --------------------------------------------------------------------------------------- its users


@pytest.mark.usefixtures("two")
def test_second_moments_are_those_of_one_process(llama, tmp_path):
    corpus, told = SelfGenerated(length=2), []
    alone = second_moments(llama.lm, [0, 1], 20_000, corpus, folder=tmp_path / "alone")

    def interrupt(done, wanted):
        if done:
            raise InterruptedError

    both = partial(second_moments, llama.lm, [0, 1], 20_000, corpus, folder=tmp_path / "both")
    with pytest.raises(InterruptedError):
        both(progress=interrupt)
    found = both(workers=2, progress=lambda *news: told.append(news))
    assert told[:2] == [(8192, 20_000), (16_384, 20_000)]
    assert told[-1] == (20_000, 20_000)
    for layer, moment in alone.items():
        assert torch.equal(found[layer].matrix, moment.matrix)
        assert found[layer].count == moment.count == 3 * 8192
    assert len(list((tmp_path / "both").iterdir())) == 2


def test_sums_are_added_in_order_whichever_is_done_first(llama, tmp_path, monkeypatch):
    corpus = Rows()
    alone = second_moments(llama.lm, [0, 1], 70, corpus, folder=tmp_path / "alone")
    asked = []

    def backwards(items, setup, compute, *, workers, address):
        asked.append((list(items), workers, address))
        yield from reversed(list(share(items, setup, compute)))

    monkeypatch.setattr("unfrozen.language.covariance.share", backwards)
    folder = tmp_path / "both"
    both = second_moments(llama.lm, [0, 1], 70, corpus, folder=folder, workers=3, address="auto")
    assert asked == [(["batch 0", "batch 1", "batch 2"], 3, "auto")]
    for layer, moment in alone.items():
        assert torch.equal(both[layer].matrix, moment.matrix)
        assert both[layer].count == moment.count == 72


@pytest.mark.usefixtures("two")
def test_values_of_facts_are_those_of_one_process(llama, monkeypatch):
    monkeypatch.setattr("unfrozen.language.editing.batch.memit._PIECE", 1)
    settings = MemitSettings(layers=(0, 1), clamp=3.0, steps=10, anchor=True)
    name = llama.lm.down_projection(0).parameter_name
    told = []
    # Of a model that is not as it was loaded.
    with llama.lm.edited({name: torch.full((32, 48), 0.01)}):
        alone = Memit(llama.lm, settings, None, ("In the city. ",))
        both = Memit(llama.lm, settings, None, ("In the city. ",), workers=2)
        expected = alone.values(FACTS)
        found = both.values(FACTS, lambda *news: told.append(news))
    assert all(torch.equal(value, getattr(found, key)) for key, value in vars(expected).items())
    assert Counter(told) == Counter(("Searching values", done, 3) for done in range(4))
