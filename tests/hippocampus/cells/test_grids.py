import math
import warnings

import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.draws import normal
from tests.hippocampus.cells.ground import F64, hexagon, waves

from unfrozen.errors import MapError
from unfrozen.hippocampus.cells.autocorrelogram import autocorrelogram, raster
from unfrozen.hippocampus.cells.grids import (
    RULES,
    grid_scores,
    growing_ring_scores,
    lattice,
    peak_ring_scores,
    rotated,
    rotation_correlations,
    set_ring_scores,
)
from unfrozen.hippocampus.cells.grids.scores import ANGLES, sixty

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import spatial_maps
    from spatial_maps.fields import find_peaks
    from spatial_maps.gridcells import peak_to_peak_distance, rotate_corr


def smooth_noise(seed, side=40, sigma=2.0):
    return torch.as_tensor(scipy.ndimage.gaussian_filter(normal(seed, side, side).numpy(), sigma))


def zoo(side=40):
    """Maps of all kinds: grids of several scales and turns, noisy ones, bands, squares, noise."""
    noisy = waves(side, 13, 50) + 3 * smooth_noise(7, side)
    band = waves(side, 9, 25, count=1)
    grids = [
        waves(side, spacing, degrees, (3, 4))
        for spacing, degrees in ((12, 10), (10, 35), (15, 22), (28, 5))
    ]
    return torch.stack([*grids, noisy, band, waves(side, 11, 0, count=2), smooth_noise(3, side)])


@pytest.mark.parametrize("angle", [30.0, 45.0, 60.0, 90.0, 120.0, 135.0, 150.0, 180.0, 17.3])
@pytest.mark.parametrize("shape", [(21, 21), (15, 24)])
def test_rotation_is_that_of_scipy(angle, shape):
    maps = normal(0, 2, *shape)
    for interpolation, order in (("cubic", 3), ("linear", 1)):
        expected = [scipy.ndimage.rotate(m, angle, reshape=False, order=order) for m in maps]
        found = rotated(maps, angle, interpolation)
        inner = np.s_[:, 1:-1, 1:-1] if interpolation == "linear" else np.s_[:]
        # Scipy has nothing between the last bins and what is beyond them, we go on linearly.
        close = np.isclose(found.numpy()[inner], np.stack(expected)[inner], atol=1e-9)
        assert close.mean() > (0.9 if interpolation == "linear" else 0.9999)


@pytest.mark.parametrize("ring", [(3.0, 12.0), (5.5, 20.0), (0.0, 39.0)])
def test_correlations_of_rotations_are_the_published_ones(ring):
    maps = zoo()
    ours = autocorrelogram(maps, 2).nan_to_num(nan=0.0)
    theirs = torch.stack([torch.tensor(spatial_maps.autocorrelation(m.numpy())) for m in maps])
    at = np.hypot(*np.meshgrid(np.arange(-39, 40), np.arange(-39, 40)))
    for sacs in (ours, theirs):
        found = rotation_correlations(sacs, (30.0, 60.0, 90.0, 120.0, 150.0), *ring)
        for own, sac in zip(found, sacs, strict=True):
            r30, r60 = rotate_corr(sac.numpy(), (at < ring[0]) | (at > ring[1]))
            expected = [r30[0], r60[0], r30[1], r60[1], r30[2]]
            assert own.tolist() == pytest.approx(expected, abs=1e-6)


def test_peak_ring_scores_are_the_published_correlations():
    maps = zoo()
    sacs = torch.stack([torch.tensor(spatial_maps.autocorrelation(m.numpy())) for m in maps])
    found = peak_ring_scores(sacs)
    at = np.hypot(*np.meshgrid(np.arange(-39, 40), np.arange(-39, 40)))
    scored = found.hexagonal.isfinite()
    assert int(scored.sum()) >= 7
    rings = found.hexagonal_ring[scored].tolist()
    for own, sac, ring in zip(found.hexagonal[scored], sacs[scored], rings, strict=True):
        r30, r60 = rotate_corr(sac.numpy(), (at < ring[0]) | (at > ring[1]))
        assert float(own) == pytest.approx(min(r60) - max(r30), abs=1e-6)


@pytest.mark.parametrize("spacing", [30, 31.5, 33])
@pytest.mark.parametrize("degrees", [0, 8, 25])
def test_grid_scores_are_the_published_ones(spacing, degrees):
    # With wider fields than these the ring takes in all of the autocorrelogram, as the published
    # score crops it to the ring and is then half a bin off its centre.
    one = waves(40, spacing, degrees, (19.5, 19.5)) + 0.2 * smooth_noise(degrees)
    theirs = spatial_maps.autocorrelation(one.numpy())
    peaks = find_peaks(theirs)
    inner = 0.5 * peak_to_peak_distance(peaks, 0, 1)
    outer = min(inner + peak_to_peak_distance(peaks, 0, 6), 39.5)
    # Their distances are of bins 79 / 78 wide.
    ring = (inner * 78 / 79, outer * 78 / 79)
    found = sixty(rotation_correlations(torch.tensor(theirs)[None], ANGLES, *ring))
    assert float(found) == pytest.approx(spatial_maps.gridness(one.numpy()), abs=1e-3)


def banino_by_hand(sac, extremes):
    """The published code's arithmetic, ring by ring."""
    turned = {a: scipy.ndimage.rotate(sac, a, reshape=False) for a in ANGLES}
    half = (len(sac) - 1) // 2
    at = np.hypot(*np.meshgrid(np.arange(-half, half + 1), np.arange(-half, half + 1)))
    best = [-9.0, -9.0]
    for end in np.linspace(0.4, 1.0, 10):
        ring = (at > 0.2 * (half + 1)) & (at <= end * (half + 1))
        mean = sac[ring].mean()
        variance = ((sac[ring] - mean) ** 2).mean() + 1e-5
        r = {
            a: ((sac[ring] - mean) * (t[ring] - mean)).mean() / variance for a, t in turned.items()
        }
        if extremes:
            score = min(r[60], r[120]) - max(r[30], r[90], r[150])
        else:
            score = (r[60] + r[120]) / 2 - (r[30] + r[90] + r[150]) / 3
        best = [max(best[0], score), max(best[1], r[90] - (r[45] + r[135]) / 2)]
    return best


@pytest.mark.parametrize("extremes", [False, True])
def test_scores_of_set_rings_by_brute_force(extremes):
    sacs = autocorrelogram(zoo(20), 2)
    found = set_ring_scores(sacs, extremes=extremes)
    for i, sac in enumerate(sacs.nan_to_num(nan=0.0).numpy()):
        expected = banino_by_hand(sac, extremes)
        assert [float(found.hexagonal[i]), float(found.square[i])] == pytest.approx(expected)


def langston_by_hand(sac, start):
    """The growing circle's arithmetic, radius by radius."""
    turned = {a: scipy.ndimage.rotate(sac, a, reshape=False, order=1) for a in ANGLES}
    half = (len(sac) - 1) // 2
    at = np.hypot(*np.meshgrid(np.arange(-half, half + 1), np.arange(-half, half + 1)))
    scores = []
    for end in range(max(3, start + 1), half + 1):
        ring = (at > start) & (at < end)
        r = {a: np.corrcoef(sac[ring], t[ring])[0, 1] for a, t in turned.items()}
        scores.append(min(r[60], r[120]) - max(r[30], r[90], r[150]))
    return max(np.mean(scores[i : i + 3]) for i in range(len(scores) - 3))


def test_scores_of_growing_rings_by_brute_force():
    sacs = autocorrelogram(zoo(), 2).nan_to_num(nan=0.0)[:, 4:-4, 4:-4]
    found = growing_ring_scores(sacs)
    for score, ring, sac in zip(found.hexagonal, found.hexagonal_ring, sacs, strict=True):
        expected = langston_by_hand(sac.numpy(), int(ring[0]))
        assert float(score) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("rule", list(RULES))
def test_ideal_grids_score_high_and_others_do_not(rule):
    hexagonal = torch.stack([waves(40, s, d, (1, 7)) for s, d in ((10, 0), (13, 17), (16, 41))])
    squares = torch.stack([waves(40, s, d, (1, 7), 2) for s, d in ((9, 0), (12, 20))])
    band = waves(40, 10, 20, count=1)[None]
    noise = torch.stack([smooth_noise(seed) for seed in range(6)])
    high = grid_scores(autocorrelogram(hexagonal), rule)
    assert float(high.hexagonal.min()) > 1
    assert float(high.square.max()) < 0.3
    flat = grid_scores(autocorrelogram(squares), rule)
    assert float(flat.square.min()) > 0.9
    assert float(flat.hexagonal.max()) < 0
    for others in (band, noise):
        low = grid_scores(autocorrelogram(others), rule).hexagonal
        assert not bool((low > 0.9).any())


@pytest.mark.parametrize("rule", list(RULES))
@settings(max_examples=8)
@given(seed=st.integers(0, 99), scale=st.floats(0.01, 100), offset=st.floats(-9, 9))
def test_scores_know_no_scale_offset_order_or_right_angle(rule, seed, scale, offset):
    maps = torch.stack([waves(14, 6, seed + 0.7, (0.3, 0.1)), smooth_noise(seed, 14, 1.5)])
    found = grid_scores(autocorrelogram(maps), rule)
    for moved, back in ((scale * (maps + offset), False), (maps.rot90(1, (1, 2)), False),
                        (maps.flip(0), True)):  # fmt: skip
        again = grid_scores(autocorrelogram(moved), rule)
        for one, other in zip(found, again, strict=True):
            torch.testing.assert_close(
                other.flip(0) if back else other, one, equal_nan=True, rtol=1e-5, atol=1e-5
            )


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(("spacing", "degrees"), [(8, 0), (11, 13), (14, 28)])
def test_spacing_and_orientation_are_those_of_the_lattice(spacing, degrees, count):
    one = waves(45, spacing, degrees, (2, 5), count)
    found = lattice(autocorrelogram(one[None]), 2 * count, pixel=2.5)
    assert float(found.spacing) == pytest.approx(2.5 * spacing, rel=0.03)
    # Fields are half way between the waves of a hexagonal grid, and along those of a square one.
    expected = degrees + 30 if count == 3 else degrees
    turn = 180 / count
    off = (float(found.orientation) - expected + turn / 2) % turn - turn / 2
    assert abs(off) < 1.5
    assert float(found.distortion) < 1.06


def test_hexagonal_worlds_have_grids_too():
    at = hexagon(9)
    k = 2 * math.pi / (5 * math.sqrt(3) / 2)
    angles = [math.radians(10 + 60 * i) for i in range(3)]
    rates = sum(torch.cos(k * (math.cos(a) * at[:, 0] + math.sin(a) * at[:, 1])) for a in angles)
    found = raster(rates[None], at)
    sac = autocorrelogram(found.maps)
    assert float(grid_scores(sac).hexagonal) > 1
    assert float(lattice(sac, pixel=found.pixel).spacing) == pytest.approx(5, rel=0.03)


def test_unknown_bins_are_left_out_of_rings():
    maps = torch.stack([waves(30, 9, 12), waves(30, 11, 31, (2, 2))])
    whole = grid_scores(autocorrelogram(maps), "sargolini").hexagonal
    maps[:, 4:9, 20:24] = math.nan
    maps[1, 15, 15] = math.nan
    holed = autocorrelogram(maps)
    holed[0, 20, 25] = math.nan
    for rule in ("sargolini", "langston"):
        found = grid_scores(holed, rule).hexagonal
        torch.testing.assert_close(found, whole, rtol=0, atol=0.15)


@pytest.mark.parametrize("rule", list(RULES))
def test_what_has_no_autocorrelogram_has_no_score(rule):
    maps = torch.zeros(3, 12, 12, dtype=F64)
    maps[1] = math.nan
    maps[2, 3, 3] = math.nan
    found = grid_scores(autocorrelogram(maps), rule)
    assert bool(found.hexagonal.isnan().all())
    assert bool(found.square.isnan().all())
    assert bool(lattice(autocorrelogram(maps)).spacing.isnan().all())


@pytest.mark.parametrize("rule", list(RULES))
def test_scores_of_many_units_are_those_of_each(rule):
    sacs = autocorrelogram(torch.stack([smooth_noise(seed, 12, 1.2) for seed in range(8)]))
    together = grid_scores(sacs, rule)
    for i in range(8):
        alone = grid_scores(sacs[i : i + 1], rule)
        torch.testing.assert_close(alone.hexagonal[0], together.hexagonal[i], equal_nan=True)


@pytest.mark.usefixtures("unchecked")
def test_what_makes_no_sense_is_refused():
    sac = torch.ones(1, 9, 9)
    for rule in (peak_ring_scores, growing_ring_scores, set_ring_scores, lattice):
        with pytest.raises(MapError, match="odd sides"):
            rule(torch.ones(1, 8, 8))
    with pytest.raises(MapError, match="one of"):
        grid_scores(sac, "nobody")
    with pytest.raises(MapError, match="hexagonal"):
        lattice(sac, 5)
    with pytest.raises(MapError, match="a ring"):
        set_ring_scores(sac, [])
    with pytest.raises(MapError, match="interpolation"):
        rotated(sac, 30.0, "nearest")
