"""Fibre, random medium, modulator and camera, as a network sees them."""

import math
from dataclasses import replace

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from unfrozen.errors import LearningError
from unfrozen.learning.optics import (
    Camera,
    Fibre,
    FibreSettings,
    Grid,
    Guide,
    Modulator,
    RandomMedium,
)

SMALL = FibreSettings(camera=Camera(pixels=7))


@pytest.fixture(scope="module")
def digits():
    return torch.from_numpy(load_digits().data[:40] / 16).float()


def media(settings=SMALL, features=64):
    return {
        "kerr": Fibre(settings),
        "linear": Fibre(settings.linear()),
        "gaussian": RandomMedium(features, settings, seed=3),
        "unitary": RandomMedium(features, settings, seed=3, kind="unitary"),
    }


@pytest.mark.parametrize("name", ["kerr", "linear", "gaussian", "unitary"])
class TestEveryMedium:
    def test_takes_rows_to_rows_and_keeps_no_graph(self, name, digits):
        medium = media()[name]
        found = medium(digits.clone().requires_grad_())
        assert found.shape == (40, 49)
        assert medium.features == 49
        assert not found.requires_grad
        assert (found >= 0).all()
        assert not list(medium.parameters())

    def test_is_the_same_each_time(self, name, digits):
        assert torch.equal(media()[name](digits), media()[name](digits))

    def test_stands_in_a_network_whose_layers_learn_around_it(self, name, digits):
        network = nn.Sequential(nn.Linear(64, 64), media()[name], nn.Linear(49, 2))
        network(digits).sum().backward()
        assert network[0].weight.grad is None
        assert network[2].weight.grad is not None

    def test_samples_do_not_know_of_each_other(self, name, digits):
        medium = media()[name]
        assert torch.allclose(medium(digits)[17:18], medium(digits[17:18]), atol=1e-4)

    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
    def test_precision_follows_the_input(self, name, digits, dtype):
        found = media()[name](digits.to(dtype))
        assert found.dtype == dtype
        if dtype == torch.float64:
            assert torch.allclose(found.float(), media()[name](digits), atol=2e-4)

    def test_shapes_are_known_without_numbers(self, name):
        medium = media()[name].to("meta")
        assert medium(torch.empty(5, 64, device="meta")).shape == (5, 49)

    @pytest.mark.usefixtures("unchecked")
    def test_refuses_what_are_no_rows_of_numbers(self, name):
        with pytest.raises(LearningError, match="rows"):
            media()[name](torch.zeros(8))
        with pytest.raises(LearningError, match="rows"):
            media()[name](torch.zeros(8, 64, dtype=torch.long))


def test_halving_the_step_changes_images_by_less_than_a_hundredth(digits):
    settings = FibreSettings()
    found, finer = (
        Fibre(replace(settings, steps=n))(digits) for n in (settings.steps, 2 * settings.steps)
    )
    off = (found - finer).norm(dim=1) / finer.norm(dim=1)
    assert float(off.max()) < 0.01
    # Of an effect that is there.
    linear = Fibre(settings.linear())(digits)
    assert float(((linear - found).norm(dim=1) / found.norm(dim=1)).mean()) > 0.05


def test_a_fibre_of_a_whole_number_of_periods_shows_the_beam_itself(digits):
    guide = Guide()
    settings = FibreSettings(length=2 * guide.period, b=0.0, steps=16)
    found = Fibre(settings)(digits)
    # Self-images have the phases and so the camera sees none of them.
    assert float((found - found.mean(0)).norm() / found.norm()) < 0.01
    varied = Fibre(replace(settings, length=1.75 * guide.period))(digits)
    assert float((varied - varied.mean(0)).norm() / varied.norm()) > 0.2


def test_a_linear_fibre_knows_nothing_of_power(digits):
    settings = replace(FibreSettings(), guide=Guide(kerr=0.0), b=0.0)
    assert torch.equal(Fibre(settings)(digits), Fibre(FibreSettings().linear())(digits))
    weak = FibreSettings().at_power(1e-3)
    off = Fibre(weak)(digits) - Fibre(FibreSettings().linear())(digits)
    assert float(off.abs().max()) < 1e-4


def test_watts_and_b_integral_say_the_same():
    settings = FibreSettings().at_power(123e3)
    assert settings.power == pytest.approx(123e3)
    axis = 2 * 123e3 / (math.pi * settings.waist**2)
    phase = 2 * math.pi / 1.03e-6 * 3.2e-20 * axis * settings.length
    assert settings.b == pytest.approx(phase)


def test_a_camera_that_sees_all_counts_the_power(digits):
    grid = Grid()
    settings = FibreSettings(camera=Camera(pixels=8, extent=grid.width), waist=10e-6)
    # Means over pixels in units of the power spread evenly: their mean is 1.
    assert torch.allclose(Fibre(settings)(digits).mean(1), torch.ones(40), atol=1e-4)


def test_camera_pixels_are_means_over_their_squares():
    grid = Grid(8, 1.0)
    field = torch.arange(64.0).view(1, 8, 8).sqrt().to(torch.complex64)
    seen = Camera(pixels=2, extent=4.0).see(field, grid, power=16.0)
    intensity = torch.arange(64.0).view(8, 8)
    # Points lie half a spacing off the borders of pixels: each border's points count by half.
    weights = torch.tensor([0.5, 1, 0.5]) / 2
    expected = [
        float(weights @ intensity[y : y + 3, x : x + 3] @ weights) for y in (2, 4) for x in (2, 4)
    ]
    assert seen[0].tolist() == pytest.approx(expected)


def test_a_modulator_writes_pixels_where_they_belong():
    grid = Grid(16, 1.0)
    image = torch.zeros(1, 16)
    image[0, 1] = 0.5
    phases = Modulator(depth=2.0, extent=8.0).phases(image, grid)[0]
    # The second pixel of the first row lies at y = -3, x = -1, and is 2 m wide.
    assert float(phases[8 - 3, 8 - 1]) == pytest.approx(1.0)
    assert float(phases[8 - 4, 8 - 1]) == pytest.approx(0.5)
    assert float(phases.sum()) == pytest.approx(0.5 * 2.0 * 4)
    assert not phases[8:].any()


def test_a_modulator_fills_the_square_with_zeros():
    grid = Grid(16, 1.0)
    row = torch.rand(2, 7, generator=torch.Generator().manual_seed(0))
    filled = torch.cat([row, torch.zeros(2, 2)], 1)
    modulator = Modulator(extent=9.0)
    assert torch.equal(modulator.phases(row, grid), modulator.phases(filled, grid))


def test_fine_images_are_averaged():
    grid = Grid(16, 1.0)
    ones = Modulator(depth=1.0, extent=12.0).phases(torch.ones(1, 48 * 48), grid)[0]
    assert torch.allclose(ones[4:13, 4:13], torch.ones(9, 9), atol=1e-3)


def test_random_media_make_speckle():
    settings = FibreSettings(camera=Camera(pixels=20))
    x = torch.rand(200, 400, generator=torch.Generator().manual_seed(1))
    seen = RandomMedium(400, settings, seed=0)(x)
    # Fully developed speckle: intensity is exponential, its deviation is its mean.
    assert float(seen.mean()) == pytest.approx(1, rel=0.05)
    assert float(seen.std()) == pytest.approx(1, rel=0.1)


def test_a_unitary_medium_keeps_energy():
    settings = FibreSettings(camera=Camera(pixels=10))
    x = torch.rand(9, 64, generator=torch.Generator().manual_seed(1))
    seen = RandomMedium(64, settings, seed=0, kind="unitary")(x)
    assert torch.allclose(seen.mean(1), torch.ones(9), atol=1e-5)
    gram = RandomMedium(100, settings, seed=0, kind="unitary").matrix
    assert torch.allclose(gram @ gram.mH, torch.eye(100).to(gram.dtype), atol=1e-5)


def test_seeds_make_media():
    x = torch.rand(2, 64, generator=torch.Generator().manual_seed(1))
    first, second = (RandomMedium(64, SMALL, seed=s)(x) for s in (0, 1))
    assert not torch.allclose(first, second, rtol=0.1)


def test_shot_noise_has_the_variance_of_counts():
    camera = Camera(photons=50.0)
    seen = torch.full((400, 100), 2.0)
    noisy = camera.read(seen, torch.Generator().manual_seed(0))
    assert float(noisy.mean()) == pytest.approx(2, rel=0.01)
    assert float(noisy.var()) == pytest.approx(2 / 50, rel=0.05)
    again = camera.read(seen, torch.Generator().manual_seed(0))
    assert torch.equal(noisy, again)
    with pytest.raises(LearningError, match="generator"):
        camera.read(seen)


def test_few_bits_are_few_levels_and_a_ceiling(digits):
    settings = replace(SMALL, camera=Camera(pixels=7, bits=3, ceiling=2.0))
    seen = Fibre(settings)(digits)
    levels = seen * 7 / 2
    assert torch.allclose(levels, levels.round(), atol=1e-5)
    assert float(seen.max()) == pytest.approx(2.0)
    plain = Fibre(SMALL)(digits).clamp(max=2)
    assert float((seen - plain).abs().max()) <= 1 / 7 + 1e-5


@pytest.mark.parametrize(
    "make",
    [
        lambda: FibreSettings(b=-1.0),
        lambda: FibreSettings(b=math.nan),
        lambda: FibreSettings(modulator=Modulator(extent=1e-3)),
        lambda: Modulator(extent=0.0),
        lambda: Modulator(depth=math.inf),
        lambda: Camera(pixels=0),
        lambda: Camera(photons=0.0),
        lambda: Camera(bits=-1),
        lambda: Fibre(FibreSettings(steps=2)),
        lambda: Fibre(FibreSettings(guide=Guide(kerr=0.0), b=1.0)),
        lambda: RandomMedium(0, SMALL, seed=0),
        lambda: RandomMedium(9, SMALL, seed=0, kind="other"),
        lambda: RandomMedium(9, SMALL, seed=0)(torch.zeros(1, 8)),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(LearningError):
        make()
