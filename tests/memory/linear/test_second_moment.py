import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import DataError, MemoryShapeError
from unfrozen.memory import SecondMoment, SecondMomentAccumulator


def keys(n: int, width: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(1, 8), st.integers(0, 99))
def test_streaming_gives_the_mean_outer_product_however_it_is_cut(sizes, width, seed):
    rows = keys(sum(sizes) + 1, width, seed)
    accumulator = SecondMomentAccumulator(width)
    accumulator.update(rows[0])
    for block in rows[1:].split(sizes):
        accumulator.update(block)
    moment = accumulator.finish()
    expected = np.mean([np.outer(k, k) for k in rows.numpy()], axis=0)
    np.testing.assert_allclose(moment.matrix.numpy(), expected, rtol=1e-12, atol=1e-13)
    assert moment.count == len(rows)
    assert torch.equal(moment.matrix, moment.matrix.T)


def test_many_blocks_in_float32_lose_nothing_in_the_sum():
    rows = keys(20_000, 4, 0, torch.float32) + 3
    accumulator = SecondMomentAccumulator(4)
    for block in rows.split(10):
        accumulator.update(block.reshape(2, 5, 4))
    exact = rows.double().T @ rows.double() / len(rows)
    torch.testing.assert_close(accumulator.finish().matrix, exact, rtol=1e-7, atol=0)


@given(st.integers(1, 8), st.integers(1, 5), st.integers(0, 99))
def test_sums_of_several_are_the_sum_of_all(width, n, seed):
    rows = keys(2 * n, width, seed)
    first, second = SecondMomentAccumulator(width), SecondMomentAccumulator(width)
    first.update(rows[:n])
    second.update(rows[n:])
    first.add(second)
    np.testing.assert_allclose(first.sum.numpy(), (rows.T @ rows).numpy(), rtol=1e-12, atol=1e-12)
    assert first.count == 2 * n
    with pytest.raises(MemoryShapeError, match=f"{width + 1} features cannot be added"):
        first.add(SecondMomentAccumulator(width + 1))


@given(st.integers(1, 8), st.integers(1, 20), st.integers(0, 99))
def test_solve_inverts_the_regularised_matrix(width, n, seed):
    rows = keys(n, width, seed)
    moment = SecondMoment(rows.T @ rows / n, n)
    x = keys(3, width, seed + 1).T
    regularised = moment.regularised.numpy()
    added = regularised - moment.matrix.numpy()
    np.testing.assert_allclose(added, moment.ridge * np.eye(width), atol=1e-12)
    assert moment.ridge == pytest.approx(1e-6 * float(moment.matrix.diagonal().mean()))
    expected = scipy.linalg.solve(regularised, x.numpy(), assume_a="pos")
    np.testing.assert_allclose(moment.solve(x).numpy(), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(moment.solve(x[:, 0]).numpy(), expected[:, 0], rtol=1e-6, atol=1e-6)


def test_the_ridge_hardly_moves_a_moment_of_full_rank():
    rows = keys(500, 6, 0)
    moment = SecondMoment(rows.T @ rows / 500, 500)
    torch.testing.assert_close(
        moment.matrix @ moment.solve(rows[:3].T), rows[:3].T, rtol=1e-5, atol=1e-5
    )


def test_rounding_that_makes_it_indefinite_is_met_by_a_larger_ridge():
    rows = keys(3, 8, 0)
    matrix = rows.T @ rows / 3
    matrix -= 3e-6 * matrix.diagonal().mean() * torch.eye(8, dtype=torch.float64)
    moment = SecondMoment(matrix, 3)
    assert moment.ridge == pytest.approx(1e-5 * float(matrix.diagonal().mean()))
    assert torch.isfinite(moment.solve(rows.T)).all()


def test_effective_rank_counts_equal_directions():
    assert SecondMoment(torch.eye(7), 1).effective_rank == pytest.approx(7)
    assert SecondMoment(torch.diag(torch.tensor([4.0, 4, 0, 0])), 1).effective_rank == (
        pytest.approx(2)
    )


def test_a_file_gives_it_back(tmp_path):
    moment = SecondMoment(torch.tensor([[2.0, 0.5], [0.5, 1.0]]), 12)
    moment.save(tmp_path / "m.safetensors")
    again = SecondMoment.load(tmp_path / "m.safetensors")
    assert torch.equal(again.matrix, moment.matrix)
    assert again.count == 12
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def test_a_file_that_is_something_else_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    with pytest.raises(DataError, match="cannot be read"):
        SecondMoment.load(path)
    SecondMoment(torch.eye(3), 1).save(path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match="cannot be read"):
        SecondMoment.load(path)


@pytest.mark.parametrize(
    ("matrix", "count", "message"),
    [
        (torch.zeros(2, 3), 1, "square"),
        (torch.eye(2), 0, "at least one key"),
        (torch.full((2, 2), float("nan")), 1, "not finite"),
        (torch.tensor([[1.0, 0.9], [0.0, 1.0]]), 1, "not symmetric"),
    ],
)
def test_what_is_no_second_moment_is_refused(unchecked, matrix, count, message):
    with pytest.raises(MemoryShapeError, match=message):
        SecondMoment(matrix, count)


def test_what_cannot_be_inverted_is_refused():
    with pytest.raises(MemoryShapeError, match="zero"):
        SecondMoment(torch.zeros(2, 2), 1).solve(torch.ones(2))
    with pytest.raises(MemoryShapeError, match="positive semidefinite"):
        SecondMoment(torch.diag(torch.tensor([1.0, -1.0])), 1).solve(torch.ones(2))
    with pytest.raises(MemoryShapeError, match="3 features, not 2"):
        SecondMoment(torch.eye(3), 1).solve(torch.ones(2))


def test_an_accumulator_refuses_other_widths_and_having_nothing():
    accumulator = SecondMomentAccumulator(3)
    with pytest.raises(MemoryShapeError, match="3 features were expected"):
        accumulator.update(torch.zeros(5, 2))
    with pytest.raises(MemoryShapeError, match="at least one key"):
        accumulator.finish()
