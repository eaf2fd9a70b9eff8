"""The Energy Transformer: closed forms against automatic differentiation, and the descent."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.draws import F64, normal
from torch.autograd.functional import jacobian

from unfrozen.energy import EnergyAttention, EnergyLayerNorm, EnergyTransformer, HopfieldEnergy
from unfrozen.errors import EnergyError


def seeded(make, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def masks(seed, b, n):
    """Random graphs, in one of which a token sees nothing."""
    seen = normal(seed, b, n, n) > 0
    seen[0, 0] = False
    return seen


def by_hand(attention, g, mask):
    """The paper's sums, one after the other."""
    total = torch.zeros(len(g), dtype=F64)
    for sample in range(len(g)):
        for head in range(len(attention.key)):
            for c in range(g.shape[1]):
                terms = []
                for b in range(g.shape[1]):
                    if (b == c and not attention.see_self) or (
                        mask is not None and not mask[sample, c, b]
                    ):
                        continue
                    key = attention.key[head] @ g[sample, b]
                    query = attention.query[head] @ g[sample, c]
                    terms.append(attention.beta * key @ query)
                if terms:
                    total[sample] -= torch.stack(terms).logsumexp(0) / attention.beta
    return total


@pytest.mark.parametrize("see_self", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_the_papers_energy(see_self, masked):
    attention = seeded(lambda: EnergyAttention(6, 2, 3, see_self=see_self, dtype=F64))
    g = normal(0, 2, 5, 6)
    mask = masks(1, 2, 5) if masked else None
    torch.testing.assert_close(attention(g, mask), by_hand(attention, g, mask))


@given(
    seed=st.integers(0, 300),
    see_self=st.booleans(),
    masked=st.booleans(),
    kind=st.sampled_from(["relu", "softmax"]),
    tokens=st.integers(1, 5),
)
def test_closed_forms_are_the_gradients(seed, see_self, masked, kind, tokens):
    block = seeded(
        lambda: EnergyTransformer(6, 2, 3, 7, see_self=see_self, kind=kind, beta=0.8, dtype=F64),
        seed,
    )
    g = normal(seed, 2, tokens, 6).requires_grad_()
    mask = masks(seed, 2, tokens) if masked else None
    energy = (block.attention(g, mask) + block.hopfield(g)).sum()
    (expected,) = torch.autograd.grad(energy, g)
    found = block.attention.gradient(g, mask) + block.hopfield.gradient(g)
    torch.testing.assert_close(found, expected)


@given(seed=st.integers(0, 300), width=st.integers(2, 9))
def test_the_norm_is_the_gradient_of_its_lagrangian(seed, width):
    norm = EnergyLayerNorm(width, dtype=F64)
    with torch.no_grad():
        norm.raw_gain.copy_(normal(seed, 1)[0])
        norm.bias.copy_(normal(seed + 1, width))
    x = normal(seed + 2, 3, width).requires_grad_()
    (expected,) = torch.autograd.grad(norm.lagrangian(x).sum(), x)
    torch.testing.assert_close(norm(x), expected)
    slope = jacobian(norm, x[0].detach())
    torch.testing.assert_close(slope, slope.T)
    assert float(torch.linalg.eigvalsh(slope).min()) >= -1e-9


@given(
    seed=st.integers(0, 300),
    scale=st.sampled_from([0.1, 1.0, 3.0]),
    step=st.sampled_from([0.01, 0.1]),
    masked=st.booleans(),
)
def test_the_energy_falls_at_every_step(seed, scale, step, masked):
    block = seeded(lambda: EnergyTransformer(8, 2, 4, 16, step_size=step, dtype=F64), seed)
    with torch.no_grad():
        for weight in (block.attention.key, block.attention.query, block.hopfield.memories):
            weight.mul_(scale)
    graph = masks(seed, 2, 6)
    mask = graph | graph.mT if masked else None
    found = block.descend(normal(seed, 2, 6, 8), mask, trajectory=True)
    assert found.energies.shape == (13, 2)
    rises = found.energies.diff(dim=0) / found.energies.abs().max()
    assert float(rises.detach().max()) <= 1e-9


def test_without_steps_tokens_stay():
    x = normal(0, 1, 3, 8).float()
    assert torch.equal(EnergyTransformer(8, 2, 4, steps=0)(x), x)


def test_tokens_that_are_alone_move_by_the_memories_only():
    block = seeded(lambda: EnergyTransformer(8, 2, 4, 16, dtype=F64))
    x = normal(0, 1, 1, 8)
    torch.testing.assert_close(block.slope(x), block.hopfield.gradient(block.norm(x)))


def test_the_order_of_tokens_does_not_count():
    block = seeded(lambda: EnergyTransformer(8, 2, 4, 16, dtype=F64))
    x, order = normal(0, 2, 5, 8), torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(block(x)[:, order], block(x[:, order]))


def test_it_trains_moves_and_is_kept():
    block = seeded(lambda: EnergyTransformer(8, 2, 4, 16, steps=4))
    x = normal(0, 2, 5, 8).float()
    block(x).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in block.parameters())
    other = EnergyTransformer(8, 2, 4, 16, steps=4)
    other.load_state_dict(block.state_dict())
    assert torch.equal(other(x), block(x))
    away = block.to("meta")
    assert away(torch.empty(2, 5, 8, device="meta")).shape == (2, 5, 8)


def test_noise_is_for_training_and_from_its_generator():
    block = seeded(lambda: EnergyTransformer(8, 2, 4, 16, noise=0.1))
    x = normal(0, 2, 5, 8).float()
    first, second = (block(x, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, second)
    block.eval()
    assert not torch.equal(block(x), first)
    assert torch.equal(block(x), block(x))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: EnergyTransformer(8, 2, 4)(torch.zeros(1, 2, 7)), r"\[batch, token, 8\]"),
        (
            lambda: EnergyTransformer(8, 2, 4)(
                torch.zeros(1, 2, 8), torch.ones(1, 3, 3, dtype=torch.bool)
            ),
            r"mask is \[batch, 2, 2\]",
        ),
        (lambda: EnergyTransformer(8, steps=-1), "negative steps"),
        (lambda: EnergyAttention(8, 0), "positive widths"),
        (lambda: HopfieldEnergy(8, 4, "cube"), "'relu' or 'softmax'"),
        (lambda: HopfieldEnergy(8, 0), "positive widths"),
    ],
)
def test_what_makes_no_sense_is_refused(unchecked, ask, message):
    with pytest.raises(EnergyError, match=message):
        ask()
