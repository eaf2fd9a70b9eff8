"""Connected parts of maps: which bins above a threshold hang together."""

from functools import lru_cache

import torch
from jaxtyping import Bool, Int
from torch import Tensor


@lru_cache(maxsize=32)
def raster_neighbours(rows: int, columns: int) -> Int[Tensor, "bin 4"]:
    """The bins that share a side with each bin of a raster; -1 where the raster ends.

    Example:
        >>> raster_neighbours(1, 2).tolist()
        [[-1, -1, -1, 1], [-1, -1, 0, -1]]
    """
    at = torch.arange(rows * columns).reshape(rows, columns)
    padded = torch.nn.functional.pad(at, (1, 1, 1, 1), value=-1)
    sides = [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
    return torch.stack(sides, -1).reshape(-1, 4)


def components(
    mask: Bool[Tensor, "unit place"], neighbours: Int[Tensor, "place k"]
) -> Int[Tensor, "unit place"]:
    """The connected parts of each mask.

    Args:
        mask: which places are in.
        neighbours: of each place; -1 for none.

    Returns:
        A number above 0 that the places of one part share, and no other part of the unit has; 0
        outside of the mask.
    """
    n = mask.shape[1]
    neighbours = neighbours.to(mask.device)
    # Column n is nowhere: what has fewer neighbours than others looks there, and sees 0.
    seen = torch.where(neighbours < 0, n, neighbours)
    labels = torch.where(mask, torch.arange(1, n + 1, device=mask.device), 0)
    while True:
        spread = torch.nn.functional.pad(labels, (0, 1))
        largest = torch.where(mask, spread[:, seen].amax(-1).maximum(labels), 0)
        # Labels name places: each takes on what the place it points to has found meanwhile.
        jumped = torch.nn.functional.pad(largest, (1, 0)).gather(1, largest)
        if torch.equal(jumped, labels):
            return labels
        labels = jumped


def flooded(mask: Bool[Tensor, "unit row column"]) -> Bool[Tensor, "unit row column"]:
    """The part of each mask that hangs together with its middle bin; nothing without that.

    Args:
        mask: with odd sides.
    """
    rows, columns = mask.shape[1:]
    found = torch.zeros_like(mask)
    found[:, rows // 2, columns // 2] = True
    found &= mask
    size = -1
    while size != (size := int(found.sum())):
        # Each sweep goes on from what the one before it found.
        found[:, 1:] |= found[:, :-1] & mask[:, 1:]
        found[:, :-1] |= found[:, 1:] & mask[:, :-1]
        found[:, :, 1:] |= found[:, :, :-1] & mask[:, :, 1:]
        found[:, :, :-1] |= found[:, :, 1:] & mask[:, :, :-1]
    return found
