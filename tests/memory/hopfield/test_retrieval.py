"""Reading: what is stored comes back, from damaged queries, under the conditions of the papers."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.draws import F64, normal

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.hopfield import (
    ClassicalHopfield,
    DenseHopfield,
    EpanechnikovHopfield,
    ModernHopfield,
    RandomFeatureHopfield,
)
from unfrozen.memory.separation import SPARSEMAX, entmax, potential


def damaged(signs, share, seed):
    """Signs with a share of them turned."""
    chosen = torch.rand(signs.shape, generator=torch.Generator().manual_seed(seed)) < share
    return torch.where(chosen, -signs, signs)


@pytest.mark.parametrize("order", ["synchronous", "asynchronous"])
@pytest.mark.parametrize(
    "make",
    [
        lambda order: ClassicalHopfield(200, order=order, dtype=F64),
        lambda order: ClassicalHopfield(200, rule="storkey", order=order, dtype=F64),
        lambda order: ClassicalHopfield(200, rule="pseudo-inverse", order=order, dtype=F64),
        lambda order: DenseHopfield(200, degree=3, order=order, dtype=F64),
        lambda order: DenseHopfield(200, degree=None, order=order, dtype=F64),
    ],
)
def test_patterns_come_back_from_damaged_ones(make, order):
    memory = make(order)
    patterns = normal(0, 10, 200).sign()
    memory.write(patterns)
    assert torch.equal(memory.read(damaged(patterns, 0.1, 1)), patterns)


def test_the_pseudo_inverse_stores_more_than_hebb():
    patterns = normal(0, 60, 100).sign()
    kept = {}
    for rule in ("hebb", "storkey", "pseudo-inverse"):
        memory = ClassicalHopfield(100, rule=rule, order="synchronous", dtype=F64)
        memory.write(patterns)
        kept[rule] = float((memory.update(patterns) == patterns).all(1).double().mean())
    assert kept["pseudo-inverse"] == 1
    assert kept["hebb"] < 0.2


def test_dense_memories_store_what_classical_ones_cannot():
    patterns = normal(0, 150, 40).sign()
    kept = {}
    for degree in (2, 3, 4, None):
        memory = DenseHopfield(40, degree=degree, order="synchronous", dtype=F64)
        memory.write(patterns)
        kept[degree] = float((memory.update(patterns) == patterns).double().mean())
    assert kept[2] < kept[3] < kept[4] <= kept[None] == 1


@given(d=st.integers(2, 7), n=st.integers(1, 5), seed=st.integers(0, 500))
def test_an_asynchronous_step_is_every_features_best_choice_in_turn(d, n, seed):
    """By brute force: each feature takes the sign of the lower energy."""
    for memory in (ClassicalHopfield(d, dtype=F64), DenseHopfield(d, degree=3, dtype=F64)):
        memory.write(normal(seed, n, d).sign())
        state = normal(seed + 1, d).sign()
        expected = state.clone()
        for i in range(d):
            plus, minus = expected.clone(), expected.clone()
            plus[i], minus[i] = 1, -1
            gap = float(memory.energy(minus) - memory.energy(plus))
            if abs(gap) > 1e-12:
                expected[i] = 1 if gap > 0 else -1
        assert torch.equal(memory.update(state), expected)


def test_of_degree_two_a_dense_memory_is_the_classical_one():
    patterns, states = normal(0, 4, 30).sign(), normal(1, 8, 30).sign()
    classical, dense = ClassicalHopfield(30, dtype=F64), DenseHopfield(30, degree=2, dtype=F64)
    classical.write(patterns)
    dense.write(patterns)
    assert torch.equal(classical.read(states), dense.read(states))


def test_the_deepest_states_are_the_stored_ones():
    """By brute force over all states of a small network."""
    patterns = torch.tensor([[1.0, 1, 1, 1, -1, -1, -1, -1], [1, -1, 1, -1, 1, -1, 1, -1]])
    every = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=8)))
    for memory in (ClassicalHopfield(8), DenseHopfield(8, degree=4)):
        memory.write(patterns)
        deepest = every[memory.energy(every) <= memory.energy(every).min() + 1e-6]
        stored = {tuple(p.tolist()) for p in torch.cat([patterns, -patterns])}
        assert {tuple(s.tolist()) for s in deepest} == stored


@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_separated_patterns_come_back_in_one_step(similarity):
    patterns = torch.nn.functional.normalize(normal(0, 50, 32), dim=1) * 5
    memory = ModernHopfield(32, beta=4.0, similarity=similarity, dtype=F64)
    memory.write(patterns)
    found = memory.read(patterns + 0.1 * normal(1, 50, 32), steps=1)
    assert float((found - patterns).norm(dim=1).max()) < 1e-6


def test_sparse_memories_retrieve_exactly():
    patterns = torch.nn.functional.normalize(normal(0, 100, 64), dim=1) * 3
    memory = ModernHopfield(64, beta=4.0, alpha=SPARSEMAX, dtype=F64)
    memory.write(patterns)
    assert torch.equal(memory.read(patterns, steps=1), patterns)
    memory = ModernHopfield(64, beta=4.0, dtype=F64)
    memory.write(patterns)
    assert not torch.equal(memory.read(patterns, steps=1), patterns)


def test_small_betas_average_all_and_large_ones_choose():
    patterns = normal(0, 6, 4)
    for beta, expected in ((1e-9, patterns.mean(0)), (1e4, patterns[2])):
        memory = ModernHopfield(4, beta=beta, dtype=F64)
        memory.write(patterns)
        query = 10 * patterns[2] if beta > 1 else patterns[2]
        if beta < 1 or float((patterns @ query).argmax()) == 2:
            torch.testing.assert_close(memory.read(query, steps=1), expected)


def test_similar_patterns_share_a_metastable_state():
    centre = torch.tensor([4.0, 0.0, 0.0], dtype=F64)
    group = centre + 0.05 * normal(0, 5, 3)
    memory = ModernHopfield(3, beta=2.0, dtype=F64)
    memory.write(torch.cat([group, -group]))
    torch.testing.assert_close(memory.read(group[0]), group.mean(0), rtol=0, atol=0.02)


def test_associated_values_are_read():
    keys, values = normal(0, 5, 16), normal(1, 5, 3)
    for memory in (
        ModernHopfield(16, 3, beta=5.0, dtype=F64),
        EpanechnikovHopfield(16, 3, beta=1.0, dtype=F64),
    ):
        memory.write(keys, values)
        torch.testing.assert_close(memory.read(keys + 0.01), values, rtol=1e-4, atol=1e-4)


def test_a_pattern_alone_in_its_support_is_a_minimum_to_the_bit():
    patterns = 10 * normal(0, 8, 6)
    memory = EpanechnikovHopfield(6, beta=2.0, dtype=F64)
    memory.write(patterns)
    states = patterns.clone().requires_grad_()
    (slope,) = torch.autograd.grad(memory.energy(states).sum(), states)
    assert float(slope.abs().max()) == 0
    assert torch.equal(memory.read(patterns + 0.1), patterns)


def test_a_state_beyond_all_supports_goes_to_the_nearest_pattern():
    memory = EpanechnikovHopfield(2, beta=2.0)
    memory.write(torch.tensor([[0.0, 0.0], [10.0, 0.0]]))
    assert memory.read(torch.tensor([7.0, 5.0])).tolist() == [10.0, 0.0]


def test_random_features_are_near_the_kernel_and_nearer_with_more():
    keys, states = normal(0, 20, 8), normal(1, 30, 8)
    exact = ModernHopfield(8, beta=0.2, similarity="euclidean", dtype=F64)
    exact.write(keys)
    wanted = exact.energy(states) - exact.energy(states).mean()
    errors = []
    for features in (100, 10_000):
        memory = RandomFeatureHopfield(8, beta=0.2, features=features, dtype=F64)
        memory.write(keys)
        found = memory.energy(states)
        errors.append(float((found - found.mean() - wanted).abs().mean()))
    assert errors[1] < errors[0] / 4
    assert errors[1] < 0.02 * float(wanted.abs().max())


def test_a_random_feature_memory_forgets_by_subtraction():
    memory = RandomFeatureHopfield(8, features=64, dtype=F64)
    memory.write(normal(0, 5, 8))
    alone = memory.sums.clone()
    gone = memory.write(normal(1, 5, 8))
    assert not torch.equal(memory.sums, alone)
    assert memory.sums.shape == alone.shape
    memory.forget(gone)
    assert torch.equal(memory.sums, alone)


def test_each_state_stops_by_itself():
    memory = ModernHopfield(4, beta=3.0, dtype=F64)
    memory.write(normal(0, 6, 4))
    queries = normal(1, 5, 4)
    together = memory.retrieve(queries)
    assert bool(together.converged.all())
    for query, steps, state in zip(queries, together.steps, together.states, strict=True):
        alone = memory.retrieve(query)
        assert int(alone.steps) == int(steps)
        torch.testing.assert_close(alone.states, state)


def test_steps_are_counted_and_the_way_is_kept():
    memory = ModernHopfield(4, beta=3.0, dtype=F64)
    memory.write(normal(0, 6, 4))
    fall = memory.retrieve(normal(1, 2, 4), 3, trajectory=True)
    assert fall.trajectory.shape[1:] == (2, 4)
    assert len(fall.trajectory) == int(fall.steps.max()) + 1
    torch.testing.assert_close(fall.trajectory[1], memory.update(fall.trajectory[0]))
    torch.testing.assert_close(fall.energies, memory.energy(fall.trajectory))
    assert memory.retrieve(normal(1, 2, 4), 0).steps.tolist() == [0, 0]


def test_an_empty_memory_answers_zero_and_has_no_energy():
    memory = ModernHopfield(4, 3)
    assert memory.read(torch.ones(2, 4)).tolist() == [[0.0] * 3] * 2
    assert bool(memory.retrieve(torch.ones(4)).converged)
    with pytest.raises(MemoryShapeError, match="empty ModernHopfield has no energy"):
        memory.energy(torch.ones(4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ModernHopfield(4, beta=0.0), "beta must be positive"),
        (lambda: ModernHopfield(4, alpha=0.5), "alpha runs from 1"),
        (lambda: ModernHopfield(4, tolerance=-1.0), "tolerance cannot be negative"),
        (lambda: DenseHopfield(4, degree=1), "degree 2 or more"),
        (lambda: RandomFeatureHopfield(4, features=0), "one or more"),
        (lambda: EpanechnikovHopfield(4, beta=-1.0), "beta must be positive"),
        (lambda: ModernHopfield(4).read(torch.ones(4), 0), "at least one step"),
        (lambda: ModernHopfield(4).retrieve(torch.ones(4), -1), "no or more steps"),
        (lambda: ClassicalHopfield(4).write(torch.full((1, 4), 0.5)), r"are \+1 and -1"),
        (lambda: entmax(torch.ones(3), 0.5), "alpha runs from 1"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(MemoryShapeError, match=message):
        make()


@given(
    scores=st.lists(st.floats(-5, 5), min_size=1, max_size=8),
    alpha=st.sampled_from([1.0, 1.3, 1.5, 2.0, 3.0]),
)
def test_weights_are_the_gradient_of_their_potential(scores, alpha):
    x = torch.tensor(scores, dtype=F64, requires_grad=True)
    (slope,) = torch.autograd.grad(potential(x, alpha), x)
    weights = entmax(x, alpha)
    torch.testing.assert_close(slope, weights, rtol=1e-5, atol=1e-5)
    assert float(weights.detach().sum()) == pytest.approx(1)
