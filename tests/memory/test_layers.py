"""The layers against attention as torch has it, and against plain loops."""

import math
import subprocess
import sys

import pytest
import torch
from tests.draws import F64, normal
from torch import nn
from torch.nn import functional as F

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.hopfield import ModernHopfield
from unfrozen.memory.layers import Hopfield, HopfieldLayer, HopfieldPooling, associate


def seeded(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


def test_one_step_is_scaled_dot_product_attention():
    q, k, v = normal(0, 2, 4, 5, 8), normal(1, 2, 4, 7, 8), normal(2, 2, 4, 7, 3)
    found, weights = associate(q, k, v, 1 / math.sqrt(8))
    expected = F.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(weights @ v, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("masked", [False, True])
def test_one_step_is_multihead_attention(dtype, masked):
    reference = seeded(
        lambda: nn.MultiheadAttention(12, 3, batch_first=True, dtype=dtype, kdim=10, vdim=10)
    )
    with torch.no_grad():
        reference.in_proj_bias.normal_()
    layer = Hopfield(12, 10, heads=3, dtype=dtype)
    with torch.no_grad():
        for mine, weight, bias in zip(
            (layer.state_map, layer.stored_map, layer.value_map),
            (reference.q_proj_weight, reference.k_proj_weight, reference.v_proj_weight),
            reference.in_proj_bias.chunk(3),
            strict=True,
        ):
            mine.weight.copy_(weight)
            mine.bias.copy_(bias)
        layer.output_map.load_state_dict(reference.out_proj.state_dict())
    states, stored = normal(0, 4, 5, 12, dtype=dtype), normal(1, 4, 7, 10, dtype=dtype)
    masks, theirs = {}, {}
    if masked:
        padding = torch.arange(7)[None] >= torch.tensor([7, 3, 5, 1])[:, None]
        seen = torch.rand(5, 7, generator=torch.Generator().manual_seed(0)) < 0.3
        seen[:, 0] = False
        masks = {"padding_mask": padding, "mask": seen[None]}
        theirs = {"key_padding_mask": padding, "attn_mask": seen}
    expected, weights = reference(states, stored, stored, average_attn_weights=False, **theirs)
    torch.testing.assert_close(layer(stored, states, **masks), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(
        layer.associations(stored, states, **masks), weights, rtol=0, atol=1e-6
    )


def test_each_head_has_its_own_beta():
    layer = seeded(lambda: Hopfield(8, heads=2, learn_beta=True, dtype=F64))
    with torch.no_grad():
        layer.log_beta.copy_(torch.tensor([0.1, 5.0]).log())
    stored, states = normal(0, 1, 6, 8), normal(1, 1, 3, 8)
    found = layer.associations(stored, states)
    for head, beta in enumerate((0.1, 5.0)):
        part = slice(4 * head, 4 * head + 4)
        q, k = layer.state_map(states)[..., part], layer.stored_map(stored)[..., part]
        expected = (beta * q @ k.transpose(1, 2)).softmax(-1)
        torch.testing.assert_close(found[:, head], expected, rtol=1e-5, atol=1e-7)
    layer(stored, states).sum().backward()
    assert bool((layer.log_beta.grad.abs() > 0).all())


@pytest.mark.parametrize("alpha", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("steps", [1, 2, 5, None])
def test_steps_are_those_of_the_memory(steps, alpha):
    """The layer without its maps is `ModernHopfield`: each state read until it rests."""
    states, patterns, values = normal(0, 5, 6), normal(1, 7, 6), normal(2, 7, 3)
    memory = ModernHopfield(6, 3, beta=0.8, alpha=alpha, tolerance=1e-9, dtype=F64)
    memory.write(patterns, values)
    limit = 1e-9 * memory.largest_norm
    found, _ = associate(states, patterns, values, 0.8, steps=steps, tolerance=limit, alpha=alpha)
    torch.testing.assert_close(found, memory.read(states, steps), rtol=1e-6, atol=1e-6)


def test_a_state_does_not_depend_on_its_batch_mates():
    layer = seeded(lambda: Hopfield(6, steps=None, tolerance=1e-3, beta=2.0, dtype=F64))
    stored, states = normal(0, 4, 7, 6), normal(1, 4, 3, 6)
    together = layer(stored, states)
    for i in range(4):
        torch.testing.assert_close(layer(stored[i : i + 1], states[i : i + 1])[0], together[i])


def test_a_state_that_may_see_nothing_reads_nothing():
    layer = seeded(lambda: Hopfield(6, bias=False, steps=3, dtype=F64))
    stored, states = normal(0, 2, 4, 6), normal(1, 2, 3, 6).requires_grad_()
    padding = torch.tensor([[False] * 4, [True] * 4])
    found = layer(stored, states, padding_mask=padding)
    assert float(found[1].detach().abs().max()) == 0
    found.sum().backward()
    assert bool(torch.isfinite(states.grad).all())


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_gradients(steps, alpha):
    layer = seeded(
        lambda: Hopfield(4, 3, heads=2, steps=steps, alpha=alpha, normalise=True, dtype=F64)
    )
    stored, states = normal(0, 2, 5, 3).requires_grad_(), normal(1, 2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: layer(a, b), (stored, states))
    layer(stored, states).sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


def test_pooling_does_not_mind_order_or_padding():
    layer = seeded(lambda: HopfieldPooling(6, quantity=2, heads=2, steps=3, dtype=F64))
    bags = normal(0, 3, 5, 6)
    pooled = layer(bags)
    assert pooled.shape == (3, 2, 6)
    torch.testing.assert_close(layer(bags[:, [4, 2, 0, 1, 3]]), pooled)
    padded = torch.cat([bags, normal(1, 3, 2, 6)], 1)
    mask = torch.arange(7).expand(3, 7) >= 5
    torch.testing.assert_close(layer(padded, padding_mask=mask), pooled)
    pooled.sum().backward()
    assert float(layer.queries.grad.abs().sum()) > 0


@pytest.mark.parametrize("separate", [True, False])
def test_a_lookup_learns_its_patterns(separate):
    layer = seeded(lambda: HopfieldLayer(6, 9, 4, separate_values=separate, dtype=F64))
    found = layer(normal(0, 3, 5, 6))
    assert found.shape == (3, 5, 4)
    found.sum().backward()
    assert float(layer.patterns.grad.abs().sum()) > 0
    assert (layer.values is not None) == separate


COMPILED = """
import torch
from unfrozen.memory.layers import Hopfield

torch.manual_seed(0)
stored, states = torch.randn(2, 5, 8), torch.randn(2, 3, 8)
for steps in (1, 3):
    layer = Hopfield(8, heads=2, steps=steps, tolerance=1e-4)
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(stored, states), layer(stored, states))
"""


def test_it_compiles_whole():
    """In a process of its own: the checks of shapes that tests have do not compile."""
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_state_dict_carries_everything():
    make = lambda: Hopfield(8, heads=2, learn_beta=True, normalise=True)  # noqa: E731
    one, other = seeded(make), make()
    with torch.no_grad():
        one.log_beta += 1
    other.load_state_dict(one.state_dict())
    stored, states = normal(0, 2, 5, 8).float(), normal(1, 2, 3, 8).float()
    assert torch.equal(one(stored, states), other(stored, states))


def test_dropout_acts_in_training_only():
    layer = seeded(lambda: Hopfield(8, dropout=0.5))
    stored, states = normal(0, 2, 50, 8).float(), normal(1, 2, 3, 8).float()
    with torch.random.fork_rng():
        assert not torch.equal(layer(stored, states), layer(stored, states))
    layer.eval()
    assert torch.equal(layer(stored, states), layer(stored, states))


def test_it_runs_where_its_weights_are():
    layer = Hopfield(8, heads=2, steps=3, device="meta")
    out = layer(torch.empty(2, 5, 8, device="meta"), torch.empty(2, 3, 8, device="meta"))
    assert out.is_meta
    assert out.shape == (2, 3, 8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hopfield(8, heads=3), "3 heads do not divide 8"),
        (lambda: Hopfield(8, heads=0), "positive widths"),
        (lambda: Hopfield(8, steps=0), "positive widths, heads and steps"),
        (lambda: Hopfield(8, beta=-1.0), "beta must be positive"),
        (lambda: HopfieldPooling(8, 0), "one query or more"),
        (lambda: HopfieldLayer(8, 0), "one pattern or more"),
        (lambda: Hopfield(8, 5)(torch.ones(1, 2, 8), torch.ones(1, 2, 8)), "stores 5 features"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(MemoryShapeError, match=message):
        make()


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({"padding_mask": torch.zeros(2, 5, dtype=torch.bool)}, r"padding mask is \[2, 3\]"),
        ({"mask": torch.zeros(2, 3, 5, dtype=torch.bool)}, r"mask is \[2 or 1, 5, 3\]"),
        ({"mask": torch.zeros(5, 3, dtype=torch.bool)}, r"mask is \[2 or 1, 5, 3\]"),
    ],
)
def test_a_mask_of_another_shape_is_refused(unchecked, masks, message):
    layer = Hopfield(8, heads=2)
    stored, states = torch.zeros(2, 3, 8), torch.zeros(2, 5, 8)
    for ask in (layer, layer.associations):
        with pytest.raises(MemoryShapeError, match=message):
            ask(stored, states, **masks)
