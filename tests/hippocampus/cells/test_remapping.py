import math

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from tests.draws import F64, normal
from tests.hippocampus.cells.ground import bump, square

from unfrozen.errors import MapError
from unfrozen.hippocampus.cells.maps import correlation
from unfrozen.hippocampus.cells.remapping import (
    Environment,
    grid_at_place,
    minimum_distance,
    peak_distances,
    peak_places,
    structure,
)

SIDE = 21
AT = square(SIDE)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def grid(phase, degrees=10.0, spacing=7.0):
    k = 2 * math.pi / (spacing * math.sqrt(3) / 2)
    angles = [math.radians(degrees) + i * math.pi / 3 for i in range(3)]
    moved = AT - phase
    total = sum(
        torch.cos(k * (math.cos(a) * moved[:, 0] + math.sin(a) * moved[:, 1])) for a in angles
    )
    return total + 1.5


def environments(seed=0, cells=30, *, anchored=True, realigned=True):
    """Modules of grid cells that shift, and place cells that stay where grids say, or do not."""
    scales = torch.tensor([6.0, 9.0], dtype=F64)
    numbers = torch.rand(400, 2, generator=seeded(seed), dtype=F64) * SIDE
    phases = numbers[:24]
    shifts = numbers[24:26] if realigned else numbers[24:48]
    made, before = [], torch.empty(0)
    for which in range(2):
        module = torch.arange(24) % 2
        moved = phases + which * (shifts[module] if realigned else shifts)
        grids = torch.stack(
            [grid(p, spacing=float(scales[m])) for p, m in zip(moved, module, strict=True)]
        )
        if which == 0 or not anchored:
            centres = numbers[50 + which * 100 : 50 + which * 100 + cells]
            centres = 2.0 + (SIDE - 5) / SIDE * centres
        else:
            # A place cell moves to where the grid cells do most nearly what they did at its peak.
            away = (grids.T[:, None] - before[None]).norm(dim=-1)
            edge = ((AT < 2) | (AT > SIDE - 3)).any(1)
            away[edge] = math.inf
            centres = AT[away.argmin(0)]
        places = torch.stack([bump(AT, tuple(c.tolist()), 1.5) for c in centres])
        before = grids[:, places.argmax(1)].T
        made.append(Environment(places, grids, AT))
    return made[0], made[1], scales[torch.arange(24) % 2]


def test_grids_that_realign_keep_what_they_do_at_places():
    first, second, scales = environments()
    found = grid_at_place(first, second, generator=seeded())
    assert found.pairs == 30 * 24
    assert found.r > 0.4
    assert abs(found.mean) < 4 * found.sd
    assert found.z > 10
    assert found.p == pytest.approx(1 / 5001)
    near = minimum_distance(first, second, scales, generator=seeded())
    assert near.r > 0.3
    assert near.p < 0.001
    alike = structure(first.grids, second.grids, generator=seeded())
    assert alike.r > 0.9
    assert alike.p < 0.001


def test_places_that_move_on_their_own_keep_nothing():
    p = []
    for seed in range(6):
        first, second, scales = environments(seed, anchored=False)
        p.append(grid_at_place(first, second, generator=seeded(), permutations=500).p)
        p.append(minimum_distance(first, second, scales, generator=seeded(), permutations=500).p)
    assert np.mean(p) > 0.25
    first, second, _ = environments(anchored=False, realigned=False)
    for maps in ("grids", "places"):
        found = structure(getattr(first, maps), getattr(second, maps), generator=seeded())
        if maps == "places":
            assert abs(found.r) < 0.2
            assert found.p > 0.01
    assert peak_distances(first, second, generator=seeded()).p > 0.01


def test_what_does_not_change_is_kept_whole():
    first, _, scales = environments()
    for found in (
        grid_at_place(first, first, generator=seeded(), permutations=200),
        minimum_distance(first, first, scales, generator=seeded(), permutations=200),
        structure(first.places, first.places, generator=seeded(), permutations=200),
        peak_distances(first, first, generator=seeded(), permutations=200),
    ):
        assert found.r == pytest.approx(1)
        assert found.p == pytest.approx(1 / 201)


def test_measures_by_brute_force():
    first, second, scales = environments(3, cells=9)
    peaks = [e.places.argmax(1) for e in (first, second)]
    pairs = [(p, g) for p in range(9) for g in range(24)]
    x, y = (
        [float(e.grids[g, peak[p]]) for p, g in pairs]
        for e, peak in zip((first, second), peaks, strict=True)
    )
    found = grid_at_place(first, second, generator=seeded(), permutations=400)
    assert found.r == pytest.approx(pearsonr(x, y).statistic)
    assert found.first.tolist() == pytest.approx(x)
    table = np.reshape(y, (9, 24))
    random = np.random.default_rng(0)
    null = [pearsonr(x, table[random.permutation(9)].ravel()).statistic for _ in range(400)]
    assert found.mean == pytest.approx(np.mean(null), abs=4 * np.std(null) / 20)
    assert found.sd == pytest.approx(np.std(null), rel=0.15)
    near = minimum_distance(first, second, scales, generator=seeded(), permutations=2)
    for g in range(24):
        tops = fields(first.grids[g].reshape(SIDE, SIDE))
        for p in (0, 5):
            away = np.hypot(*(tops - AT[peaks[0][p]].numpy()).T).min() / float(scales[g])
            assert float(near.first.reshape(9, 24)[p, g]) == pytest.approx(away)
    upper = [(i, j) for i in range(9) for j in range(i + 1, 9)]
    apart = [[float((AT[peak[i]] - AT[peak[j]]).norm()) for i, j in upper] for peak in peaks]
    moved = peak_distances(first, second, generator=seeded(), permutations=2)
    assert moved.r == pytest.approx(pearsonr(*apart).statistic)
    alike = [
        [float(correlation(m[i], m[j])) for i, j in upper] for m in (first.places, second.places)
    ]
    kept = structure(first.places, second.places, generator=seeded(), permutations=2)
    assert kept.r == pytest.approx(pearsonr(*alike).statistic)


def fields(one):
    """x and y of the bins above their eight neighbours and above the mean."""
    found = []
    for row in range(SIDE):
        for column in range(SIDE):
            around = one[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            if one[row, column] == around.max() and one[row, column] > one.mean():
                found.append((column, row))
    return np.array(found)


def test_peaks_at_walls_do_not_count():
    centres = [(10, 10), (2, 10), (1, 10), (18, 10), (19, 10), (10, 0)]
    rates = torch.stack([bump(AT, (float(x), float(y)), 2.0) for x, y in centres])
    rates = torch.cat([rates, torch.ones(1, len(AT)), torch.full((1, len(AT)), math.nan)])
    found = peak_places(rates, AT)
    assert found.kept.tolist() == [True, True, False, True, False, False, False, False]
    assert AT[found.location[3]].tolist() == [18, 10]
    assert bool(peak_places(rates, AT, wall=0.0).kept[:6].all())


def test_only_cells_of_one_group_are_paired_and_permuted():
    first, second, _ = environments(cells=12)
    groups = (torch.tensor([0, 1, 2] * 4), torch.tensor([0, 1] * 12))
    found = grid_at_place(first, second, generator=seeded(), groups=groups, permutations=300)
    assert found.pairs == 8 * 12
    # Each place cell alone in its group: nothing is left to be exchanged.
    lonely = (torch.arange(12), torch.arange(24) % 12)
    alone = grid_at_place(first, second, generator=seeded(), groups=lonely, permutations=50)
    assert alone.pairs == 24
    assert alone.mean == pytest.approx(alone.r)
    assert alone.p == 1


def test_unknown_rates_and_cells_without_a_map_are_left_out():
    first, second, scales = environments(cells=12)
    grids, places = first.grids.clone(), first.places.clone()
    grids[3] = math.nan
    places[5] = math.nan
    holed = Environment(places, grids, AT)
    found = grid_at_place(holed, second, generator=seeded(), permutations=50)
    assert found.pairs == 11 * 23
    near = minimum_distance(holed, second, scales, generator=seeded(), permutations=50)
    assert near.pairs == 11 * 23
    assert structure(grids, second.grids, generator=seeded(), permutations=50).pairs == 23 * 11


def test_too_few_pairs_have_no_correlation():
    first, second, _ = environments(cells=12)
    one = [Environment(e.places[:1], e.grids[:2], AT) for e in (first, second)]
    found = grid_at_place(one[0], one[1], generator=seeded(), permutations=50)
    assert math.isnan(found.r)
    assert found.pairs == 2


@pytest.mark.usefixtures("unchecked")
def test_what_makes_no_sense_is_refused():
    first, second, scales = environments(cells=5)
    fewer = Environment(second.places[:4], second.grids, AT)
    with pytest.raises(MapError, match="same cells"):
        grid_at_place(first, fewer, generator=seeded())
    with pytest.raises(MapError, match="location"):
        grid_at_place(first, Environment(second.places, second.grids, AT[:9]), generator=seeded())
    with pytest.raises(MapError, match="permutations"):
        grid_at_place(first, second, generator=seeded(), permutations=1)
    with pytest.raises(MapError, match="half"):
        grid_at_place(first, second, generator=seeded(), wall=0.5)
    with pytest.raises(MapError, match="scale"):
        minimum_distance(first, second, scales[:3], generator=seeded())
    with pytest.raises(MapError, match="one group"):
        grid_at_place(first, second, generator=seeded(), groups=(torch.zeros(4), torch.zeros(24)))
    with pytest.raises(MapError, match="three or more"):
        structure(normal(0, 2, 9), normal(1, 2, 9), generator=seeded())
