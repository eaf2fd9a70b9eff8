"""Light against closed forms: beams, coherent states, self-images, self-phase modulation."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from unfrozen.errors import LearningError
from unfrozen.learning.optics import Absorber, Grid, Guide, Span, gaussian, propagate

GUIDE = Guide()
LINEAR = replace(GUIDE, kerr=0.0)
GLASS = Guide(aperture=0.0, kerr=0.0)
GRID = Grid(48, 1.5e-6)


def run(field, guide, length, steps, grid=GRID, absorber=None):
    field = torch.as_tensor(field).to(torch.complex128)
    return propagate(field[None], Span(grid, guide, length, steps, absorber))[0]


def off(found, expected):
    return float((found - expected).norm() / expected.norm())


def widths(field, grid):
    """Twice the standard deviation of intensity along y and x: w of a Gaussian beam."""
    intensity = field.abs() ** 2
    axis = grid.axis()
    found = []
    for profile in (intensity.sum(1), intensity.sum(0)):
        profile = profile / profile.sum()
        mean = (profile * axis).sum()
        found.append(2 * math.sqrt(float((profile * (axis - mean) ** 2).sum())))
    return found


@pytest.mark.parametrize("steps", [1, 3])
def test_a_gaussian_beam_in_glass_has_the_closed_form(steps):
    grid, waist = Grid(128, 1.5e-6), 10e-6
    rayleigh = GLASS.wavenumber * waist**2 / 2
    z = 1.3 * rayleigh
    found = run(gaussian(grid, waist), GLASS, z, steps, grid)
    # E = E0 / q exp(-r² / (w0² q)) with q = 1 + iz/zR: width, curvature and Gouy phase at once.
    q = 1 + 1j * z / rayleigh
    expected = math.sqrt(2 / math.pi) / waist / q
    expected = expected * torch.exp(-grid.squared_radius() / (waist**2 * q))
    assert off(found, expected) < 1e-9
    assert widths(found, grid)[0] == pytest.approx(waist * math.sqrt(1 + 1.3**2), rel=1e-6)
    axis = float(found[64, 64].abs() ** 2)
    assert axis == pytest.approx(2 / (math.pi * waist**2) / (1 + 1.3**2), rel=1e-9)


@pytest.mark.parametrize("turn", [0.125, 0.25, 0.5, 0.8, 1.0])
def test_a_displaced_mode_swings_as_a_coherent_state(turn):
    start, z = 9e-6, turn * 2 * GUIDE.period
    beam = gaussian(GRID, GUIDE.mode_radius, centre=(0.0, start))
    found = run(beam, LINEAR, z, math.ceil(8 * turn))
    centre = start * math.cos(2 * math.pi * turn)
    expected = gaussian(GRID, GUIDE.mode_radius, centre=(0.0, centre))
    assert off(found.abs(), expected) < 1e-7


def test_the_lowest_mode_only_turns_its_phase():
    beam, z = gaussian(GRID, GUIDE.mode_radius), 1.234e-3
    expected = beam * np.exp(-1j * GUIDE.swing * z)
    assert off(run(beam, LINEAR, z, 9), expected) < 1e-9


@pytest.mark.parametrize("turn", [0.1, 0.25, 0.4])
def test_a_wide_beam_breathes_with_the_period_of_self_images(turn):
    waist, mode, angle = 9e-6, GUIDE.mode_radius, turn * math.pi
    found = run(gaussian(GRID, waist), LINEAR, turn * GUIDE.period, 3)
    expected = math.hypot(waist * math.cos(angle), mode**2 / waist * math.sin(angle))
    assert widths(found, GRID) == pytest.approx([expected] * 2, rel=1e-6)


def blots():
    """A picture without symmetry that fits into the guide."""
    spots = [(4e-6, 7e-6, 4e-6, 1), (-6e-6, -2e-6, 3.5e-6, 0.7j), (1e-6, -9e-6, 5e-6, -0.4)]
    return sum(weight * gaussian(GRID, w, centre=(y, x)) for y, x, w, weight in spots)


def test_a_picture_comes_back_mirrored_after_one_period_and_upright_after_two():
    picture = blots()
    mirrored = picture.flip(0, 1).roll((1, 1), (0, 1))
    # The n-th mode turns by π (n + 1): its parity, and once more for the ground state.
    assert off(run(picture, LINEAR, GUIDE.period, 4), -mirrored) < 1e-4
    assert off(run(picture, LINEAR, 2 * GUIDE.period, 8), picture) < 1e-4


def test_half_a_period_is_a_fourier_transform():
    picture = blots().numpy()
    found = run(picture, LINEAR, GUIDE.period / 2, 4).numpy()
    axis = GRID.axis().numpy()
    kernel = np.exp(-1j * GUIDE.wavenumber * GUIDE.swing * np.outer(axis, axis))
    scale = -1j * GUIDE.wavenumber * GUIDE.swing / (2 * math.pi) * GRID.spacing**2
    expected = scale * kernel @ picture @ kernel.T
    assert off(torch.from_numpy(found), torch.from_numpy(expected)) < 1e-4


@pytest.mark.parametrize("steps", [1, 5])
def test_a_plane_wave_gains_phase_by_its_intensity(steps):
    intensity, z = 4e14, 1e-3
    wave = torch.full((48, 48), math.sqrt(intensity), dtype=torch.float64)
    found = run(wave, replace(GUIDE, aperture=0.0), z, steps)
    phase = 2 * math.pi * 3.2e-20 / 1.03e-6 * intensity * z
    assert phase == pytest.approx(0.078, rel=0.01)
    assert off(found, wave * np.exp(1j * phase)) < 1e-10


def test_a_beam_that_cannot_spread_in_time_gains_the_phase_of_each_place():
    # γP z with γ = 2π n2 / (λ A): so short a way that nothing diffracts.
    beam = gaussian(GRID, 15e-6, 3e10)
    z = 1e-8
    found = run(beam, replace(GUIDE, aperture=0.0), z, 1)
    expected = beam * torch.exp(1j * GUIDE.kerr_rate * beam**2 * z)
    assert float(GUIDE.kerr_rate * beam.max() ** 2 * z) > 0.1
    assert off(found, expected) < 1e-4


def test_the_kerr_effect_moves_the_spectrum_of_modes_as_perturbation_theory_says():
    # To first order the lowest mode gains γP z with A_eff = π w0², of a Gaussian: half the axis'.
    power, z = 2e3, 4 * GUIDE.period
    beam = gaussian(GRID, GUIDE.mode_radius, power)
    found, linear = run(beam, GUIDE, z, 64), run(beam, LINEAR, z, 64)
    gained = float(torch.angle((linear.conj() * found).sum()))
    area = math.pi * GUIDE.mode_radius**2
    assert gained == pytest.approx(GUIDE.kerr_rate / area * power * z, rel=2e-3)


@given(st.integers(0, 2**31), st.floats(0.0, 2.0), st.integers(8, 24))
def test_energy_is_kept_in_single_precision(seed, strength, steps):
    generator = torch.Generator().manual_seed(seed)
    grid = Grid(16, 2e-6)
    phase = torch.rand(3, 16, 16, generator=generator) * 6
    field = torch.polar(gaussian(grid, 8e-6, strength * 1e6).float().expand(3, -1, -1), phase)
    found = propagate(field, Span(grid, GUIDE, 1e-3, steps))
    before, after = (f.abs().double().square().sum((1, 2)) for f in (field, found))
    assert found.dtype == torch.complex64
    assert torch.allclose(after, before, rtol=1e-5)


@pytest.mark.parametrize(("dtype", "error"), [(torch.complex64, 1e-5), (torch.complex128, 1e-12)])
def test_energy_is_kept_over_a_thousand_steps(dtype, error):
    field = gaussian(Grid(), 14e-6, 6e5)[None].to(dtype)
    found = propagate(field, Span(Grid(), GUIDE, 2e-2, 1000))
    before, after = (float(f.abs().double().square().sum()) for f in (field, found))
    assert after / before == pytest.approx(1, abs=error)


def test_single_precision_is_close_to_double():
    field = gaussian(Grid(), 14e-6, 1e5)[None].to(torch.complex128)
    span = Span(Grid(), GUIDE, 1e-3, 64)
    assert off(propagate(field.to(torch.complex64), span), propagate(field, span)) < 1e-4


def test_darkness_stays_dark():
    dark = torch.zeros(2, 48, 48, dtype=torch.complex64)
    assert not propagate(dark, Span(GRID, GUIDE, 1e-3, 8)).any()


def test_halving_the_step_quarters_the_error():
    beam = blots() * math.sqrt(1e5)
    best = run(beam, GUIDE, 1e-3, 2048)
    errors = [off(run(beam, GUIDE, 1e-3, n), best) for n in (64, 128, 256)]
    assert 3.6 < errors[0] / errors[1] < 4.4
    assert 3.6 < errors[1] / errors[2] < 4.4


def dense_operators(grid, guide):
    """Diffraction by an explicit matrix of the DFT, and the index, as a dense Hamiltonian."""
    n = grid.points
    frequency = 2 * np.pi * (np.arange(n) - (n if n % 2 == 0 else n - 1) // 2) / grid.width
    place = (np.arange(n) - n // 2) * grid.spacing
    transform = np.exp(-1j * np.outer(frequency, place)) / math.sqrt(n)
    second = (transform.conj().T * frequency**2) @ transform / (2 * guide.wavenumber)
    well = guide.wavenumber * guide.swing**2 / 2 * np.diag(place**2)
    return second + well


def test_agrees_with_a_matrix_exponential():
    grid = Grid(20, 2.5e-6)
    beam = gaussian(grid, 5.5e-6, centre=(2e-6, -3e-6)).numpy().astype(complex)
    step = expm(-1j * 0.7e-3 * dense_operators(grid, LINEAR))
    expected = step @ beam @ step.T
    assert off(run(beam, LINEAR, 0.7e-3, 6, grid), torch.from_numpy(expected)) < 1e-4


def test_agrees_with_an_integrator_of_ordinary_differential_equations():
    grid = Grid(20, 2.5e-6)
    absorber = Absorber(18e-6, 2e4)
    one = dense_operators(grid, GUIDE)
    loss = absorber.rates(grid).numpy()
    beam = gaussian(grid, 5.5e-6, 4e5, centre=(2e-6, -3e-6)).numpy().astype(complex)

    def slope(_, flat):
        field = flat.reshape(20, 20)
        linear = -1j * (one @ field + field @ one.T)
        kerr = 1j * 2 * np.pi * 3.2e-20 / 1.03e-6 * np.abs(field) ** 2
        return (linear + (kerr - loss) * field).ravel()

    solved = solve_ivp(
        slope, (0, 4e-4), beam.ravel(), method="DOP853", rtol=1e-8, atol=1e-8 * np.abs(beam).max()
    )
    expected = torch.from_numpy(solved.y[:, -1].reshape(20, 20))
    lost = 1 - float(expected.abs().square().sum()) / float((np.abs(beam) ** 2).sum())
    assert lost > 1e-3
    assert off(run(beam, GUIDE, 4e-4, 400, grid, absorber), expected) < 3e-4
    # Neither the Kerr effect nor the loss is too small to be seen by this.
    assert off(run(beam, LINEAR, 4e-4, 400, grid, absorber), expected) > 0.1
    assert off(run(beam, GUIDE, 4e-4, 400, grid), expected) > 1e-2


def usual_splitting(field, grid, guide, length, steps):
    """Half of diffraction, index and Kerr effect, the other half: Agrawal 2019, section 2.4."""
    frequency = 2 * np.pi * np.fft.fftfreq(grid.points, grid.spacing)
    place = (np.arange(grid.points) - grid.points // 2) * grid.spacing
    step, k, k0 = length / steps, 2 * np.pi * 1.45 / 1.03e-6, 2 * np.pi / 1.03e-6
    half = np.exp(-1j * (frequency[:, None] ** 2 + frequency**2) * step / (4 * k))
    index = -1.45 * 0.2**2 / (2 * 1.45**2) * (place[:, None] ** 2 + place**2) / 25e-6**2
    for _ in range(steps):
        field = np.fft.ifft2(half * np.fft.fft2(field))
        field = field * np.exp(1j * k0 * step * (index + guide.kerr * np.abs(field) ** 2))
        field = np.fft.ifft2(half * np.fft.fft2(field))
    return torch.from_numpy(field)


def test_agrees_with_usual_splitting_in_a_quarter_of_its_steps():
    picture = blots().numpy() * math.sqrt(1e5)
    best = usual_splitting(picture, GRID, GUIDE, 1e-3, 3000)
    assert off(run(picture, GUIDE, 1e-3, 1000), best) < 1e-4
    ours = off(run(picture, GUIDE, 1e-3, 40), best)
    assert ours < 0.01
    assert off(usual_splitting(picture, GRID, GUIDE, 1e-3, 160), best) > ours


def test_an_absorber_swallows_what_leaves_and_leaves_what_is_guided():
    absorber = Absorber(12e-6)
    tilt = 0.1 * GLASS.wavenumber * GRID.axis()
    beam = gaussian(GRID, 8e-6) * torch.exp(1j * tilt)
    z = GRID.width / 0.1
    # On a periodic grid it has come around once, without loss.
    wrapped = run(beam, GLASS, z, 200)
    assert off(wrapped.abs().square().sum(), beam.abs().square().sum()) < 1e-9
    left = run(beam, GLASS, z, 200, absorber=absorber)
    assert float(left.abs().square().sum() / beam.abs().square().sum()) < 1e-2
    mode = gaussian(GRID, GUIDE.mode_radius)
    kept = run(mode, LINEAR, 1e-3, 16, absorber=absorber)
    assert float(kept.abs().square().sum() / mode.square().sum()) == pytest.approx(1, abs=1e-4)


def test_without_the_kerr_effect_light_adds_up():
    one, other = blots(), gaussian(GRID, 7e-6, centre=(3e-6, 0.0))
    both = run(one + 2j * other, LINEAR, 8e-4, 9)
    apart = run(one, LINEAR, 8e-4, 9) + 2j * run(other, LINEAR, 8e-4, 9)
    assert off(both, apart) < 1e-12


def test_samples_do_not_know_of_each_other():
    grid = Grid(32, 2e-6)
    generator = torch.Generator().manual_seed(0)
    phase = torch.rand(70, 32, 32, generator=generator) * 3
    fields = torch.polar(gaussian(grid, 14e-6, 4e5).float().expand(70, -1, -1), phase)
    span = Span(grid, GUIDE, 5e-4, 16)
    found = propagate(fields, span)
    alone = torch.cat([propagate(fields[i : i + 1], span) for i in (0, 33, 69)])
    assert off(found[[0, 33, 69]], alone) < 1e-5
    assert propagate(fields[:0], span).shape == (0, 32, 32)


def test_the_input_is_left_alone_and_no_graph_is_kept():
    field = gaussian(GRID, 8e-6)[None].to(torch.complex64).requires_grad_()
    before = field.detach().clone()
    found = propagate(field, Span(GRID, GUIDE, 1e-4, 4))
    assert torch.equal(field.detach(), before)
    assert not found.requires_grad


def test_shapes_are_known_without_numbers():
    field = torch.empty(5, 48, 48, dtype=torch.complex64, device="meta")
    assert propagate(field, Span(GRID, GUIDE, 1e-4, 4)).shape == (5, 48, 48)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Span(GRID, GUIDE, 0.0, 4),
        lambda: Span(GRID, GUIDE, math.inf, 4),
        lambda: Span(GRID, GUIDE, 1e-3, 0),
        lambda: Span(GRID, GUIDE, 1e-3, 7),
        lambda: propagate(
            torch.zeros(1, 16, 16, dtype=torch.complex64), Span(GRID, GUIDE, 1e-4, 4)
        ),
        lambda: propagate(torch.zeros(48, 48, dtype=torch.complex64), Span(GRID, GUIDE, 1e-4, 4)),
        lambda: propagate(torch.zeros(1, 48, 48), Span(GRID, GUIDE, 1e-4, 4)),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(LearningError):
        make()
