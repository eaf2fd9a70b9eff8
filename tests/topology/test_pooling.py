"""Pooling, unpooling and readout against loops over cells."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.complexes import CUBE, SURFACES, TETRAHEDRON, complexes, sets
from tests.topology.layers.cochains import alike, seeded
from torch import nn
from torch.autograd import gradcheck

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex, adjacency, coadjacency, incidence
from unfrozen.topology.complex.batching import batch
from unfrozen.topology.layers import Convolution, check_equivariance, skip
from unfrozen.topology.pooling import (
    Pooling,
    Readout,
    Unpooling,
    is_pooling,
    mapper_pooling,
    readout,
)


@pytest.fixture(autouse=True)
def own_random_numbers():
    """Modules of torch draw their weights from the global generator."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


TORUS = SURFACES["torus"][0]
HOW = {
    "sum": lambda m: m.sum(0), "mean": lambda m: m.mean(0),
    "max": lambda m: m.amax(0), "min": lambda m: m.amin(0),
}  # fmt: skip


@given(complexes(), st.sampled_from(list(HOW)))
def test_cells_are_pooled_into_those_in_which_they_lie(complex_, how):
    h = alike(complex_)
    for high in complex_.ranks[1:]:
        low = complex_.ranks[complex_.ranks.index(high) - 1]
        parts, wholes = sets(complex_, low), sets(complex_, high)
        up = Pooling(low, high, aggregate=how)({low: h[low]}, complex_)[high]
        down = Unpooling(high, low, aggregate=how)({high: h[high]}, complex_)[low]
        for own, found, of, others, inside in (
            (wholes, up, h[low], parts, lambda x, y: y < x),
            (parts, down, h[high], wholes, lambda x, y: x < y),
        ):
            for row, x in enumerate(own):
                heard = [i for i, y in enumerate(others) if inside(x, y)]
                expected = HOW[how](of[heard]) if heard else torch.zeros(4)
                torch.testing.assert_close(found[row], expected)


def test_pooling_of_an_image_is_that_of_torch():
    # Pixels of 4 by 6 as nodes, squares of 2 by 2 as cells (Hajij et al. 2022 on images).
    pixel = torch.arange(24).reshape(4, 6)
    squares = pixel.unfold(0, 2, 2).unfold(1, 2, 2).reshape(-1, 4)
    image = torch.randn(1, 3, 4, 6, generator=seeded())
    h = image.flatten(2)[0].T
    tiled = Complex({2: squares.numpy()})
    for how, theirs in (("mean", nn.AvgPool2d(2)), ("max", nn.MaxPool2d(2))):
        found = Pooling(0, 2, aggregate=how)({0: h}, tiled)[2]
        torch.testing.assert_close(found.T.reshape(1, 3, 2, 3), theirs(image))


def test_mapper_pooling_goes_on_along_overlaps():
    # A circle of eight nodes, covered by four arcs that overlap in one node each.
    arcs = [[0, 1, 2], [2, 3, 4], [4, 5, 6], [6, 7, 0]]
    ring = Complex({1: [[i, (i + 1) % 8] for i in range(8)], 2: arcs})
    h = {0: torch.arange(8.0)[:, None]}
    pooled = mapper_pooling()(h, ring)
    assert pooled[2].ravel().tolist() == [1, 3, 5, pytest.approx(13 / 3)]
    assert ring.coadjacency(2, via=0).scipy().toarray().sum(1).tolist() == [2, 2, 2, 2]
    layer = mapper_pooling(width=1) >> Convolution(
        coadjacency(2, via=0), 1, 3, norm="mean", generator=seeded()
    )
    assert layer(h, ring)[2].shape == (4, 3)


def test_balls_of_two_hops_are_pooled():
    path = Complex({1: [[0, 1], [1, 2], [2, 3]], 2: [[0, 1, 2], [0, 1, 2, 3], [1, 2, 3]]})
    h = {0: torch.tensor([[1.0], [10.0], [100.0], [1000.0]])}
    found = Pooling(0, 2, aggregate="sum")(h, path)
    assert found[2].ravel().tolist() == [111, 1111, 1110]


def test_messages_are_learned_and_the_order_of_cells_does_not_matter():
    layer = Pooling(0, 2, nn.Linear(4, 3), width=4) >> Unpooling(2, 1, torch.tanh, aggregate="max")
    assert layer.writes == {2: 3, 1: None}
    assert check_equivariance(layer, TORUS, alike(TORUS), seeded()) < 1e-5


def test_which_networks_pool():
    up, far = (Convolution(incidence(0, rank).T, 4, 4, generator=seeded()) for rank in (1, 2))
    assert is_pooling(Pooling(0, 2))
    assert is_pooling(up | far)
    assert is_pooling(far + Convolution(incidence(1, 2).T, 4, 4, generator=seeded()))
    assert not is_pooling(Unpooling(2, 0))
    assert not is_pooling(up | skip(0))
    assert not is_pooling(Convolution(adjacency(1), 4, 4, generator=seeded()))
    # Of height two.
    assert not is_pooling(up >> Pooling(1, 2))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.sampled_from(["sum", "mean", "max"]))
def test_readout_is_that_of_each_complex(counts, how):
    owner = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    h = torch.randn(len(owner), 3, generator=seeded(sum(counts)))
    found = readout(h, owner, len(counts), how)
    for row, part in enumerate(h.split(counts)):
        torch.testing.assert_close(found[row], HOW[how](part) if len(part) else torch.zeros(3))


def test_readout_of_a_batch():
    parts = [CUBE, TETRAHEDRON, Complex({1: [[0, 1]]})]
    whole = batch(parts)
    given_ = [alike(part, seed=seed) for seed, part in enumerate(parts)]
    together = {rank: torch.cat([h[rank] for h in given_ if rank in h]) for rank in (0, 1, 2)}
    layer = Readout((0, 2), ("mean", "max"), beta=nn.Linear(16, 2))
    found = layer(together, whole.owner, len(whole))
    assert found.shape == (3, 2)
    rows = [torch.cat([h[0].mean(0), h[0].amax(0), h[2].mean(0), h[2].amax(0)]) for h in given_[:2]]
    rows.append(torch.cat([given_[2][0].mean(0), given_[2][0].amax(0), torch.zeros(8)]))
    torch.testing.assert_close(found, layer.beta(torch.stack(rows)))
    assert Readout([0])(together, whole.owner, 3).shape == (3, 4)
    assert "beta.weight" in layer.state_dict()
    x = torch.randn(5, 2, dtype=torch.float64, generator=seeded()).requires_grad_()
    owner = torch.tensor([0, 0, 1, 3, 3])
    for how in ("sum", "mean", "max"):
        assert gradcheck(lambda own, how=how: readout(own, owner, 4, how), (x,))


def test_readout_of_a_rank_that_no_complex_has():
    layer = Readout([5])
    assert layer({5: torch.zeros(0, 3)}, {}, 2).tolist() == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (lambda: Pooling(2, 1), "from a lower to a higher rank"),
        (lambda: Unpooling(0, 2), "from a lower to a higher rank"),
        (lambda: readout(torch.ones(2, 1), torch.tensor([0]), 1), "one for each of 2 cells"),
        (lambda: readout(torch.ones(2, 1), torch.tensor([1, 0]), 2), "ascending"),
        (lambda: readout(torch.ones(2, 1), torch.tensor([0, 2]), 2), "owners are 0 to 1"),
        (lambda: readout(torch.ones(1, 1), torch.tensor([-1]), 2), "owners are 0 to 1"),
        (lambda: Readout([]), "one rank or more"),
        (lambda: Readout([0], ()), "one way or more"),
        (lambda: Readout([0], "median"), "choose from sum, mean, max"),
        (lambda: readout(torch.ones(1, 1), torch.tensor([0]), 1, "min"), "choose from sum"),
        (lambda: Readout([1])({0: torch.ones(1, 1)}, {}, 1), "reads rank 1"),
        (lambda: Readout([0])({0: torch.ones(1, 1)}, {}, 1), "one for each of 1 cells"),
    ],
)
def test_what_does_not_fit_is_refused(use, told, unchecked):
    with pytest.raises(TopologyError, match=told):
        use()
