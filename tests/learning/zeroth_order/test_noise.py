"""Noise: the same for a seed, a name and a place, whatever stands around it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unfrozen.errors import LearningError
from unfrozen.learning.zeroth_order import MeZO
from unfrozen.learning.zeroth_order.moves import Along, Moved, move, squared_norm
from unfrozen.learning.zeroth_order.noise import SEGMENT, Draw, block_length, quantiles

KINDS = ("gaussian", "rademacher", "low-rank")
DRAW = Draw(seed=3, step=5, sample=1)


def noise(kind, *shapes, draw=DRAW, names=None, rank=1, dtype=torch.float32):
    tensors = [torch.zeros(shape, dtype=dtype) for shape in shapes]
    names = names or [f"p{i}" for i in range(len(tensors))]
    move([Moved(n, t, [Along(draw, 1.0)]) for n, t in zip(names, tensors, strict=True)], kind, rank)
    return tensors


@pytest.mark.parametrize("kind", KINDS)
@given(shape=st.lists(st.integers(1, 70), min_size=1, max_size=3))
def test_what_is_drawn_comes_back_whatever_the_shape(kind, shape):
    (once,) = noise(kind, shape)
    weights = torch.zeros(shape)
    for by in (1.0, -2.0, 1.0):
        move([Moved("p0", weights, [Along(DRAW, by)])], kind)
    assert once.abs().sum() > 0
    torch.testing.assert_close(weights, torch.zeros(shape), atol=1e-6, rtol=0)
    # A drawn tensor of the same name is the same to the bit.
    assert torch.equal(noise(kind, shape)[0], once)


@pytest.mark.parametrize("kind", ["gaussian", "rademacher"])
@given(n=st.integers(1, 200), rest=st.integers(0, 100))
def test_a_longer_parameter_begins_as_a_shorter_one(kind, n, rest):
    (short,), (long,) = noise(kind, (n,)), noise(kind, (n + rest,))
    assert torch.equal(long[:n], short)


@pytest.mark.parametrize("kind", ["gaussian", "rademacher"])
@pytest.mark.parametrize("extra", [-1, 0, 1, 17])
def test_blocks_and_segments_meet(kind, extra):
    for whole in (block_length(torch.device("cpu")), SEGMENT):
        (long,), (longer,) = noise(kind, (whole + extra,)), noise(kind, (whole + 100,))
        assert torch.equal(long, longer[: whole + extra])
        # And what comes behind a seam is no copy of what comes before it.
        assert not torch.equal(longer[whole : whole + 100], longer[:100])


@pytest.mark.parametrize("kind", KINDS)
def test_neither_threads_nor_order_nor_neighbours_nor_types_matter(kind):
    shapes, names = [(1000, 1500), (37,), (1500, 999)], ["a", "b", "c"]
    whole = dict(zip(names, noise(kind, *shapes, names=names), strict=True))
    back = dict(zip(names[::-1], noise(kind, *shapes[::-1], names=names[::-1]), strict=True))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = noise(kind, shapes[0], names=["a"])[0]
    finally:
        torch.set_num_threads(before)
    assert torch.equal(alone, whole["a"])
    assert all(torch.equal(whole[name], back[name]) for name in names)
    double = noise(kind, (40, 30), dtype=torch.float64)[0]
    assert torch.equal(double.float(), noise(kind, (40, 30))[0])


@pytest.mark.parametrize("shape", [(539, 1293), (1031, 77), (3, 50_000)])
def test_moves_of_low_rank_are_the_same_for_any_number_of_threads(shape):
    base = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2, 3, 5):
            torch.set_num_threads(threads)
            weights = base.clone()
            move([Moved("p", weights, [Along(DRAW, 1e-3)])], "low-rank", 2)
            found.append(weights)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, found[0]) for one in found)


def test_the_default_type_of_numbers_does_not_matter():
    usual = [noise(kind, (30, 40))[0] for kind in KINDS]
    torch.set_default_dtype(torch.float64)
    try:
        other = [noise(kind, (30, 40))[0] for kind in KINDS]
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(torch.equal(a, b) for a, b in zip(usual, other, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_of_what_is_asked_changes_it(kind):
    (one,) = noise(kind, (20, 30))
    for draw in (Draw(4, 5, 1), Draw(3, 6, 1), Draw(3, 5, 2)):
        assert not torch.equal(noise(kind, (20, 30), draw=draw)[0], one)
    assert not torch.equal(noise(kind, (20, 30), names=["other"])[0], one)


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_that_do_not_stand_in_order_get_the_same(kind):
    (plain,) = noise(kind, (48, 31))
    turned = torch.zeros(31, 48).T
    move([Moved("p0", turned, [Along(DRAW, 1.0)])], kind)
    assert torch.equal(turned, plain)


def test_gaussian_noise_is_gaussian():
    (z,) = noise("gaussian", (400_000,))
    assert stats.kstest(z.numpy(), "norm").pvalue > 1e-3
    # Neighbours are independent.
    assert abs(torch.corrcoef(torch.stack([z[:-1], z[1:]]))[0, 1]) < 4 / math.sqrt(len(z))


def test_rademacher_noise_is_a_fair_coin_in_every_place_of_a_word():
    (z,) = noise("rademacher", (64 * 10_000,))
    assert set(z.unique().tolist()) == {-1.0, 1.0}
    means = z.view(-1, 64).mean(0)
    assert means.abs().max() < 4.5 / math.sqrt(10_000)
    between = torch.corrcoef(z.view(-1, 64).T) - torch.eye(64)
    assert between.abs().max() < 5 / math.sqrt(10_000)


@pytest.mark.parametrize("rank", [1, 3])
def test_noise_of_low_rank_has_it_and_has_variance_one(rank):
    found = [noise("low-rank", (60, 80), draw=Draw(0, t), rank=rank)[0] for t in range(300)]
    assert torch.linalg.matrix_rank(found[0]) == rank
    squares = torch.stack(found).square().mean((1, 2))
    assert abs(squares.mean() - 1) < 4 * squares.std() / math.sqrt(len(found))


def test_the_squared_norm_is_that_of_what_is_drawn():
    shapes = [(33, 1000), (40_000,), (5,)]
    drawn = noise("sphere", *shapes)
    asked = [(f"p{i}", torch.empty(shape)) for i, shape in enumerate(shapes)]
    expected = sum(float(z.double().square().sum()) for z in drawn)
    assert squared_norm(asked, "sphere", DRAW) == pytest.approx(expected, rel=1e-12)


def test_the_global_generator_is_left_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    noise("gaussian", (100,))
    noise("rademacher", (100,))
    assert torch.equal(torch.get_rng_state(), before)


def test_meta_tensors_are_moved_nowhere():
    weights = torch.zeros(10, 10, device="meta")
    move([Moved("p0", weights, [Along(DRAW, 1.0)])], "gaussian")
    assert weights.is_meta


@pytest.mark.usefixtures("unchecked")
def test_unknown_noise_is_refused():
    with pytest.raises(LearningError, match="noise is gaussian, rademacher"):
        MeZO([torch.zeros(3)], noise="cauchy")


def test_quantiles_are_those_of_the_normal_distribution():
    found = quantiles(torch.device("cpu")).double().numpy()
    told = stats.norm.ppf((np.arange(2**16) + 0.5) / 2**16)
    np.testing.assert_allclose(found, told, rtol=1e-4)
    assert np.square(found).mean() == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(found, -found[::-1])
