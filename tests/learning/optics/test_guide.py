"""Numbers of a guide against those of the textbook, and settings that make no sense."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import LearningError
from unfrozen.learning.optics import Absorber, Grid, Guide, gaussian


def test_a_50_125_fibre_has_the_numbers_of_its_data_sheet():
    guide = Guide()
    delta = 0.2**2 / (2 * 1.45**2)
    assert guide.period == pytest.approx(math.pi * 25e-6 / math.sqrt(2 * delta), rel=1e-12)
    assert guide.period == pytest.approx(0.569e-3, rel=1e-3)
    # w0² = λ a / (π n0 sqrt(2Δ)).
    radius = math.sqrt(1.03e-6 * 25e-6 / (math.pi * 1.45 * math.sqrt(2 * delta)))
    assert guide.mode_radius == pytest.approx(radius, rel=1e-12)
    # Of fused silica at 1 um, some 4 MW are quoted with n2 = 2.7e-20: 3.4 MW for 3.2e-20.
    assert guide.critical_power == pytest.approx(3.45e6, rel=0.01)


def test_b_integral_of_a_kilowatt():
    # I0 = 2P / (π w²) = 6.366e12 W/m² for 1 kW on 10 um; n2 k0 I0 L with k0 = 6.100e6 rad/m.
    assert Guide().b_integral(1e3, 10e-6, 1.0) == pytest.approx(1.2427, rel=1e-3)


@given(st.floats(1e-3, 30.0), st.floats(1e-6, 50e-6), st.floats(1e-5, 5.0))
def test_power_and_b_integral_are_inverse(b, waist, length):
    guide = Guide()
    assert guide.b_integral(guide.power(b, waist, length), waist, length) == pytest.approx(b)


def test_without_guide_or_kerr_effect_nothing_divides_by_zero():
    glass = Guide(aperture=0.0, kerr=0.0)
    assert glass.swing == 0
    assert glass.period == glass.mode_radius == glass.critical_power == math.inf
    assert glass.power(0.0, 1e-5, 1.0) == 0
    with pytest.raises(LearningError, match="no power"):
        glass.power(1.0, 1e-5, 1.0)


@given(st.floats(3e-6, 6e-6), st.floats(0.1, 1e6))
def test_a_beam_has_its_power(waist, power):
    grid = Grid(48, 1e-6)
    beam = gaussian(grid, waist, power)
    assert float(beam.square().sum()) * grid.spacing**2 == pytest.approx(power, rel=1e-6)


def test_a_beam_lies_where_it_is_put():
    beam = gaussian(Grid(32, 2e-6), 8e-6, centre=(-6e-6, 4e-6))
    assert divmod(int(beam.argmax()), 32) == (16 - 3, 16 + 2)


def test_an_absorber_is_at_the_rim_only():
    rates = Absorber(8e-6, 1e4).rates(Grid(32, 2e-6))
    assert not rates[5:28, 5:28].any()
    assert float(rates[0, 16]) == pytest.approx(1e4)
    assert torch.equal(rates, rates.T)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Grid(1),
        lambda: Grid(8, 0.0),
        lambda: Guide(radius=0.0),
        lambda: Guide(aperture=1.5),
        lambda: Guide(aperture=-0.1),
        lambda: Guide(kerr=math.nan),
        lambda: Guide(wavelength=-1e-6),
        lambda: Absorber(0.0),
        lambda: Absorber(1e-6, -1.0),
        lambda: gaussian(Grid(), 0.0),
        lambda: gaussian(Grid(), 1e-6, -1.0),
    ],
)
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(LearningError):
        make()
