"""Images against their formula, pixel by pixel."""

import math

import numpy as np
import torch

from unfrozen.world.environments.rooms.drawing import images
from unfrozen.world.environments.rooms.layouts import two_rooms


def test_every_pixel_is_that_of_the_formula():
    positions = torch.tensor([[3.2, 7.9], [0.0, 32.0]], dtype=torch.float64)
    things = torch.tensor([[11.0, 4.5], [20.0, 20.0]], dtype=torch.float64)
    walls = torch.from_numpy(two_rooms(wall=16, door=8).solid).expand(2, 33, 33)
    drawn = images(positions, walls, 1.3, things)
    assert drawn.shape == (2, 3, 33, 33)
    assert drawn.dtype == torch.float64
    for b in range(2):
        for j in range(33):
            for i in range(33):
                for channel, (x, y) in ((0, positions[b].tolist()), (2, things[b].tolist())):
                    direct = math.exp(-((x - i) ** 2 + (y - j) ** 2) / (2 * 1.3**2))
                    assert abs(float(drawn[b, channel, j, i]) - direct) < 1e-12
                solid = i in (0, 32) or j in (0, 32) or (i == 16 and not 5 <= j <= 11)
                assert float(drawn[b, 1, j, i]) == solid
    assert torch.equal(images(positions, walls, 1.3), drawn[:, :2])
    assert np.array_equal(images(positions.float(), walls).dtype, torch.float32)
