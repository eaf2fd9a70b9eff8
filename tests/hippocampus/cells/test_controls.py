import math

import pytest
import torch
from scipy.stats import kstest, spearmanr
from tests.draws import F64, normal
from tests.hippocampus.cells.ground import bump, hexagon, square, walk, waves

from unfrozen.errors import MapError
from unfrozen.hippocampus.cells.autocorrelogram import autocorrelogram
from unfrozen.hippocampus.cells.controls import (
    against,
    autocorrelation_lengths,
    circular_shifts,
    compared,
    smoothed_noise,
)
from unfrozen.hippocampus.cells.grids import grid_scores
from unfrozen.hippocampus.cells.maps import information, rate_maps


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def variance(maps):
    return maps.var(-1)


def gridness(maps):
    side = math.isqrt(maps.shape[1])
    return grid_scores(autocorrelogram(maps.reshape(-1, side, side))).hexagonal


def test_shifted_walks_have_the_rates_of_shifted_activity():
    activity, place = normal(0, 30, 2), walk(4, 30)
    drawn = circular_shifts(activity, place, 5)(40, seeded())
    every = [rate_maps(activity.roll(-s, 0), place, 5).rates for s in range(30)]
    for one in drawn:
        shifts = [s for s, m in enumerate(every) if torch.allclose(m, one, equal_nan=True)]
        assert shifts
        assert 1 <= shifts[0] <= 29


def test_p_is_uniform_where_place_means_nothing():
    # Activity that is smooth in time, on a walk that is too, but has nothing to do with it.
    steps, units = 400, 60
    noise = normal(3, steps + 20, units)
    activity = noise.unfold(0, 21, 1).mean(-1)
    place = (normal(4, steps).cumsum(0) / 2).floor().long() % 12
    maps = rate_maps(activity, place, 12).rates
    found = against(variance, maps, circular_shifts(activity, place, 12), 199, generator=seeded())
    assert kstest(found.p.numpy(), "uniform").pvalue > 0.01
    smooth = smoothed_noise(torch.ones(1, 36, dtype=F64).cumsum(1), square(6), 1.0)
    drawn = smooth(260, seeded(1))[:, 0]
    p = torch.stack([compared(drawn[i, 7:8], drawn[60:, 7:8]).p[0] for i in range(60)])
    assert kstest(p.numpy(), "uniform").pvalue > 0.01


def test_place_cells_stand_out_from_shifts_and_silence_does_not():
    place = walk(36, 900)
    rates = torch.stack([bump(square(6), (2.0, 3.0), 1.0), torch.full((36,), 0.3, dtype=F64)])
    activity = rates.T[place]
    control = circular_shifts(activity, place, 36)
    occupancy = torch.bincount(place, minlength=36)
    found = against(
        lambda m: information(m, occupancy).per_spike,
        rate_maps(activity, place, 36).rates, control, 99, generator=seeded(),
    )  # fmt: skip
    assert float(found.p[0]) == pytest.approx(0.01)
    assert float(found.percentile[0]) == 100
    assert float(found.z[0]) > 5
    assert float(found.p[1]) > 0.5


def test_p_counts_ties_and_leaves_out_what_has_no_score():
    nan = math.nan
    observed = torch.tensor([2.0, nan, 1.0, 2.0])
    control = torch.tensor([[1.0, 1, nan, 2], [2, 1, nan, 2], [3, 1, nan, 2], [nan, 1, nan, 2]])
    found = compared(observed, control)
    assert float(found.p[0]) == pytest.approx(3 / 4)
    assert float(found.percentile[0]) == pytest.approx(100 / 3)
    assert float(found.mean[0]) == pytest.approx(2)
    assert float(found.sd[0]) == pytest.approx(1)
    assert bool(found.p[1:3].isnan().all())
    assert float(found.p[3]) == 1
    assert bool(found.z[3].isnan())


@pytest.mark.parametrize("at", [square(10), hexagon(6)])
def test_smoothed_noise_keeps_rates_and_length(at):
    rates = torch.stack([bump(at, (4.0, 4.0), 2.0), normal(0, len(at)), at[:, 0] ** 2])
    rates[1, 5] = math.nan
    drawn = smoothed_noise(rates, at)(200, seeded())
    assert drawn.shape == (200, *rates.shape)
    assert bool(drawn[:, 1, 5].isnan().all())
    ordered = torch.where(rates.isnan(), math.inf, rates).sort(1).values
    again = torch.where(drawn.isnan(), math.inf, drawn).sort(-1).values
    assert torch.equal(again, ordered.expand_as(again))
    length = autocorrelation_lengths(rates, at)
    assert float(length[0]) > 3 * float(length[1])


def test_noise_of_a_length_is_as_alike_as_its_gaussian():
    at = square(14)
    rates = normal(1, 1, 196)
    # A map of some fields takes its own mean, which makes it a little less alike than its kind.
    for sigma in (0.7, 1.0):
        drawn = smoothed_noise(rates, at, sigma)(300, seeded())[:, 0].reshape(-1, 14, 14)
        for lag in (1, 2):
            r = torch.corrcoef(torch.stack([drawn[:, lag:].flatten(), drawn[:, :-lag].flatten()]))[
                0, 1
            ]
            assert float(r) == pytest.approx(math.exp(-(lag**2) / (4 * sigma**2)), abs=0.09)
        found = autocorrelation_lengths(drawn.reshape(-1, 196), at).mean()
        assert float(found) == pytest.approx(sigma, rel=0.15)


def test_grids_stand_out_from_smoothed_noise():
    at = square(14)
    maps = torch.stack([waves(14, 6, 20).flatten(), bump(at, (5.0, 8.0), 2.0)])
    found = against(gridness, maps, smoothed_noise(maps, at), 60, generator=seeded())
    assert float(found.p[0]) == pytest.approx(1 / 61)
    assert not float(found.p[1]) < 0.05
    assert found.control.shape == (60, 2)


def test_the_same_seed_draws_the_same_and_the_global_one_is_left_alone():
    at, rates = square(5), normal(0, 2, 25)
    control = smoothed_noise(rates, at)
    before = torch.get_rng_state()
    first = against(variance, rates, control, 10, generator=seeded(4))
    second = against(variance, rates, control, 10, generator=seeded(4))
    assert torch.equal(before, torch.get_rng_state())
    torch.testing.assert_close(first.control, second.control, rtol=0, atol=0)
    assert float(spearmanr(control(1, seeded(1))[0, 0], control(1, seeded(2))[0, 0]).statistic) < 1


@pytest.mark.usefixtures("unchecked")
def test_what_makes_no_sense_is_refused():
    activity, place = torch.ones(10, 1), torch.arange(10)
    with pytest.raises(MapError, match="cannot be shifted"):
        circular_shifts(activity, place, 10, least=6)
    with pytest.raises(MapError, match="one draw"):
        against(variance, activity.T, circular_shifts(activity, place, 10), 0, generator=seeded())
    with pytest.raises(MapError, match="drew"):
        against(
            variance, torch.ones(1, 9), circular_shifts(activity, place, 10), generator=seeded()
        )
    with pytest.raises(MapError, match="coordinates"):
        smoothed_noise(torch.ones(1, 9), torch.ones(8, 2))
    with pytest.raises(MapError, match="length"):
        smoothed_noise(torch.ones(1, 9), square(3), -1.0)
