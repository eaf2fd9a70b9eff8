"""Features that are drawn once and never learnt."""

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import LearningError
from unfrozen.learning.continual.learners.base import nbytes


class RandomFeatures:
    """φ(x) = relu(S^T x / sqrt(d)), with signs S; or x itself.  A one is put before either.

    Args:
        pixels: d, of an image.
        count: of features; 0 for the pixels themselves.
        generator: of the signs.

    Raises:
        LearningError: the count is negative.

    Source: Rahimi and Recht 2008 (random kitchen sinks); signs of a byte, as a matrix that is kept
        counts as memory.
    """

    def __init__(self, pixels: int, count: int, generator: torch.Generator) -> None:
        if count < 0:
            raise LearningError(f"the number of features cannot be negative ({count})")
        self.signs = None
        self.width = 1 + (count or pixels)
        if count:
            drawn = torch.randint(2, (pixels, count), generator=generator, dtype=torch.int8)
            self.signs = 2 * drawn - 1

    @property
    def bytes(self) -> int:
        """Of the signs."""
        return 0 if self.signs is None else nbytes(self.signs)

    @torch.no_grad()
    def __call__(self, rows: Float[Tensor, "b pixel"]) -> Float[Tensor, "b feature"]:
        """Features of images."""
        if self.signs is not None:
            signs = self.signs.to(rows)
            rows = torch.relu(rows @ signs / signs.shape[0] ** 0.5)
        return torch.cat([rows.new_ones(len(rows), 1), rows], 1)
