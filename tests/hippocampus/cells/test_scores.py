import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label
from tests.draws import F64, normal
from tests.hippocampus.cells.ground import bump, hexagon, square, waves

from unfrozen.errors import MapError
from unfrozen.hippocampus.cells.scores import (
    border_scores,
    object_maps,
    object_vector_scores,
    place_fields,
    plane_waves,
    raster_fields,
)


@pytest.mark.parametrize("degrees", [0, 30, 75, 120, 163])
@pytest.mark.parametrize("wavelength", [4.5, 7.0, 13.0])
def test_bands_are_one_plane_wave(degrees, wavelength):
    maps = 3 * waves(20, wavelength, degrees, (1, 2), count=1) + 5
    found = plane_waves(maps[None], pixel=0.5)
    assert float(found.share) > 0.99
    assert float(found.wavelength) == pytest.approx(0.5 * wavelength, rel=0.02)
    assert abs((float(found.orientation) - degrees + 90) % 180 - 90) < 2


def test_grids_are_several_waves_and_noise_is_many():
    maps = torch.stack([waves(24, 8, 10), waves(24, 8, 0, count=2), normal(0, 24, 24)])
    share = plane_waves(maps).share
    assert 0.3 < float(share[0]) < 0.45
    assert 0.45 < float(share[1]) < 0.6
    assert float(share[2]) < 0.1


@settings(max_examples=8)
@given(seed=st.integers(0, 99), share=st.floats(0, 0.3))
def test_the_best_wave_is_that_of_least_squares(seed, share):
    rows, columns = 6, 9
    one = normal(seed, rows, columns)
    one[normal(seed + 1, rows, columns).abs() < share] = math.nan
    found = plane_waves(one[None])
    y, x = np.mgrid[:rows, :columns]
    known = np.isfinite(one.numpy())
    values = one.numpy()[known]
    values = values - values.mean()

    def explained(ky, kx):
        phase = 2 * np.pi * (ky * y + kx * x)[known]
        design = np.stack([np.cos(phase), np.sin(phase), np.ones_like(phase)], 1)
        fit = design @ np.linalg.lstsq(design, values, rcond=None)[0]
        return (fit**2).sum() / (values**2).sum()

    every = [(a, b) for a in np.fft.fftfreq(2 * rows) for b in np.fft.fftfreq(2 * columns)]
    best = max(explained(*k) for k in every if 1 / 9 <= np.hypot(*k) <= 0.5)
    # The best of all lies between those of a grid, and the search is of one without a constant.
    assert float(found.share) > best - 0.05
    turn = math.radians(float(found.orientation))
    k = np.array([math.sin(turn), math.cos(turn)]) / float(found.wavelength)
    assert float(found.share) == pytest.approx(explained(*k), abs=1e-6)


@given(seed=st.integers(0, 99), scale=st.floats(0.01, 100), offset=st.floats(-9, 9))
def test_waves_know_no_scale_and_turn_with_the_map(seed, scale, offset):
    maps = normal(seed, 2, 9, 9)
    found = plane_waves(maps)
    moved = plane_waves(scale * (maps + offset))
    for one, other in zip(found, moved, strict=True):
        torch.testing.assert_close(one, other)
    turned = plane_waves(maps.rot90(1, (1, 2)))
    torch.testing.assert_close(turned.share, found.share)
    torch.testing.assert_close(turned.wavelength, found.wavelength)


def test_constant_and_unknown_maps_have_no_wave():
    maps = torch.full((2, 6, 6), 0.1)
    maps[1] = math.nan
    assert all(bool(f.isnan().all()) for f in plane_waves(maps))


@given(rows=st.integers(1, 7), columns=st.integers(1, 7), seed=st.integers(0, 99),
       smallest=st.integers(1, 3))  # fmt: skip
def test_fields_are_those_of_scipy(rows, columns, seed, smallest):
    maps = normal(seed, 2, rows, columns).abs()
    maps[:, 0, 0] = math.nan
    found = raster_fields(maps, 0.3, smallest)
    for i, one in enumerate(maps.numpy()):
        high = np.nan_to_num(one, nan=-1)
        labels, count = label(high > max(0.3 * high.max(), 0))
        sizes = [int((labels == k + 1).sum()) for k in range(count)]
        sizes = [n for n in sizes if n >= smallest]
        assert int(found.number[i]) == len(sizes) == int(found.labels[i].max())
        assert int(found.largest[i]) == max(sizes, default=0)
        if sizes:
            assert float(found.size[i]) == pytest.approx(np.mean(sizes))


def test_fields_of_a_graph_and_of_silent_units():
    ring = torch.stack([(torch.arange(6) - 1) % 6, (torch.arange(6) + 1) % 6], 1)
    rates = torch.tensor([[4.0, 0, 0, 3, 0, 4], [0, 0, 0, 0, 0, 0]])
    rates = torch.cat([rates, torch.full((1, 6), math.nan)])
    found = place_fields(rates, ring)
    assert found.number.tolist() == [2, 0, 0]
    assert found.labels[0].tolist() == [2, 0, 0, 1, 0, 2]
    assert bool(found.size[1:].isnan().all())
    assert found.peak[:2].tolist() == [4, 0]
    assert bool(found.peak[2].isnan())


def test_border_cells_score_high_wherever_their_wall_is():
    wall = torch.zeros(20, 20, dtype=F64)
    wall[0] = 1
    middle = bump(square(20), (9.5, 9.5), 2.0).reshape(20, 20)
    corner = bump(square(20), (0.0, 0.0), 2.0).reshape(20, 20)
    maps = torch.stack([*(wall.rot90(k, (0, 1)) for k in range(4)), middle, corner])
    found = border_scores(maps)
    assert found.score[:4].tolist() == pytest.approx([19 / 21] * 4)
    assert found.coverage[:4].tolist() == [1] * 4
    assert float(found.score[4]) == -1
    assert -0.5 < float(found.score[5]) < 0.6
    half = torch.zeros(1, 20, 20, dtype=F64)
    half[0, :10, 0] = 2
    assert float(border_scores(half).score) == pytest.approx((0.5 - 0.05) / (0.5 + 0.05))


def test_the_wall_is_where_the_known_bins_end():
    maps = torch.zeros(1, 12, 12, dtype=F64)
    maps[0, :, 1] = 1
    assert float(border_scores(maps).coverage) == pytest.approx(1 / 12)
    maps[0, :, 0] = math.nan
    assert float(border_scores(maps).coverage) == 1
    assert bool(border_scores(torch.zeros(1, 4, 4)).score.isnan())


def object_cell(at, objects, vector, width=0.8):
    return sum(bump(at, (x + vector[0], y + vector[1]), width) for x, y in objects)


@pytest.mark.parametrize("at", [square(15), hexagon(9)])
def test_object_vector_cells_have_one_vector(at):
    objects = at[[len(at) // 2 - 3, len(at) // 2 + 4]]
    vector = at[len(at) // 2 + 1] - at[len(at) // 2 - 1]
    rates = torch.stack(
        [object_cell(at, objects.tolist(), vector.tolist()), bump(at, (1.0, 2.0), 1.5)]
    )
    found = object_vector_scores(rates, at, objects, reach=3.2)
    assert float(found.score[0]) > 0.8
    assert float(found.score[1]) < 0.3
    assert float(found.distance[0]) == pytest.approx(float(vector.norm()), abs=0.6)
    direction = math.degrees(math.atan2(float(vector[1]), float(vector[0])))
    assert abs((float(found.direction[0]) - direction + 180) % 360 - 180) < 15


def test_object_maps_are_the_world_seen_from_an_object():
    at = square(5)
    rates = torch.arange(25, dtype=F64)[None]
    rates[0, 0] = math.nan
    objects = torch.tensor([[2.0, 2.0], [1.0, 1.0]], dtype=F64)
    found = object_maps(rates, at, objects)
    for i, thing in enumerate(objects):
        for j, offset in enumerate(found.offsets):
            x, y = (thing + offset).tolist()
            inside = 0 <= x < 5 and 0 <= y < 5 and (x, y) != (0, 0)
            value = float(found.maps[i, 0, j])
            assert value == 5 * y + x if inside else math.isnan(value)


@pytest.mark.usefixtures("unchecked")
def test_what_makes_no_sense_is_refused():
    at = square(3)
    with pytest.raises(MapError, match="row, column"):
        plane_waves(torch.ones(3, 3))
    with pytest.raises(MapError, match="positive"):
        plane_waves(torch.ones(1, 3, 3), pixel=0.0)
    with pytest.raises(MapError, match="neighbours"):
        place_fields(torch.ones(1, 9), torch.zeros(8, 4, dtype=torch.long))
    with pytest.raises(MapError, match="share"):
        raster_fields(torch.ones(1, 3, 3), threshold=1.0)
    with pytest.raises(MapError, match="negative"):
        border_scores(-torch.ones(1, 3, 3))
    with pytest.raises(MapError, match="raster"):
        raster_fields(torch.ones(3, 3))
    with pytest.raises(MapError, match="two objects"):
        object_vector_scores(torch.ones(1, 9, dtype=F64), at, at[:1])
    with pytest.raises(MapError, match="objects"):
        object_maps(torch.ones(1, 8, dtype=F64), at, at[:1])
    with pytest.raises(MapError, match="positive"):
        object_maps(torch.ones(1, 9, dtype=F64), at, at[:1], width=-1.0)
