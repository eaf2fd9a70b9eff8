"""Kernels of a neighbourhood against dense matrices, and their gradients against differences."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Neighbourhood

PATH = Neighbourhood(torch.tensor([0, 1, 3, 4]), torch.tensor([1, 0, 2, 1]), 3)


def drawn(n, sources, density, seed, *, signed=False, dtype=torch.float64):
    """A random neighbourhood, its dense matrix and features of its sources."""
    rng = np.random.default_rng(seed)
    there = rng.random((n, sources)) < density
    dense = there * (rng.choice([-2.0, -1.0, 1.0], (n, sources)) if signed else 1.0)
    near = Neighbourhood.from_scipy(sp.csr_array(dense), sources, binary=not signed)
    x = torch.from_numpy(rng.standard_normal((sources, 6))).to(dtype)
    return near, torch.from_numpy(dense).to(dtype), x


@given(
    st.integers(0, 9), st.integers(0, 9), st.sampled_from([0.0, 0.2, 0.7]), st.integers(0, 99),
    st.booleans(),
)  # fmt: skip
def test_sums_and_transposes_are_those_of_dense_matrices(n, sources, density, seed, signed):
    near, dense, x = drawn(n, sources, density, seed, signed=signed)
    torch.testing.assert_close(near @ x, dense @ x)
    y = torch.randn(n, 3, dtype=x.dtype, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(near.T @ y, dense.T @ y)
    assert near.T.T is near
    assert near.T.T.order.tolist() == torch.argsort(near.columns, stable=True).tolist()
    assert near.T.columns.tolist() == near.rows[near.order].tolist()
    torch.testing.assert_close(torch.from_numpy(near.scipy().toarray()).to(dense), dense)
    torch.testing.assert_close(near.csr(x.dtype).to_dense(), dense)


@given(st.integers(1, 9), st.sampled_from([0.1, 0.6]), st.integers(0, 99), st.booleans())
def test_means_and_symmetric_sums(n, density, seed, signed):
    near, dense, x = drawn(n, n + 2, density, seed, signed=signed)
    rows = dense.abs().sum(1, keepdim=True)
    columns = dense.abs().sum(0, keepdim=True)
    torch.testing.assert_close(near.mean(x), (dense / rows.clamp_min(1)) @ x)
    symmetric = dense / (rows.clamp_min(1) * columns.clamp_min(1)).sqrt()
    torch.testing.assert_close(near.sum(x, norm="symmetric"), symmetric @ x)


@given(st.integers(1, 9), st.sampled_from([0.1, 0.6]), st.integers(0, 99), st.booleans())
def test_extremes(n, density, seed, signed):
    near, dense, x = drawn(n, n + 2, density, seed, signed=signed)
    expected = torch.zeros(n, 6, dtype=x.dtype), torch.zeros(n, 6, dtype=x.dtype)
    for row in range(n):
        heard = dense[row].nonzero()[:, 0]
        if len(heard):
            seen = dense[row, heard, None] * x[heard]
            expected[0][row], expected[1][row] = seen.amax(0), seen.amin(0)
    torch.testing.assert_close(near.max(x), expected[0])
    torch.testing.assert_close(near.min(x), expected[1])


@pytest.mark.parametrize("heads", [None, 1, 2, 3])
@pytest.mark.parametrize("signed", [False, True])
def test_weights_of_entries_and_heads(heads, signed):
    near, dense, x = drawn(7, 5, 0.5, 3, signed=signed)
    generator = torch.Generator().manual_seed(0)
    shape = (len(near),) if heads is None else (len(near), heads)
    weights = torch.randn(shape, dtype=x.dtype, generator=generator)
    parts = []
    for head, part in enumerate(x.chunk(heads or 1, 1)):
        own = dense.clone()
        of_head = weights if heads is None else weights[:, head]
        own[near.rows, near.columns] *= of_head
        parts.append(own @ part)
    torch.testing.assert_close(near.sum(x, weights), torch.cat(parts, 1))
    x.requires_grad_()
    weights.requires_grad_()
    assert gradcheck(near.sum, (x, weights))
    assert gradgradcheck(near.sum, (x, weights))


def test_gradients_of_all_kernels():
    near, _, x = drawn(6, 5, 0.5, 1, signed=True)
    y = torch.randn(6, 6, dtype=x.dtype, generator=torch.Generator().manual_seed(1))
    x.requires_grad_()
    y.requires_grad_()
    for kernel in (near.mean, near.max, near.min, lambda t: near.sum(t, norm="symmetric")):
        assert gradcheck(kernel, (x,))
    assert gradcheck(near.products, (y, x))
    assert gradgradcheck(near.products, (y, x))
    for shape in ((len(near),), (len(near), 2)):
        for by, cells in (("row", 6), ("column", 5)):
            told = torch.rand(shape, dtype=x.dtype, generator=torch.Generator().manual_seed(3))
            of_cells = told[:cells].clone().requires_grad_()
            told.requires_grad_()
            for kernel, of in ((near.collect, told), (near.spread, of_cells)):
                assert gradcheck(lambda t, k=kernel, b=by: k(t, by=b), (of,))
                assert gradgradcheck(lambda t, k=kernel, b=by: k(t, by=b), (of,))
        scores = torch.randn(shape, dtype=x.dtype, generator=torch.Generator().manual_seed(2))
        scores.requires_grad_()
        assert gradcheck(near.softmax, (scores,))
        assert gradgradcheck(near.softmax, (scores,))


def test_products_are_sampled_from_the_full_ones():
    near, _, x = drawn(6, 5, 0.5, 4)
    y = torch.randn(6, 6, dtype=x.dtype, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(near.products(y, x), (y @ x.T)[near.rows, near.columns])


@given(st.integers(1, 8), st.sampled_from([0.1, 0.6]), st.integers(0, 99))
def test_softmax_is_that_of_each_row(n, density, seed):
    near, _, _ = drawn(n, 6, density, seed)
    scores = torch.randn(len(near), generator=torch.Generator().manual_seed(seed)) * 100
    weights = near.softmax(scores)
    for row in range(n):
        of_row = near.rows == row
        torch.testing.assert_close(weights[of_row], scores[of_row].softmax(0))


def test_softmax_of_scores_that_overflow_or_forbid():
    near = Neighbourhood(torch.tensor([0, 2, 2, 4, 5]), torch.tensor([0, 1, 0, 1, 1]), 2)
    forbidden = -torch.inf
    scores = torch.tensor([1e5, 1e5 + 1, forbidden, 0.0, forbidden], requires_grad=True)
    weights = near.softmax(scores)
    expected = torch.sigmoid(torch.tensor(1.0))
    torch.testing.assert_close(
        weights, torch.stack([1 - expected, expected, *torch.tensor([0.0, 1.0, 0.0])])
    )
    weights[1].backward()
    assert scores.grad is not None
    assert bool(scores.grad.isfinite().all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_precisions_follow_the_features(dtype):
    near, dense, exact = drawn(40, 30, 0.3, 0)
    x = exact.to(dtype).requires_grad_()
    weights = torch.rand(len(near), generator=torch.Generator().manual_seed(0)).to(dtype)
    weights.requires_grad_()
    found = near.sum(x, near.softmax(weights))
    assert found.dtype == dtype
    own = torch.zeros_like(dense)
    own[near.rows, near.columns] = weights.detach().double().exp()
    own /= own.sum(1, keepdim=True).clamp_min(1e-9)
    epsilon = torch.finfo(dtype).eps
    torch.testing.assert_close(found.double(), own @ x.double(), rtol=0, atol=4 * epsilon)
    found.sum().backward()
    assert x.grad is not None and weights.grad is not None  # noqa: PT018
    torch.testing.assert_close(
        x.grad.double(), own.sum(0)[:, None].expand(-1, 6), rtol=8 * epsilon, atol=0
    )
    for kernel in (near.mean, near.max, near.min):
        assert kernel(x).dtype == dtype
    # A row of many entries is not summed up in half precision, which would stay at 256.
    hub = Neighbourhood(torch.tensor([0, 4096]), torch.arange(4096), 4096)
    assert float(hub @ torch.ones(4096, 1, dtype=dtype)) == 4096


def test_other_devices_take_another_way_to_the_same_numbers(monkeypatch):
    from unfrozen.topology.complex.matrices import kernels

    near, _, x = drawn(8, 6, 0.4, 2)
    left = torch.randn(8, 6, dtype=x.dtype, generator=torch.Generator().manual_seed(0))
    expected = near.products(left, x)
    monkeypatch.setattr(kernels, "_SAMPLED", set())
    torch.testing.assert_close(near.products(left, x), expected)


def test_shapes_are_told_without_numbers():
    near, _, x = drawn(8, 6, 0.4, 2)
    moved, on_meta = near.to("meta"), x.to("meta").requires_grad_()
    scores = torch.zeros(len(near), 2, device="meta", dtype=x.dtype, requires_grad=True)
    found = moved.sum(on_meta, moved.softmax(scores))
    assert found.shape == (8, 6)
    found.sum().backward()
    assert on_meta.grad is not None
    assert on_meta.grad.shape == (6, 6)
    assert moved.max(on_meta).shape == (8, 6)
    assert near.to("cpu") is near


def test_each_cell_hears_of_itself_once():
    square = sp.csr_array(np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0], [3.0, 0.0, 0.0]]))
    near = Neighbourhood.from_scipy(square, 3, binary=False)
    assert near.reflexive.scipy().toarray().tolist() == [[1, 2, 0], [0, 1, 0], [3, 0, 1]]
    assert PATH.reflexive.scipy().toarray().tolist() == [[1, 1, 0], [1, 1, 1], [0, 1, 1]]
    assert PATH.reflexive.reflexive.columns.tolist() == PATH.reflexive.columns.tolist()


def test_entries_are_summed_and_spread():
    told = torch.arange(8.0).reshape(4, 2)
    for by_rows in (PATH.entries @ told, PATH.collect(told)):
        assert by_rows.tolist() == [[0, 1], [6, 8], [6, 7]]
    assert PATH.collect(told, by="column").tolist() == [[2, 3], [6, 8], [4, 5]]
    for rows in (PATH.entries.T @ told[:3], PATH.spread(told[:3])):
        assert rows.tolist() == told[PATH.rows].tolist()
    assert PATH.spread(told[:3, 0], by="column").tolist() == told[PATH.columns, 0].tolist()


def test_memory_is_that_of_entries_and_cells_not_of_pairs():
    # As a dense matrix either gradient would be 40 GB.
    n = 100_000
    near = Neighbourhood(torch.arange(n + 1) * 10, torch.arange(10 * n) % n, n)
    x = torch.ones(n, 1, requires_grad=True)
    weights = torch.ones(10 * n, requires_grad=True)
    found = near.sum(x, near.softmax(weights))
    found.sum().backward()
    assert x.grad is not None and weights.grad is not None  # noqa: PT018
    assert float(x.grad.sum()) == pytest.approx(n, rel=1e-5)
    assert float(weights.grad.abs().max()) < 1e-6


@pytest.mark.parametrize(
    "use",
    [
        lambda: PATH @ torch.ones(4, 1),
        lambda: PATH @ torch.ones(3),
        lambda: PATH @ torch.ones(3, 1, dtype=torch.int64),
        lambda: PATH @ torch.ones(3, 1, device="meta"),
        lambda: PATH.max(torch.ones(4, 1)),
        lambda: PATH.min(torch.ones(4, 1)),
        lambda: PATH.mean(torch.ones(4, 1)),
        lambda: PATH.sum(torch.ones(3, 1), norm="rows"),
        lambda: PATH.softmax(torch.ones(3)),
        lambda: PATH.collect(torch.ones(3)),
        lambda: PATH.spread(torch.ones(4)),
        lambda: PATH.sum(torch.ones(3, 1), torch.ones(3)),
        lambda: PATH.sum(torch.ones(3, 1), torch.ones(4, 1, 1)),
        lambda: PATH.sum(torch.ones(3, 3), torch.ones(4, 2)),
        lambda: PATH.products(torch.ones(2, 1), torch.ones(3, 1)),
        lambda: PATH.products(torch.ones(3, 1), torch.ones(3, 2)),
        lambda: Neighbourhood(torch.tensor([0, 1]), torch.tensor([0]), 2).reflexive,
    ],
)
def test_what_does_not_fit_is_refused(use, unchecked):
    with pytest.raises(TopologyError):
        use()
