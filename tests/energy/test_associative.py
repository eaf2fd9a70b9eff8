"""Lagrangians and networks of them, against automatic differentiation and the Hopfield network."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.draws import F64, normal
from torch.autograd.functional import hessian

from unfrozen.energy import AssociativeNetwork, DenseSynapse
from unfrozen.energy.lagrangians import LAGRANGIANS, activation, legendre
from unfrozen.errors import EnergyError
from unfrozen.memory.hopfield import ModernHopfield

ACTIVATIONS = {
    "identity": lambda x: x,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "softmax": lambda x: x.softmax(-1),
    "sphere": lambda x: torch.nn.functional.normalize(x, dim=-1),
    "layer-norm": lambda x: torch.nn.functional.layer_norm(x, x.shape[-1:]),
}


@pytest.mark.parametrize("name", LAGRANGIANS)
@given(d=st.integers(2, 9), seed=st.integers(0, 500))
def test_the_gradient_of_a_lagrangian_is_the_activation_that_it_is_named_for(name, d, seed):
    x = 3 * normal(seed, 4, d)
    torch.testing.assert_close(activation(LAGRANGIANS[name], x), ACTIVATIONS[name](x))


@pytest.mark.parametrize("name", LAGRANGIANS)
@given(d=st.integers(2, 7), seed=st.integers(0, 500))
def test_lagrangians_are_convex(name, d, seed):
    curvature = hessian(LAGRANGIANS[name], 2 * normal(seed, d))
    assert float(torch.linalg.eigvalsh(curvature).min()) >= -1e-8


def test_saturating_neurons_do_not_overflow():
    x = torch.tensor([[1000.0, -1000.0, 0.0]])
    assert float(LAGRANGIANS["tanh"](x)) == pytest.approx(2000 - 2 * math.log(2))


@given(seed=st.integers(0, 500))
def test_the_legendre_transform_of_identity_is_itself(seed):
    x = normal(seed, 3, 5)
    found = legendre(LAGRANGIANS["identity"], x, x)
    torch.testing.assert_close(found, (x * x).sum(1) / 2)


@given(
    layers=st.lists(st.sampled_from(sorted(LAGRANGIANS)), min_size=2, max_size=4),
    seed=st.integers(0, 500),
)
def test_the_energy_of_any_network_falls(layers, seed):
    widths = [3 + i for i in range(len(layers))]
    names = [f"layer {i}" for i in range(len(layers))]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        synapses = [
            ((names[i], names[i + 1]), DenseSynapse((widths[i], widths[i + 1]), dtype=F64))
            for i in range(len(layers) - 1)
        ]
    network = AssociativeNetwork(dict(zip(names, layers, strict=True)), synapses)
    states = {n: normal(seed + i, 2, w) for i, (n, w) in enumerate(zip(names, widths, strict=True))}
    fall = network.fall(states, 40, 0.02, trajectory=True)
    scale = 1 + fall.energies.abs().max()
    assert bool((fall.energies.diff(dim=0) <= 1e-9 * scale).all())
    torch.testing.assert_close(fall.energies[-1], network(fall.states))
    assert len(fall.trajectory) == 41


def test_slopes_are_the_derivative_along_the_activations():
    """dE/dg, checked through dE/dx = Hess(L) dE/dg."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        synapse = DenseSynapse((4, 5), dtype=F64)
    layers = {"a": "tanh", "b": "softmax"}
    network = AssociativeNetwork(layers, [(("a", "b"), synapse)])
    states = {"a": normal(0, 1, 4), "b": normal(1, 1, 5)}
    slopes = network.slopes(states)
    for name in states:
        x = states[name].clone().requires_grad_()
        (by_state,) = torch.autograd.grad(network({**states, name: x}).sum(), x)
        curvature = hessian(
            lambda v, n=name: LAGRANGIANS[{"a": "tanh", "b": "softmax"}[n]](v), x[0]
        )
        torch.testing.assert_close(by_state[0], curvature @ slopes[name][0])


@given(n=st.integers(1, 8), d=st.integers(2, 6), seed=st.integers(0, 300))
def test_two_layers_are_a_modern_hopfield_network(n, d, seed):
    """Hidden softmax neurons at rest leave the energy of Ramsauer et al. over the seen ones."""
    keys = normal(seed, n, d)
    memory = ModernHopfield(d, beta=1.0, dtype=F64)
    memory.write(keys)
    synapse = DenseSynapse((d, n), dtype=F64)
    with torch.no_grad():
        synapse.weight.copy_(keys.T)
    network = AssociativeNetwork(
        {"seen": "identity", "hidden": "softmax"}, [(("seen", "hidden"), synapse)]
    )
    state = normal(seed + 1, 3, d)
    rested = {"seen": state, "hidden": state @ keys.T}
    gap = memory.energy(state) - network(rested)
    # Equal but for the constants that keep the one from falling below zero.
    torch.testing.assert_close(gap, gap[:1].expand(3))
    moved = network.fall(rested, 1, 1.0, held=["hidden"]).states["seen"]
    torch.testing.assert_close(moved, memory.update(state))


def test_what_is_held_stays():
    network = AssociativeNetwork(
        {"a": "identity", "b": "relu"}, [(("a", "b"), DenseSynapse((2, 3), dtype=F64))]
    )
    states = {"a": normal(0, 1, 2), "b": normal(1, 1, 3)}
    fall = network.fall(states, 5, 0.1, held=["a"])
    assert torch.equal(fall.states["a"], states["a"])
    assert not torch.equal(fall.states["b"], states["b"])


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: AssociativeNetwork({"a": "sine"}, []), "no Lagrangian 'sine'"),
        (lambda: AssociativeNetwork({}, []), "not there"),
        (
            lambda: AssociativeNetwork({"a": "relu"}, [(("a", "b"), DenseSynapse((2, 2)))]),
            r"not there: \['b'\]",
        ),
        (lambda: AssociativeNetwork({"a": "relu"}, [])({}), "given for each of a"),
        (lambda: _alone().fall({"a": torch.ones(1, 2)}, -1, 0.1), "no or more steps"),
        (lambda: _alone().fall({"a": torch.ones(1, 2)}, 1, 0.1, held=["b"]), "no layer 'b'"),
        (lambda: DenseSynapse((0, 2)), "one feature or more"),
    ],
)
def test_what_makes_no_sense_is_refused(ask, message):
    with pytest.raises(EnergyError, match=message):
        ask()


def _alone():
    return AssociativeNetwork({"a": "relu"}, [])
