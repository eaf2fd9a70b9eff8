"""Steps against brute force over all solid pixels, in any layout."""

from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from scipy.ndimage import label

from unfrozen.world.environments.rooms.layouts import mazes, snake, two_rooms
from unfrozen.world.environments.rooms.moving import clear, slide


def random_layout(rng, size=9, share=0.3):
    solid = rng.random((size, size)) < share
    solid[[0, -1]] = solid[:, [0, -1]] = True
    solid[size // 2, size // 2] = False
    return solid


def first_face(solid, at, way):
    """Time and axis at which a ray first enters a solid pixel, by the slabs of every one."""
    best, axis = np.inf, 0
    for y, x in np.argwhere(solid):
        low, high = np.array([x, y]) - 0.5, np.array([x, y]) + 0.5
        with np.errstate(divide="ignore", invalid="ignore"):
            a, b = (low - at) / way, (high - at) / way
        inside = (way != 0) | ((at > low) & (at < high))
        if not inside.all():
            continue
        enter = np.where(way == 0, -np.inf, np.minimum(a, b))
        leave = np.where(way == 0, np.inf, np.maximum(a, b))
        if enter.max() < leave.min() - 1e-9 and -1e-9 <= enter.max() < best:
            best, axis = enter.max(), int(enter.argmax())
    return best, axis


def brute_slide(solid, at, way):
    """Corners of the way that a point takes, in double precision."""
    path, way, left = [at], way.astype(float), 1.0
    for _ in range(6):
        until, axis = first_face(solid, path[-1], way)
        if until >= left or not way.any():
            break
        # A hair before the face, as the face itself counts as entered from there on.
        path.append(path[-1] + way * max(until - 1e-7, 0))
        left -= until
        way = way.copy()
        way[axis] = 0
    return [*path, path[-1] + way * left]


@given(st.integers(0, 10**6), st.floats(0.1, 4))
def test_steps_are_those_of_brute_force_and_cross_nothing(seed, length):
    rng = np.random.default_rng(seed)
    solid = random_layout(rng)
    free = np.argwhere(~solid)
    starts = free[rng.integers(len(free), size=3)][:, ::-1] + rng.uniform(-0.49, 0.49, (3, 2))
    angle = rng.uniform(0, 2 * np.pi, 3)
    moves = length * np.stack([np.cos(angle), np.sin(angle)], 1)
    found = slide(solid[None], np.zeros(3, np.int64), starts, moves)
    for start, move, end, bumped in zip(starts, moves, *found, strict=True):
        path = brute_slide(solid, start, move)
        # The way of brute force enters no wall, seen at two hundred points of it.
        for a, b in pairwise(path):
            points = a + (b - a) * np.linspace(0, 1, 200)[:, None]
            inside = np.abs(points[:, None] - np.argwhere(solid)[:, ::-1]).max(2) < 0.5 - 1e-6
            assert not inside.any()
        assert np.abs(end - path[-1]).max() < 1e-3
        assert bumped == (len(path) > 2)


@given(
    st.integers(0, 10**6),
    st.sampled_from([0.0, 0.25, -0.25, 0.4999, -0.4999]),
    st.tuples(*[st.sampled_from([-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0])] * 2),
)
def test_no_step_slips_between_walls_that_touch_at_a_corner(seed, inside, move):
    # Exact diagonals, faces and corners, where rounding could let a point through.
    solid = random_layout(np.random.default_rng(seed), share=0.45)
    rooms, _ = label(~solid)
    free = np.argwhere(~solid)
    starts = (free[:, ::-1] + inside).astype(np.float32)
    ends = slide(
        solid[None], np.zeros(len(free), np.int64), starts, np.tile(move, (len(free), 1))
    ).positions
    x, y = np.floor(ends + 0.5).astype(int).T
    assert not solid[y, x].any()
    assert (rooms[y, x] == rooms[free[:, 0], free[:, 1]]).all()


def test_the_straight_line_of_a_step_crosses_no_wall_of_rooms():
    rng = np.random.default_rng(0)
    for layouts in (two_rooms(), snake(), mazes(number=4)):
        n = 3000
        which = rng.integers(len(layouts), size=n)
        pick = (rng.random(n) * layouts.counts[which, 0]).astype(int)
        flat = layouts.pixels[which, 0, pick]
        width = layouts.shape[1]
        starts = np.stack([flat % width, flat // width], 1) + rng.uniform(-0.49, 0.49, (n, 2))
        angle = rng.uniform(0, 2 * np.pi, n)
        moves = 1.5 * np.stack([np.cos(angle), np.sin(angle)], 1)
        ends, _ = slide(layouts.solid, which, starts, moves)
        points = starts[:, None] + (ends - starts)[:, None] * np.linspace(0, 1, 30)[:, None]
        x, y = np.floor(points + 0.5).astype(int).transpose(2, 0, 1)
        # Points within a hair of a face may round to either side.
        deep = np.abs(points - np.stack([x, y], 2)).max(2) < 0.499
        assert not (layouts.solid[which[:, None], y, x] & deep).any()


def test_free_steps_are_exact_and_do_not_change_what_was_given():
    solid = two_rooms(wall=16, door=8).solid
    at, move = np.array([[5.2, 5.1]], np.float32), np.array([[0.7, -1.1]], np.float32)
    end, bumped = slide(solid, np.zeros(1, np.int64), at, move)
    assert np.allclose(end, at + move, atol=1e-5)
    assert not bumped[0]
    assert np.array_equal(at, np.array([[5.2, 5.1]], np.float32))


def test_a_door_lets_through_its_width_and_no_more():
    for width in (3, 5, 7):
        solid = two_rooms(wall=16, door=10, width=width).solid
        y = np.arange(1, 31, 0.01)
        starts = np.stack([np.full_like(y, 15), y], 1)
        which = np.zeros(len(y), np.int64)
        ends, _ = slide(solid, which, starts, np.tile([2.0, 0.0], (len(y), 1)))
        through = ends[:, 0] > 16.5
        assert np.array_equal(through, np.abs(y - 10) < width / 2)
        assert np.array_equal(clear(solid, which, starts, starts + np.array([2.0, 0.0])), through)
