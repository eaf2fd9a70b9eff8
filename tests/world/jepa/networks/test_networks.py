"""Networks: parameters by generator, attention by brute force, one sequence of two kinds."""

import math

import pytest
import torch
from torch import nn

from unfrozen.errors import WorldError
from unfrozen.world.jepa.networks import (
    PAD,
    PREDICTORS,
    Encoder,
    FusionEncoder,
    MapEncoder,
    MapReader,
    drawn,
    predictor,
    read,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_parameters_are_the_generators_and_spread_as_those_of_torch():
    def make():
        return nn.Sequential(
            nn.Conv2d(8, 64, 3), nn.Linear(64, 300), nn.GRUCell(300, 90), nn.LayerNorm(90),
            nn.BatchNorm1d(90), nn.Embedding(100, 90),
        )  # fmt: skip

    before = torch.get_rng_state()
    one, same, other = drawn(make, seeded()), drawn(make, seeded()), drawn(make, seeded(1))
    assert torch.equal(before, torch.get_rng_state())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        reference = make()
    for p, q, r, theirs in zip(
        *(m.parameters() for m in (one, same, other, reference)), strict=True
    ):
        assert torch.equal(p, q)
        if float(theirs.detach().std()) > 0:
            assert not torch.equal(p, r)
            assert float(p.detach().std()) == pytest.approx(float(theirs.detach().std()), rel=0.25)
            assert float(p.detach().abs().max()) == pytest.approx(
                float(theirs.detach().abs().max()), rel=0.25
            )
        else:
            assert torch.equal(p, theirs)
    for mine, theirs in zip(one.buffers(), reference.buffers(), strict=True):
        assert torch.equal(mine, theirs)
    with pytest.raises(WorldError, match="how a PReLU begins"):
        drawn(nn.PReLU, None)


def test_reading_is_attention_by_brute_force():
    b, h, s, n, k, v = 2, 3, 4, 5, 6, 7
    g = seeded(1)
    queries = torch.randn(b, h, s, k, generator=g)
    keys, values = torch.randn(h, n, k, generator=g), torch.randn(b, h, n, v, generator=g)
    found, weights = read(queries, keys, values)
    for i in range(b):
        for x in range(s):
            for y in range(h):
                score = [float(queries[i, y, x] @ keys[y, z]) / math.sqrt(k) for z in range(n)]
                e = [math.exp(value - max(score)) for value in score]
                w = torch.tensor(e) / sum(e)
                expected = sum(w[z] * values[i, y, z] for z in range(n))
                assert torch.allclose(weights[i, y, x], w, atol=1e-6)
                assert torch.allclose(found[i, x, y * v : (y + 1) * v], expected, atol=1e-5)


def test_where_one_looks_depends_on_the_state_alone_and_what_is_found_on_the_map():
    reader = drawn(lambda: MapReader(4, 6, 9, heads=2), seeded())
    states = torch.randn(1, 5, 4, generator=seeded(1)).expand(2, 5, 4)
    tokens = torch.randn(2, 9, 6, generator=seeded(2))
    found, weights = reader(states, reader.values(tokens))
    assert torch.equal(weights[0], weights[1])
    assert not torch.allclose(found[0], found[1])
    # A change of the map at a place counts as much as the state looks there.
    changed = tokens.clone()
    changed[:, 3] += 1
    moved = reader(states, reader.values(changed)).found - found
    step = reader.value(torch.ones(6)) - reader.value(torch.zeros(6))
    expected = weights[..., 3].transpose(1, 2).repeat_interleave(3, -1) * step
    assert torch.allclose(moved, expected, atol=1e-5)


def test_a_token_of_a_map_tells_of_its_part():
    encoder = drawn(lambda: MapEncoder((1, 12, 12), 6, (4, 8)), seeded())
    blank, walled = torch.zeros(1, 1, 12, 12), torch.zeros(1, 1, 12, 12)
    walled[0, 0, 0, 0] = 1
    assert encoder.number == 9
    changed = (encoder(blank) - encoder(walled)).abs().sum(-1)[0] > 1e-6
    assert changed.tolist() == [True] + [False] * 8


@pytest.mark.parametrize("shape", [(2, 9, 7), (5,)])
@pytest.mark.parametrize("last", ["batch", "layer", "none"])
def test_encoders_take_images_and_vectors_and_end_with_their_norm(shape, last):
    encoder = drawn(lambda: Encoder(shape, 6, (4, 8), 16, last), seeded())
    z = encoder(torch.randn(50, *shape, generator=seeded(1)))
    assert z.shape == (50, 6)
    axis = {"batch": 0, "layer": 1}.get(last)
    if axis is not None:
        assert torch.allclose(z.mean(axis), torch.zeros(()), atol=1e-4)
        assert torch.allclose(z.std(axis, correction=0), torch.ones(()), atol=1e-2)
    assert not list(encoder.norm.parameters())


@pytest.mark.parametrize("name", sorted(PREDICTORS))
def test_predictors_heed_state_and_what_is_given(name):
    model = drawn(lambda: predictor(name, 6, 3, 16, layered=False), seeded())
    z, a = torch.randn(4, 6, generator=seeded(1)), torch.randn(4, 3, generator=seeded(2))
    after = model(z, a)
    assert after.shape == z.shape
    assert not torch.allclose(after, model(z, a + 1))
    assert not torch.allclose(after, model(z + 1, a))
    if name == "gru":
        theirs = nn.GRUCell(3, 6)
        theirs.load_state_dict(model.cell.state_dict())
        assert torch.equal(after, theirs(a, z))
    layered = drawn(lambda: predictor(name, 6, 3, 16, layered=True), seeded())(z, a)
    assert torch.allclose(layered.mean(1), torch.zeros(4), atol=1e-5)


@pytest.fixture(scope="module")
def fused():
    return drawn(lambda: FusionEncoder((1, 7, 7), 8, 11, 5, 3, 2, 2, "none"), seeded())


def test_patches_are_those_of_the_image(fused):
    image = torch.arange(49.0).reshape(1, 1, 7, 7)
    patches = fused.patches(image)
    assert patches.shape == (1, 9, 9)
    assert torch.equal(patches[0, 4], image[0, 0, 3:6, 3:6].flatten())
    # The last column was filled up with zeros.
    assert patches[0, 2].reshape(3, 3)[:, 1:].abs().sum() == 0


def test_images_and_text_are_one_sequence(fused):
    images = torch.rand(2, 1, 7, 7, generator=seeded(1)).requires_grad_()
    text = torch.tensor([[1, 2, 3], [4, 5, PAD]])
    both = fused(images, text)
    assert not torch.allclose(both, fused(images), atol=1e-4)
    assert not torch.allclose(both, fused(None, text), atol=1e-4)
    # Words change how much a pixel counts: the two kinds meet within the transformer.
    one = torch.autograd.grad(both[0].sum(), images)[0]
    other = torch.autograd.grad(fused(images, text.flip(0))[0].sum(), images)[0]
    assert not torch.allclose(one[0], other[0], atol=1e-5)
    assert one[1].abs().sum() == 0
    # The order of words counts.
    assert not torch.allclose(both[0], fused(images, text[:, [1, 0, 2]])[0], atol=1e-4)


def test_padding_is_not_seen(fused):
    images = torch.rand(2, 1, 7, 7, generator=seeded(1))
    short, long = torch.tensor([[4, 5]] * 2), torch.tensor([[4, 5, PAD, PAD]] * 2)
    assert torch.allclose(fused(images, short), fused(images, long), atol=1e-5)
    assert torch.allclose(fused(images), fused(images, torch.zeros_like(long)), atol=1e-5)


def test_what_does_not_fit_is_refused(fused):
    with pytest.raises(WorldError, match="nothing to encode"):
        fused(None, None)
    with pytest.raises(WorldError, match="longer than 5"):
        fused(None, torch.ones(1, 6, dtype=torch.long))
    with pytest.raises(WorldError, match="among 3"):
        FusionEncoder((1, 7, 7), 8, 11, 5, 3, 2, 3, "none")
    with pytest.raises(WorldError, match="patches are of an image"):
        FusionEncoder((7,), 8, 11, 5, 3, 2, 2, "none")
    with pytest.raises(WorldError, match="no predictor 'rnn'"):
        predictor("rnn", 4, 2, 8, False)
    with pytest.raises(WorldError, match="no norm 'group'"):
        Encoder((3,), 4, (), 8, "group")
    with pytest.raises(WorldError, match=r"images .* or vectors"):
        Encoder((3, 4), 4, (), 8, "none")
    with pytest.raises(WorldError, match="structure is an image"):
        MapEncoder((3,), 4, (8,))
    with pytest.raises(WorldError, match="shared among 4 heads"):
        MapReader(4, 6, 9, heads=4)
