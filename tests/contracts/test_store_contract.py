"""What every store of patterns must satisfy, against a dictionary and plain softmax."""

import math

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.draws import normal32

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.store import MappedStore, PatternStore, TensorStore, nearest, read

D, V = 5, 3
STORES = {
    "tensor, split": lambda folder, *a, **k: TensorStore(*a, **k),
    "tensor, plain": lambda folder, *a, **k: TensorStore(*a, layout="plain", **k),
    "mapped": MappedStore.create,
}


@pytest.fixture(params=STORES.values(), ids=STORES.keys())
def make(request, tmp_path_factory):
    def build(*args, **options) -> PatternStore:
        store = request.param(tmp_path_factory.mktemp("store") / "s", *args, **options)
        store.sync = False  # nobody pulls the plug on a test
        return store

    return build


def content(store):
    ids = store.ids
    keys, values = store.get(ids)
    return {
        i: (tuple(k.tolist()), tuple(v.tolist()))
        for i, k, v in zip(ids.tolist(), keys, values, strict=True)
    }


each_example = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 150)),
        st.tuples(st.just("delete"), st.integers(0, 300)),
        st.tuples(st.just("update"), st.integers(0, 300)),
        st.tuples(st.just("compact"), st.just(0)),
    ),
    max_size=8,
)


@each_example
@given(steps=steps, hetero=st.booleans())
def test_a_store_is_a_dictionary_of_patterns(make, steps, hetero):
    store, model = make(D, V if hetero else None), {}
    for number, (what, size) in enumerate(steps):
        keys, values = normal32(number, max(size, 1), D), normal32(900 + number, max(size, 1), V)
        if what == "append":
            ids = store.append(keys, values if hetero else None)
            assert len(set(ids.tolist()) | set(model)) == len(model) + size
            rows = zip(ids.tolist(), keys, values if hetero else keys, strict=True)
            model |= {i: (tuple(k.tolist()), tuple(v.tolist())) for i, k, v in rows}
        elif what == "compact":
            store.compact()
            assert store.rows == len(store)
        elif model:
            some = sorted(model)[:: max(1, size % 7)]
            if what == "delete":
                store.delete(some)
                model = {i: v for i, v in model.items() if i not in some}
            else:
                keys, values = normal32(number, len(some), D), normal32(900 + number, len(some), V)
                store.update(some, keys, values if hetero else None)
                rows = zip(some, keys, values if hetero else keys, strict=True)
                model |= {i: (tuple(k.tolist()), tuple(v.tolist())) for i, k, v in rows}
        assert content(store) == model
        assert len(store) == len(model)
    query = normal32(5, 4, D)
    found = read(store, query, 2.0)
    if not model:
        assert found.values.tolist() == [[0.0] * store.value_width] * 4
        return
    keys = torch.tensor([k for k, _ in model.values()])
    values = torch.tensor([v for _, v in model.values()])
    expected = (2.0 * query.double() @ keys.double().T).softmax(-1) @ values.double()
    torch.testing.assert_close(found.values.double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("beta", [0.01, 0.3, 1.0, 6.0])
@pytest.mark.parametrize("method", ["auto", "certified", "streamed"])
def test_reading_is_softmax_attention(make, beta, method):
    store = make(32, V)
    keys, values = normal32(0, 1500, 32), normal32(1, 1500, V)
    for k, v in zip(keys.split(333), values.split(333), strict=True):
        store.append(k, v)
    store.delete(range(100, 300))
    there = torch.ones(1500, dtype=torch.bool)
    there[100:300] = False
    queries = keys[[0, 150, 700, 1499]] + 0.2 * normal32(2, 4, 32)
    scores = (beta * queries.double() @ keys.double().T).masked_fill(~there, -math.inf)
    expected = scores.softmax(-1) @ values.double()
    found = read(store, queries, beta, method=method)
    torch.testing.assert_close(found.values.double(), expected, rtol=1e-5, atol=2e-6)
    torch.testing.assert_close(
        found.log_sum_exp.double(), scores.logsumexp(-1), rtol=1e-6, atol=1e-5
    )
    assert found.best.tolist() == scores.argmax(-1).tolist()
    assert bool((found.neglected <= 1e-7).all())


@pytest.mark.parametrize("method", ["auto", "certified", "streamed"])
@pytest.mark.parametrize("beta", [1e2, 1e3, 1e5, 1e30])
def test_a_cold_network_names_the_nearest(make, beta, method):
    # The scan is then off by more than weights can tell: its top is no measure of them.
    store = make(256)
    keys = normal32(0, 400, 256)
    store.append(keys)
    found = read(store, keys[:8] + 0.3 * normal32(1, 8, 256), beta, method=method)
    torch.testing.assert_close(found.values, keys[:8])
    assert found.best.tolist() == list(range(8))
    assert bool((found.neglected <= 1e-7).all())
    assert bool(found.log_sum_exp.isfinite().all())


@each_example
@given(
    n=st.integers(1, 400),
    b=st.integers(1, 5),
    beta=st.sampled_from([0.1, 1.0, 5.0, 50.0]),
    tolerance=st.sampled_from([1e-7, 1e-4, 0.1]),
    seed=st.integers(0, 1000),
)
def test_what_is_neglected_is_no_more_than_is_said(make, n, b, beta, tolerance, seed):
    store = make(D)
    keys = normal32(seed, n, D) * (1 + 9 * (seed % 2))
    store.append(keys)
    queries = normal32(seed + 1, b, D)
    exact = (beta * queries.double() @ keys.double().T).softmax(-1) @ keys.double()
    found = read(store, queries, beta, tolerance=tolerance, method="certified")
    assert bool((found.neglected <= tolerance * 1.0001).all())
    longest = float(keys.norm(dim=1).max())
    error = (found.values.double() - exact).norm(dim=1)
    assert bool((error <= (2 * found.neglected + 2e-5 * beta * longest + 1e-5) * longest).all())


@each_example
@given(n=st.integers(1, 300), k=st.integers(1, 12), seed=st.integers(0, 1000))
def test_the_nearest_are_those_of_a_full_sort(make, n, k, seed):
    store = make(D)
    keys, queries = normal32(seed, n, D), normal32(seed + 1, 3, D)
    store.append(keys)
    found = nearest(store, queries, k)
    expected = (queries @ keys.T).topk(min(k, n))
    torch.testing.assert_close(found.scores[:, :n], expected.values, rtol=1e-5, atol=1e-5)
    assert found.ids[:, :n].tolist() == expected.indices.tolist()
    assert bool((found.ids[:, n:] == -1).all())


def test_the_least_important_go_when_there_is_no_room(make):
    store = make(D, capacity=4)
    store.append(normal32(0, 3, D))
    store.append(normal32(1, 3, D))
    assert store.ids.tolist() == [2, 3, 4, 5]

    store = make(D, capacity=4, policy="least-recent")
    store.append(normal32(0, 4, D))
    store.touch([0, 2])
    store.append(normal32(1, 2, D))
    assert store.ids.tolist() == [0, 2, 4, 5]

    store = make(D, capacity=3, policy="least-surprising")
    first = torch.eye(D)[:2]
    store.append(first)
    store.append(first[:1] + 0.01)  # nothing new
    store.append(torch.eye(D)[4:])
    assert store.ids.tolist() == [0, 1, 3]

    store = make(D, capacity=2, policy="refuse")
    store.append(normal32(0, 2, D))
    with pytest.raises(MemoryShapeError, match="room for 2 patterns: 2 are there and 1 more"):
        store.append(normal32(1, 1, D))
    assert len(store) == 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda s: s.append(torch.zeros(1, D + 1)), "maps 5 features"),
        (lambda s: s.append(torch.full((1, D), math.nan)), "not all finite"),
        (lambda s: s.append(torch.full((1, D), 3.4e38)), "too large"),
        (lambda s: s.append(torch.zeros(0, D)), "nothing to write"),
        (lambda s: s.append(torch.zeros(1, D), torch.zeros(1, D)), "keeps keys alone"),
        (lambda s: s.append(torch.zeros(2, D), surprise=torch.zeros(1)), "one surprise"),
        (lambda s: s.delete(77), "no pattern 77"),
        (lambda s: s.delete([0, -1]), "no pattern -1"),
        (lambda s: s.update([0, 0], torch.zeros(2, D)), "each once"),
        (lambda s: s.update([1], torch.zeros(2, D)), "each once"),
        (lambda s: s.get([99]), "no pattern 99"),
        (lambda s: s.touch(99), "no pattern 99"),
        (lambda s: read(s, torch.zeros(1, D + 1), 1.0), "rows of 5 features"),
        (lambda s: read(s, torch.zeros(1, D), 0.0), "beta must be positive"),
        (lambda s: read(s, torch.full((1, D), math.nan), 1.0), "queries are not all finite"),
        (lambda s: nearest(s, torch.full((1, D), math.inf), 1), "queries are not all finite"),
        (lambda s: read(s, torch.full((1, D), 1e20), 1e30), "too large"),
        (lambda s: read(s, torch.zeros(1, D), 1.0, tolerance=1.0), "between 0 and 1"),
        (lambda s: nearest(s, torch.zeros(1, D), 0), "one pattern or more"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(make, unchecked, wrong, message):
    store = make(D)
    store.append(normal32(0, 3, D))
    before = content(store)
    with pytest.raises(MemoryShapeError, match=message):
        wrong(store)
    assert content(store) == before


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((0,), {}, "at least one feature"),
        ((D, 0), {}, "at least one feature"),
        ((D,), {"capacity": 0}, "one pattern or more"),
        ((D,), {"policy": "loudest"}, "no policy 'loudest'"),
    ],
)
def test_a_store_that_makes_no_sense_is_not_made(make, arguments, options, message):
    with pytest.raises(MemoryShapeError, match=message):
        make(*arguments, **options)


def test_deleted_rows_are_cleared_away_in_time(make):
    store = make(2)
    store.append(normal32(0, 6000, 2))
    store.delete(range(0, 6000, 2))
    assert store.rows == len(store) == 3000
    assert store.ids.tolist() == list(range(1, 6000, 2))


def test_importance_is_asked_of_the_policy(make):
    store = make(D)
    store.append(normal32(0, 3, D), surprise=torch.tensor([0.5, 0.1, 0.9]))
    assert store.importance("least-surprising").argmin() == 1
    assert store.importance("oldest").tolist() == [0, 1, 2]
    store.touch(1)
    assert store.importance("least-recent").argmax() == 1
