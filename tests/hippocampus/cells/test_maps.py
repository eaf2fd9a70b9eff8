import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.stats import entropy, f_oneway, pearsonr
from tests.draws import F64, normal
from tests.hippocampus.cells.ground import walk

from unfrozen.errors import MapError
from unfrozen.hippocampus.cells.maps import (
    binned_maps,
    consistency,
    correlation,
    information,
    rate_maps,
    reliability,
    sparsity,
)


@given(steps=st.integers(1, 40), places=st.integers(1, 6), seed=st.integers(0, 99))
def test_rates_are_the_means_at_places(steps, places, seed):
    activity, place = normal(seed, steps, 2), walk(places, steps, seed)
    found = rate_maps(activity, place, places + 1)
    for i in range(places + 1):
        there = activity[place == i]
        assert found.occupancy[i] == len(there)
        expected = there.mean(0) if len(there) else torch.full((2,), math.nan, dtype=F64)
        torch.testing.assert_close(found.rates[:, i], expected, equal_nan=True)


@pytest.mark.parametrize("smoothing", [0.0, 1.0, 2.5])
def test_binned_maps_are_those_of_scipy(smoothing):
    position = torch.rand(300, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    position = position * torch.tensor([2.0, 1.0])
    position[0] = torch.tensor([2.0, 1.0])
    activity = normal(1, 300, 3)
    found = binned_maps(activity, position, (6, 10), ((0.0, 2.0), (0.0, 1.0)), smoothing)
    assert found.pixel == pytest.approx((1 / 6, 0.2))
    column = (position[:, 0] * 5).floor().clamp(max=9).long()
    row = (position[:, 1] * 6).floor().clamp(max=5).long()
    time = torch.zeros(6, 10, dtype=F64)
    sums = torch.zeros(3, 6, 10, dtype=F64)
    for step in range(300):
        time[row[step], column[step]] += 1
        sums[:, row[step], column[step]] += activity[step]
    assert torch.equal(found.occupancy, time.long())
    if smoothing:
        settings = {"sigma": smoothing, "mode": "constant", "truncate": 30}
        shared = gaussian_filter(time, **settings)
        rates = [gaussian_filter(s, **settings) / shared for s in sums]
    else:
        rates = list(sums / time)
    expected = torch.stack([torch.as_tensor(r) for r in rates])
    expected[:, time == 0] = math.nan
    torch.testing.assert_close(found.rates, expected, equal_nan=True)


def test_steps_outside_of_the_arena_are_left_out():
    position = torch.tensor([[0.5, 0.5], [1.5, 0.5], [-0.1, 0.5]])
    found = binned_maps(torch.ones(3, 1), position, (2, 2), ((0.0, 1.0), (0.0, 1.0)))
    assert int(found.occupancy.sum()) == 1
    assert int(found.rates.isfinite().sum()) == 1


@given(seed=st.integers(0, 99))
def test_consistency_is_the_analysis_of_variance(seed):
    activity, place = normal(seed, 60, 1), walk(5, 60, seed)
    groups = [activity[place == i, 0].numpy() for i in range(5) if bool((place == i).any())]
    ratio = float(f_oneway(*groups).statistic)
    between, within = len(groups) - 1, 60 - len(groups)
    share = ratio * between / (ratio * between + within)
    found = consistency(activity, place, 5)
    assert float(found) == pytest.approx(share)
    adjusted = consistency(activity, place, 5, adjusted=True)
    assert float(adjusted) == pytest.approx(1 - (1 - share) * 59 / within)


def test_consistency_and_reliability_tell_signal_from_noise():
    place = walk(20, 2000)
    signal = normal(1, 20)[place]
    activity = torch.stack([signal, normal(2, 2000), torch.full((2000,), 0.1, dtype=F64)], 1)
    share = consistency(activity, place, 20)
    assert float(share[0]) == pytest.approx(1)
    assert float(share[1]) < 0.03
    assert abs(float(consistency(activity, place, 20, adjusted=True)[1])) < 0.02
    assert bool(share[2].isnan())
    for by in ("visit", "time"):
        found = reliability(activity, place, 20, by=by)
        assert float(found[0]) == pytest.approx(1)
        assert abs(float(found[1])) < 0.6
        assert bool(found[2].isnan())


def test_halves_by_visit_and_by_time():
    place = torch.tensor([0, 0, 1, 2, 1, 2, 0, 1, 2, 0, 1, 2])
    activity = normal(0, 12, 1)
    for by, second in (
        ("visit", [0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1]),
        ("time", [0] * 6 + [1] * 6),
    ):
        late = torch.tensor(second) == 1
        halves = [
            [float(activity[h & (place == i)].mean()) for i in range(3)] for h in (~late, late)
        ]
        found = reliability(activity, place, 3, by=by)
        assert float(found) == pytest.approx(float(pearsonr(*halves).statistic))
    assert bool(reliability(activity[:1], place[:1], 3).isnan().all())


@given(seed=st.integers(0, 99), scale=st.floats(0.01, 100))
def test_information_is_the_divergence_from_the_walk(seed, scale):
    rates = normal(seed, 3, 4, 5).abs()
    time = normal(seed + 1, 4, 5).abs()
    rates[:, 0, 0] = math.nan
    known = rates[0].isfinite()
    found = information(scale * rates, time)
    p = (time[known] / time[known].sum()).numpy()
    for i in range(3):
        rate = rates[i][known].numpy()
        expected = entropy(p * rate, p, base=2)
        assert float(found.per_spike[i]) == pytest.approx(float(expected))
        mean = scale * float((p * rate).sum())
        assert float(found.per_second[i]) == pytest.approx(float(expected) * mean)


def test_information_and_sparsity_of_hand_made_fields():
    rates = torch.zeros(3, 8)
    rates[0, :2] = 3
    rates[1] = 5
    time = torch.ones(8)
    assert information(rates, time).per_spike[:2].tolist() == pytest.approx([2, 0], abs=1e-6)
    assert bool(information(rates, time).per_spike[2].isnan())
    assert float(information(rates, time).per_second[2]) == 0
    assert sparsity(rates, time)[:2].tolist() == pytest.approx([0.25, 1])
    assert bool(sparsity(rates, time)[2].isnan())


@given(seed=st.integers(0, 99), scale=st.floats(0.1, 10), offset=st.floats(-9, 9))
def test_correlation_is_that_of_scipy_and_knows_no_scale(seed, scale, offset):
    first, second = normal(seed, 9), normal(seed + 1, 9)
    first[2], second[5] = math.nan, math.nan
    both = first.isfinite() & second.isfinite()
    expected = float(pearsonr(first[both], second[both]).statistic)
    assert float(correlation(scale * first + offset, second)) == pytest.approx(expected, abs=1e-9)


def test_correlation_of_constants_is_unknown():
    x = torch.full((2, 9), 0.1)
    assert bool(correlation(x, normal(0, 2, 9).float()).isnan().all())
    assert bool(correlation(x[:, :2], x[:, :2]).isnan().all())


@pytest.mark.usefixtures("unchecked")
def test_what_makes_no_sense_is_refused():
    activity, place = torch.ones(4, 2), torch.tensor([0, 1, 2, 3])
    for bad in (lambda: rate_maps(activity[:3], place, 4), lambda: rate_maps(activity, place, 3),
                lambda: rate_maps(activity[:0], place[:0], 4)):  # fmt: skip
        with pytest.raises(MapError, match="place"):
            bad()
    with pytest.raises(MapError, match="split"):
        reliability(activity, place, 4, by="day")
    with pytest.raises(MapError, match="negative"):
        information(-torch.ones(1, 4), torch.ones(4))
    with pytest.raises(MapError, match="time at each place"):
        sparsity(torch.ones(1, 4), torch.ones(3))
    positions = torch.rand(4, 2)
    with pytest.raises(MapError, match="extent"):
        binned_maps(activity, positions, (2, 2), ((1, 1), (0, 1)))
    with pytest.raises(MapError, match="positions"):
        binned_maps(activity, positions[:3], (2, 2), ((0.0, 1.0), (0.0, 1.0)))
    with pytest.raises(MapError, match="one step or more"):
        binned_maps(activity, positions + 2, (2, 2), ((0.0, 1.0), (0.0, 1.0)))
