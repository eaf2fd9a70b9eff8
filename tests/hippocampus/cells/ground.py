"""Maps whose kind is known by construction."""

import math

import torch

F64 = torch.float64


def plane(side):
    """x and y of the bins of a square raster."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return x.to(F64), y.to(F64)


def waves(side, spacing, degrees, phase=(0.0, 0.0), count=3):
    """An ideal grid: three plane waves at 60 degrees, or two at 90 for a square one."""
    x, y = plane(side)
    k = 2 * math.pi / (spacing * (math.sqrt(3) / 2 if count == 3 else 1))
    angles = [math.radians(degrees) + i * math.pi / count for i in range(count)]
    total = sum(
        torch.cos(k * (math.cos(a) * (x - phase[0]) + math.sin(a) * (y - phase[1]))) for a in angles
    )
    return (total - total.min()) / count


def square(side):
    """Coordinates of the places of a square world, place by place as a raster has them."""
    x, y = plane(side)
    return torch.stack([x.flatten(), y.flatten()], 1)


def hexagon(edge):
    """Coordinates of the places of a hexagonal world."""
    rows = range(-edge + 1, edge)
    places = [(q + r / 2, r * math.sqrt(3) / 2) for r in rows for q in rows if -edge < q + r < edge]
    return torch.tensor(places, dtype=F64)


def bump(coordinates, centre, width):
    """A place field."""
    away = (coordinates - torch.tensor(centre, dtype=F64)).square().sum(1)
    return torch.exp(-away / (2 * width * width))


def walk(places, steps, seed=0):
    """Places one after another, without order."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, places, (steps,), generator=generator)
