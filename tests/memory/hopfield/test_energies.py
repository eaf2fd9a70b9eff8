"""Every energy against automatic differentiation: updates descend it, and it never rises."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.draws import F64, normal
from torch.autograd.functional import hessian, jacobian

from unfrozen.memory.hopfield import (
    ClassicalHopfield,
    DenseHopfield,
    EpanechnikovHopfield,
    ModernHopfield,
    RandomFeatureHopfield,
)
from unfrozen.memory.hopfield.modern import energy


def filled(memory, seed, n):
    keys = normal(seed, n, memory.key_width)
    memory.write(keys.sign() if memory.settings.get("order") else keys)
    return memory


sizes = st.integers(1, 12)
seeds = st.integers(0, 1000)
betas = st.sampled_from([0.05, 0.5, 1.0, 4.0, 20.0])

CONTINUOUS = {
    "softmax": lambda d, beta: ModernHopfield(d, beta=beta, dtype=F64),
    "entmax": lambda d, beta: ModernHopfield(d, beta=beta, alpha=1.5, dtype=F64),
    "entmax 1.25": lambda d, beta: ModernHopfield(d, beta=beta, alpha=1.25, dtype=F64),
    "sparsemax": lambda d, beta: ModernHopfield(d, beta=beta, alpha=2.0, dtype=F64),
    "gauss": lambda d, beta: ModernHopfield(d, beta=beta, similarity="euclidean", dtype=F64),
    "epanechnikov": lambda d, beta: EpanechnikovHopfield(d, beta=beta, dtype=F64),
    "random features": lambda d, beta: RandomFeatureHopfield(d, beta=beta, features=256, dtype=F64),
}
BINARY = {
    "hebb": lambda d: ClassicalHopfield(d, dtype=F64),
    "storkey": lambda d: ClassicalHopfield(d, rule="storkey", dtype=F64),
    "pseudo-inverse": lambda d: ClassicalHopfield(d, rule="pseudo-inverse", dtype=F64),
    "cubic": lambda d: DenseHopfield(d, degree=3, dtype=F64),
    "rectified": lambda d: DenseHopfield(d, degree=4, rectified=True, dtype=F64),
    "exponential": lambda d: DenseHopfield(d, degree=None, dtype=F64),
}


@pytest.mark.parametrize("name", CONTINUOUS)
@given(n=sizes, d=sizes, beta=betas, seed=seeds)
def test_the_energy_of_a_continuous_network_never_rises(name, n, d, beta, seed):
    memory = filled(CONTINUOUS[name](d, beta), seed, n)
    fall = memory.retrieve(normal(seed + 1, 4, d), 12, trajectory=True)
    slack = 1e-9 * (1 + fall.energies.abs().max())
    assert bool((fall.energies.diff(dim=0) <= slack).all())


@pytest.mark.parametrize("name", BINARY)
@given(n=sizes, d=st.integers(2, 12), seed=seeds)
def test_the_energy_of_a_binary_network_never_rises_one_feature_after_the_other(name, n, d, seed):
    memory = filled(BINARY[name](d), seed, n)
    fall = memory.retrieve(normal(seed + 1, 4, d), trajectory=True)
    assert bool((fall.energies.diff(dim=0) <= 1e-9).all())
    assert bool(fall.converged.all())
    # Resting means that no single feature can be turned to lower the energy.
    for i in range(d):
        turned = fall.states.clone()
        turned[:, i] *= -1
        assert bool((memory.energy(turned) >= memory.energy(fall.states) - 1e-9).all())


@pytest.mark.parametrize("name", ["softmax", "entmax", "entmax 1.25", "sparsemax", "gauss"])
@given(n=sizes, d=sizes, beta=betas, seed=seeds)
def test_the_update_is_a_step_of_size_one_down_the_gradient(name, n, d, beta, seed):
    memory = filled(CONTINUOUS[name](d, beta), seed, n)
    states = normal(seed + 1, 3, d).requires_grad_()
    (gradient,) = torch.autograd.grad(memory.energy(states).sum(), states)
    torch.testing.assert_close(
        memory.update(states), states - gradient, rtol=1e-6, atol=1e-6 * (1 + 1 / beta)
    )


@given(n=sizes, d=sizes, seed=seeds)
def test_the_mean_shift_is_along_the_gradient_of_log_sum_relu(n, d, seed):
    memory = filled(EpanechnikovHopfield(d, beta=0.5, dtype=F64), seed, n)
    states = normal(seed + 1, 3, d).requires_grad_()
    (gradient,) = torch.autograd.grad(memory.energy(states).sum(), states)
    shift = (memory.update(states) - states).detach()
    for step, slope in zip(shift, gradient, strict=True):
        if float(slope.norm()) > 0:
            assert torch.cosine_similarity(step, -slope, dim=0) > 1 - 1e-9


@given(d=sizes, seed=seeds)
def test_the_random_features_step_is_along_their_gradient(d, seed):
    memory = filled(RandomFeatureHopfield(d, beta=0.1, features=512, dtype=F64), seed, 5)
    states = normal(seed + 1, 3, d).requires_grad_()
    (gradient,) = torch.autograd.grad(memory.energy(states).sum(), states)
    shift = (memory.update(states) - states).detach()
    for step, slope in zip(shift, gradient, strict=True):
        if float(slope.norm()) > 1e-9 and float(step.norm()) > 1e-12:
            assert torch.cosine_similarity(step, -slope, dim=0) > 1 - 1e-6


@pytest.mark.parametrize("rule", ["hebb", "storkey", "pseudo-inverse"])
@given(n=sizes, d=st.integers(2, 12), seed=seeds)
def test_the_classical_update_is_the_sign_of_the_slope(rule, n, d, seed):
    memory = ClassicalHopfield(d, rule=rule, order="synchronous", dtype=F64)
    memory.write(normal(seed, n, d).sign())
    states = normal(seed + 1, 3, d).sign().requires_grad_()
    (gradient,) = torch.autograd.grad(memory.energy(states).sum(), states)
    clear = gradient.abs() > 1e-12
    assert torch.equal(memory.update(states)[clear], -gradient[clear].sign())


@given(n=sizes, d=sizes, beta=betas, alpha=st.sampled_from([1.0, 1.5, 2.0]), seed=seeds)
def test_the_energy_is_between_zero_and_twice_the_largest_square(n, d, beta, alpha, seed):
    keys = normal(seed, n, d)
    inside = normal(seed + 1, 6, n).softmax(-1) @ keys  # states in the hull of the keys
    found = energy(inside, keys, beta, alpha)
    largest = float((keys * keys).sum(1).max())
    assert bool((found >= -1e-9).all())
    assert bool((found <= 2 * largest + 1e-9).all())


def test_the_energy_is_the_papers():
    keys, state, beta = normal(0, 5, 3), normal(1, 3), 0.7
    scores = [beta * float(k @ state) for k in keys]
    lse = math.log(sum(math.exp(s) for s in scores)) / beta
    largest = max(float(k @ k) for k in keys)
    expected = -lse + float(state @ state) / 2 + math.log(5) / beta + largest / 2
    memory = ModernHopfield(3, beta=beta, dtype=F64)
    memory.write(keys)
    assert float(memory.energy(state)) == pytest.approx(expected)


@given(n=sizes, d=sizes, beta=betas, seed=seeds)
def test_the_updates_jacobian_is_beta_times_a_covariance(n, d, beta, seed):
    """J = beta X^T (diag p - p p^T) X (Ramsauer et al. 2021)."""
    memory = filled(ModernHopfield(d, beta=beta, dtype=F64), seed, n)
    state = normal(seed + 1, d)
    p = memory.weights(state)
    expected = beta * memory.keys.T @ (torch.diag(p) - torch.outer(p, p)) @ memory.keys
    torch.testing.assert_close(jacobian(memory.update, state), expected)
    curvature = hessian(lambda x: memory.energy(x), state)
    torch.testing.assert_close(curvature, torch.eye(d, dtype=F64) - expected)
