"""Indexes against reading everything: what they find, and what they say they left out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.draws import normal32

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.store import FaissIndex, TensorStore, read

KINDS = ["flat", "ivf", "hnsw"]


def clustered(seed, n, d, clusters=20):
    centres = 4 * normal32(seed, clusters, d)
    return centres[torch.arange(n) % clusters] + 0.3 * normal32(seed + 1, n, d)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_well_separated_is_read_as_by_all_rows(kind):
    keys, values = clustered(0, 2000, 16), normal32(3, 2000, 2)
    store = TensorStore(16, 2)
    store.append(keys, values)
    queries = keys[::97] + 0.01 * normal32(5, len(keys[::97]), 16)
    exact = read(store, queries, 10.0)
    found = FaissIndex(store, kind, lists=20, probes=3).read(queries, 10.0, k=128)
    torch.testing.assert_close(found.values, exact.values, rtol=1e-4, atol=1e-4)
    assert found.ids[:, 0].tolist() == exact.best.tolist()


@pytest.mark.parametrize("kind", KINDS)
@given(
    n=st.integers(2, 300),
    k=st.integers(1, 40),
    beta=st.sampled_from([0.05, 0.5, 3.0]),
    lists=st.integers(1, 12),
    probes=st.integers(1, 12),
    seed=st.integers(0, 100),
)
def test_no_more_is_neglected_than_is_said(kind, n, k, beta, lists, probes, seed):
    keys, queries = clustered(seed, n, 4, 5), normal32(seed + 9, 3, 4)
    store = TensorStore(4)
    store.append(keys)
    store.delete(range(0, n - 1, 5))
    found = FaissIndex(store, kind, lists=lists, probes=probes).read(queries, beta, k=k)
    every = read(store, queries, beta, method="streamed")
    neglected = 1 - (found.log_sum_exp - every.log_sum_exp).exp()
    assert bool((neglected <= found.neglected + 1e-4).all())
    if n <= 4000:  # the sample is all there is
        torch.testing.assert_close(found.estimated, neglected, rtol=1e-3, atol=1e-3)


def test_of_patterns_in_clusters_the_bound_says_something():
    keys = clustered(0, 4000, 32)
    store = TensorStore(32)
    store.append(keys)
    found = FaissIndex(store, "ivf", lists=200, probes=40).read(keys[:20], 0.5, k=256)
    assert float(found.neglected.max()) < 0.01
    assert float(FaissIndex(store, "hnsw").read(keys[:20], 0.5).neglected.min()) > 0.01


def test_the_estimate_sees_what_the_index_does_not():
    keys = normal32(0, 20_000, 8)
    store = TensorStore(8)
    store.append(keys)
    queries = normal32(1, 10, 8)
    found = FaissIndex(store, "ivf", lists=50, probes=2).read(queries, 0.3, k=32)
    every = read(store, queries, 0.3, method="streamed")
    neglected = 1 - (found.log_sum_exp - every.log_sum_exp).exp()
    torch.testing.assert_close(found.estimated, neglected, rtol=0.05, atol=0.05)


def test_calibration_takes_as_few_lists_as_it_can():
    keys = clustered(0, 3000, 16, 30)
    store = TensorStore(16)
    store.append(keys)
    index = FaissIndex(store, "ivf", lists=60)
    queries = keys[::41] + 0.01 * normal32(5, len(keys[::41]), 16)
    found = index.calibrate(queries, 0.95)
    few = index.probes
    assert found >= 0.95
    assert index.calibrate(queries, 1.0) == 1.0
    assert index.probes >= few
    if few > 1:
        index.probes = few // 2
        best = read(store, queries, 1.0).best
        assert float((index.read(queries, 1.0, k=1).ids[:, 0] == best).double().mean()) < 0.95
    with pytest.raises(MemoryShapeError, match="calibrated on queries"):
        index.calibrate(queries[:0])


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_follows_its_store(kind):
    keys = clustered(0, 200, 8)
    store = TensorStore(8)
    index = FaissIndex(store, kind, lists=4, probes=4)
    assert index.read(keys[:2], 1.0).values.tolist() == [[0.0] * 8] * 2

    def agree():
        queries = keys[::9]
        found = index.read(queries, 0.5, k=200).values
        torch.testing.assert_close(found, read(store, queries, 0.5).values, rtol=1e-4, atol=1e-3)

    store.append(keys[:100])
    agree()
    store.append(keys[100:])
    agree()
    store.delete([3, 150])
    agree()
    store.update([7, 8], 1.5 * keys[150:152])
    agree()
    store.compact()
    agree()
    store.delete(store.ids)
    assert index.read(keys[:1], 1.0).ids[0, 0] == -1


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda s: FaissIndex(s, "tree"), "'flat', 'ivf' or 'hnsw'"),
        (lambda s: FaissIndex(s, "ivf", lists=0), "positive"),
        (lambda s: FaissIndex(s, "flat").read(torch.zeros(1, 4), 1.0, k=0), "one row or more"),
        (lambda s: FaissIndex(s, "flat").read(torch.zeros(1, 3), 1.0), "rows of 4 features"),
    ],
)
def test_what_makes_no_sense_is_refused(unchecked, ask, message):
    with pytest.raises(MemoryShapeError, match=message):
        ask(TensorStore(4))


def test_without_faiss_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(MemoryShapeError, match=r"pip install unfrozen\[scale\]"):
        FaissIndex(TensorStore(4))
