import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import LinearNDInterpolator
from scipy.ndimage import label
from tests.draws import normal
from tests.hippocampus.cells.ground import F64, hexagon, square, waves

from unfrozen.errors import MapError
from unfrozen.hippocampus.cells.autocorrelogram import autocorrelogram, raster
from unfrozen.hippocampus.cells.components import components, flooded, raster_neighbours


def by_hand(one, fewest):
    rows, columns = one.shape
    found = np.full((2 * rows - 1, 2 * columns - 1), math.nan)
    for dy in range(1 - rows, rows):
        for dx in range(1 - columns, columns):
            here = one[max(0, dy) : rows + min(0, dy), max(0, dx) : columns + min(0, dx)]
            there = one[max(0, -dy) : rows + min(0, -dy), max(0, -dx) : columns + min(0, -dx)]
            both = np.isfinite(here) & np.isfinite(there)
            x, y = here[both], there[both]
            if len(x) >= fewest and x.std() > 1e-9 and y.std() > 1e-9:
                found[dy + rows - 1, dx + columns - 1] = np.corrcoef(x, y)[0, 1]
    return torch.tensor(found)


@given(
    rows=st.integers(2, 7), columns=st.integers(2, 7), seed=st.integers(0, 99),
    share=st.floats(0, 0.4), fewest=st.integers(2, 9), same=st.booleans(),
)  # fmt: skip
def test_autocorrelograms_by_brute_force(rows, columns, seed, share, fewest, same):
    maps = normal(seed, 2, rows, columns)
    holes = normal(seed + 1, 2, rows, columns).abs() < share
    maps[holes[:1].expand_as(holes) if same else holes] = math.nan
    found = autocorrelogram(maps, fewest)
    expected = torch.stack([by_hand(m.numpy(), fewest) for m in maps])
    torch.testing.assert_close(found, expected, equal_nan=True, rtol=1e-7, atol=1e-7)


@given(seed=st.integers(0, 99), scale=st.floats(1e-3, 1e3), offset=st.floats(-50, 50))
def test_neither_scale_nor_offset_nor_order_matters(seed, scale, offset):
    maps = normal(seed, 3, 8, 8)
    maps[:, 3, 2] = math.nan
    found = autocorrelogram(maps)
    moved = autocorrelogram((scale * maps + scale * offset).flip(0))
    torch.testing.assert_close(moved.flip(0), found, equal_nan=True, rtol=1e-6, atol=1e-6)
    turned = autocorrelogram(maps.rot90(1, (1, 2)))
    torch.testing.assert_close(turned, found.rot90(1, (1, 2)), equal_nan=True)
    torch.testing.assert_close(found, found.flip(1, 2), equal_nan=True)


def test_float32_is_near_float64():
    maps = torch.stack([waves(20, 7, 10), normal(0, 20, 20)])
    exact, near = autocorrelogram(maps), autocorrelogram(maps.float())
    assert near.dtype == torch.float32
    torch.testing.assert_close(near.double(), exact, equal_nan=True, rtol=0, atol=2e-4)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_constant_and_unknown_maps_have_none(dtype):
    maps = torch.full((3, 7, 7), 0.1, dtype=dtype)
    maps[1] = math.nan
    maps[2] = 1e6
    assert bool(autocorrelogram(maps, 2).isnan().all())


def test_square_worlds_are_rasters_as_they_are():
    at = 2 * square(5) + 3
    order = torch.randperm(25, generator=torch.Generator().manual_seed(0))
    rates = normal(0, 2, 25)
    found = raster(rates[:, order][:, :-1], at[order][:-1])
    assert (found.pixel, found.corner) == (2.0, (3.0, 3.0))
    expected = rates.reshape(2, 5, 5).clone()
    lost = int(order[-1])
    expected[:, lost // 5, lost % 5] = math.nan
    torch.testing.assert_close(found.maps, expected, equal_nan=True)


@given(seed=st.integers(0, 20))
def test_hexagonal_worlds_are_interpolated_as_by_scipy(seed):
    at = hexagon(4)
    rates = normal(seed, 2, len(at))
    found = raster(rates, at)
    assert found.pixel == pytest.approx(0.5)
    rows, columns = found.maps.shape[1:]
    y, x = np.mgrid[:rows, :columns]
    points = np.stack([x, y], -1) * 0.5 + np.array(found.corner)
    # Where the four corners of a rhombus allow either diagonal, so are both triangulations.
    expected = torch.tensor(LinearNDInterpolator(at.numpy(), rates.T.numpy())(points))
    inside = found.maps[0].isfinite()
    assert bool((inside | expected[..., 0].isnan()).all())
    known = inside & expected[..., 0].isfinite()
    torch.testing.assert_close(found.maps[:, known], expected.movedim(-1, 0)[:, known])


def test_planes_stay_planes_and_unknown_places_spread_no_further():
    at = hexagon(5)
    rates = torch.stack([at[:, 0] + 2 * at[:, 1], at[:, 0]])
    rates[1, 30] = math.nan
    found = raster(rates, at, pixel=0.3)
    rows, columns = found.maps.shape[1:]
    y = torch.arange(rows, dtype=F64)[:, None] * 0.3 + found.corner[1]
    x = torch.arange(columns, dtype=F64) * 0.3 + found.corner[0]
    inside = found.maps[0].isfinite()
    torch.testing.assert_close(found.maps[0][inside], (x + 2 * y)[inside])
    far = ((x - at[30, 0]) ** 2 + (y - at[30, 1]) ** 2).sqrt() > 1
    assert bool(found.maps[1][inside & far].isfinite().all())
    assert bool(found.maps[1][inside & ~far].isnan().any())


def test_a_gap_in_the_world_stays_a_gap():
    at = torch.cat([hexagon(3), hexagon(3) + torch.tensor([9.0, 0.0])])
    found = raster(torch.ones(1, len(at), dtype=F64), at)
    middle = found.maps.shape[2] // 2
    assert bool(found.maps[:, :, middle].isnan().all())


@given(rows=st.integers(1, 8), columns=st.integers(1, 8), seed=st.integers(0, 99))
def test_components_are_those_of_scipy(rows, columns, seed):
    mask = normal(seed, 2, rows, columns) > 0
    found = components(mask.flatten(1), raster_neighbours(rows, columns)).reshape(mask.shape)
    for own, one in zip(found, mask, strict=True):
        theirs, count = label(one.numpy())
        pairs = set(zip(own.flatten().tolist(), theirs.ravel().tolist(), strict=True)) - {(0, 0)}
        assert len(pairs) == count == len({a for a, _ in pairs})
        assert all(a > 0 for a, _ in pairs)


@given(rows=st.integers(0, 4), columns=st.integers(0, 4), seed=st.integers(0, 99))
def test_what_is_flooded_hangs_together_with_the_middle(rows, columns, seed):
    mask = normal(seed, 3, 2 * rows + 1, 2 * columns + 1) > -0.3
    labels = components(mask.flatten(1), raster_neighbours(*mask.shape[1:])).reshape(mask.shape)
    middle = labels[:, rows, columns]
    expected = (labels == middle[:, None, None]) & mask
    assert torch.equal(flooded(mask), expected)


@pytest.mark.usefixtures("unchecked")
def test_what_makes_no_sense_is_refused():
    with pytest.raises(MapError, match="row, column"):
        autocorrelogram(torch.ones(3, 3))
    with pytest.raises(MapError, match="two overlapping"):
        autocorrelogram(torch.ones(1, 3, 3), 1)
    at = square(3)
    with pytest.raises(MapError, match="coordinates"):
        raster(torch.ones(1, 8), at)
    with pytest.raises(MapError, match="same coordinates"):
        raster(torch.ones(1, 9), torch.zeros(9, 2))
    with pytest.raises(MapError, match="side of a bin"):
        raster(torch.ones(1, 9), at, pixel=0.0)
    slanted = torch.stack([torch.arange(9.0), 0.5 * torch.arange(9.0)], 1)
    with pytest.raises(MapError, match="line"):
        raster(torch.ones(1, 9), slanted)
