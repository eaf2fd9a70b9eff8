import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.draws import F64, normal

from unfrozen.memory.linear.hebbian import (
    BlockMask,
    Writes,
    fading,
    fold,
    no_writes,
    read,
    read_writes,
    write,
)

SEEDS = st.integers(0, 10_000)
MASK = BlockMask(
    torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1]]).double(),
    torch.tensor([[1, 1, 1], [0, 1, 1]]).double(),
)


def explicit(base, keys, values, decay, rate, mask=None):
    """The matrix after each number of writes, made write by write."""
    matrices = [base]
    for s in range(keys.shape[1]):
        new = torch.einsum("bv,bk->bvk", values[:, s], keys[:, s])
        if mask is not None:
            new = new * mask.dense()
        matrices.append(decay * matrices[-1] + rate * new)
    return matrices


def drawn(seed, b=2, n=4):
    return normal(seed, b, 4, 3), normal(seed + 1, b, n, 3), normal(seed + 2, b, n, 4)


@given(st.floats(0, 1), st.floats(0, 2), st.sampled_from([None, MASK]), st.integers(0, 5), SEEDS)
def test_queries_are_answered_as_by_the_matrix_of_their_time(decay, rate, mask, n, seed):
    base, keys, values = drawn(seed, n=n)
    base = base if mask is None else base * mask.dense()
    queries, before = normal(seed + 3, 2, n + 1, 3), torch.arange(n + 1)
    found = read(base, Writes(keys, values), queries, fading(before, n, decay, rate, base), mask)
    for q, matrix in enumerate(explicit(base, keys, values, decay, rate, mask)):
        expected = torch.einsum("bvk,bk->bv", matrix, queries[:, q])
        torch.testing.assert_close(found[:, q], expected, rtol=1e-12, atol=1e-12)


@given(st.floats(0, 1), st.floats(0, 2), st.sampled_from([None, MASK]), st.integers(0, 5), SEEDS)
def test_folding_makes_the_matrix(decay, rate, mask, n, seed):
    base, keys, values = drawn(seed, n=n)
    base = base if mask is None else base * mask.dense()
    expected = explicit(base, keys, values, decay, rate, mask)[-1]
    writes = Writes(keys, values)
    folded = fold(base, writes, decay, rate, mask=mask)
    torch.testing.assert_close(folded, expected, rtol=1e-12, atol=1e-12)
    clipped = fold(base, writes, decay, rate, 0.5, mask)
    torch.testing.assert_close(clipped, expected.clamp(-0.5, 0.5), rtol=1e-12, atol=1e-12)


def test_a_query_knows_nothing_of_later_writes():
    base, keys, values = drawn(0)
    queries, left = normal(3, 2, 4, 3), fading(torch.arange(4), 4, 0.9, 0.5, base)
    before = read(base, Writes(keys, values), queries, left)
    keys[:, 2:], values[:, 2:] = 7.0, -7.0
    after = read(base, Writes(keys, values), queries, left)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.equal(before[:, 3], after[:, 3])


def test_a_list_grown_write_by_write_answers_as_the_whole_one():
    base, keys, values = drawn(0)
    queries = normal(3, 2, 5, 3)
    table = fading(torch.arange(5), 5, 0.9, 0.5, base)
    whole = fading(torch.arange(5), 4, 0.9, 0.5, base)
    expected = read(base, Writes(keys, values), queries, whole, MASK)
    writes = no_writes(base)
    for t in range(5):
        one = read(base, writes, queries[:, t : t + 1], table.at(t), MASK)
        torch.testing.assert_close(one, expected[:, t : t + 1])
        if t < 4:
            writes = write(writes, keys[:, t], values[:, t])
    assert torch.equal(writes.keys, keys)
    assert torch.equal(writes.values, values)


@pytest.mark.parametrize("mask", [None, MASK])
def test_gradients_are_those_of_the_matrix(mask):
    base, keys, values = drawn(0)
    queries, weigh = normal(3, 2, 5, 3), normal(4, 2, 5, 4)
    inputs = [t.requires_grad_() for t in (keys, values, queries)]
    left = fading(torch.arange(5), 4, 0.9, 0.5, base)
    found = (read(base, Writes(keys, values), queries, left, mask) * weigh).sum()
    matrices = torch.stack(explicit(base, keys, values, 0.9, 0.5, mask), 1)
    expected = (torch.einsum("bqvk,bqk->bqv", matrices, queries) * weigh).sum()
    for one, other in zip(
        torch.autograd.grad(found, inputs), torch.autograd.grad(expected, inputs), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)
    assert torch.autograd.gradcheck(
        lambda k, v, q: read_writes(Writes(k, v), q, left.writes, mask), inputs
    )


def test_folding_leaves_no_gradient_and_does_not_touch_the_base():
    base, keys, values = drawn(0)
    kept = base.clone()
    folded = fold(base, Writes(keys.requires_grad_(), values), 0.9, 0.5, 1.0)
    assert not folded.requires_grad
    assert torch.equal(base, kept)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, F64])
def test_all_stays_in_the_dtype_of_the_base(dtype):
    base, keys, values = (t.to(dtype) for t in drawn(0))
    left = fading(torch.tensor([4]), 4, 0.9999, 0.5, base)
    assert left.base.dtype == left.writes.dtype == dtype
    assert fold(base, Writes(keys, values), 0.9, 0.5).dtype == dtype
    found = read(base, Writes(keys, values), keys[:, :1], left)
    assert found.dtype == dtype
    assert no_writes(base).keys.dtype == dtype
