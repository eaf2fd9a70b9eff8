"""A loss whose slope along any noise is known, and the noise of a step in hand."""

import math

import torch

from unfrozen.learning.zeroth_order.moves import Along, Moved, move
from unfrozen.learning.zeroth_order.noise import Draw

SHAPES = {"a": (33, 17), "b": (50,), "c": (3, 5, 7)}


def drawn(step, sample=0, kind="gaussian", seed=0, rank=1):
    """The noise of a step, as float64."""
    zeros = {name: torch.zeros(shape) for name, shape in SHAPES.items()}
    moved = [Moved(n, t, [Along(Draw(seed, step, sample), 1.0)]) for n, t in zeros.items()]
    move(moved, "gaussian" if kind == "sphere" else kind, rank)
    found = {name: z.double() for name, z in zeros.items()}
    if kind == "sphere":
        n = sum(z.numel() for z in found.values())
        length = math.sqrt(sum(float(z.square().sum()) for z in found.values()) / n)
        found = {name: z / length for name, z in found.items()}
    return found


class Bowl:
    """A loss whose projected gradients are known: linear, with a bend if one is asked for."""

    def __init__(self, bend=0.0, dtype=torch.float64):
        generator = torch.Generator().manual_seed(1)
        self.weights = {
            name: torch.randn(shape, generator=generator).to(dtype)
            for name, shape in SHAPES.items()
        }
        self.slope = {
            name: torch.randn(shape, generator=generator).double() for name, shape in SHAPES.items()
        }
        self.bend = bend
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return self.at(self.weights)

    def at(self, weights):
        return sum(
            (self.slope[n] * w.double() + self.bend * w.double() ** 2).sum()
            for n, w in weights.items()
        )

    def along(self, z):
        """The slope along noise."""
        return float(sum((self.slope[n] * z[n]).sum() for n in SHAPES))

    def copy(self):
        return {name: w.clone() for name, w in self.weights.items()}


def close(bowl, expected, tolerance=1e-6):
    for name, w in bowl.weights.items():
        torch.testing.assert_close(w, expected[name], atol=tolerance, rtol=tolerance)
