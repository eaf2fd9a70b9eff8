"""A map that is read where one believes to be.

Convolutions turn structure (walls, doors) into tokens, one for each part of the map.  The dynamic
state asks with where it is; keys are places, the same on every map; values are what is there.  A
model whose map was one vector instead pushed through every solid wall of layouts it had not seen.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unfrozen.errors import WorldError
from unfrozen.world.jepa.networks.encoders import Shape, convolutions


class Reading(NamedTuple):
    """What attention finds.

    Attributes:
        found: heads side by side.
        weights: of each token.
    """

    found: Float[Tensor, "b s hv"]
    weights: Float[Tensor, "b h s n"]


def read(
    queries: Float[Tensor, "b h s k"],
    keys: Float[Tensor, "h n k"],
    values: Float[Tensor, "b h n v"],
) -> Reading:
    """softmax(q · k / sqrt(k)) over places, times what is there.

    Args:
        queries: of s states on each of b maps, for each head h.
        keys: of n places, the same on all maps.
        values: of the tokens that lie there.

    Source: Vaswani et al. 2017, eq. 1, with keys of position and values of content.
    """
    scores = queries @ keys.mT / math.sqrt(keys.shape[-1])
    weights = scores.softmax(-1)
    return Reading((weights @ values).transpose(1, 2).flatten(2), weights)


class Places(nn.Module):
    """Learnt keys of places.

    Args:
        heads: h.
        number: n, of places.
        width: k, of a key.
    """

    positional = 1.0

    def __init__(self, heads: int, number: int, width: int) -> None:
        super().__init__()
        self.keys = nn.Parameter(torch.empty(heads, number, width))


class MapEncoder(nn.Module):
    """Tokens of structure, E_m: convolutions, a token for each cell of what they give.

    Args:
        shape: c, h and w of the structure.
        width: m, features of a token.
        channels: of the convolutions; each halves height and width.

    Raises:
        WorldError: structure is no image.
    """

    def __init__(self, shape: Shape, width: int, channels: Shape) -> None:
        super().__init__()
        if len(shape) != 3:
            raise WorldError(f"structure is an image (c, h, w), not of the shape {shape}")
        self.body, above = convolutions(shape, channels)
        self.last = nn.Linear(above[0], width)
        self.number = above[1] * above[2]

    def forward(self, structure: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n m"]:
        """Tokens, row by row."""
        return self.last(self.body(structure).flatten(2).mT)


class MapReader(nn.Module):
    """Reads tokens of a map at the place that a state tells.

    Args:
        width: d, features of a state.
        token: m, features of a token.
        number: n, of tokens.
        heads: h; each may look elsewhere, one here and one ahead.
        key: features of a key.

    Raises:
        WorldError: tokens cannot be shared out among heads.
    """

    def __init__(self, width: int, token: int, number: int, heads: int, key: int = 16) -> None:
        super().__init__()
        if heads < 1 or token % heads:
            raise WorldError(f"{token} features of a token cannot be shared among {heads} heads")
        self.heads = heads
        self.query = nn.Linear(width, heads * key)
        self.value = nn.Linear(token, token)
        self.places = Places(heads, number, key)

    def values(self, tokens: Float[Tensor, "b n m"]) -> Float[Tensor, "b h n v"]:
        """What is to be found at each place: the same for all that is asked of a map."""
        return self.value(tokens).unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, states: Float[Tensor, "b s d"], values: Float[Tensor, "b h n v"]) -> Reading:
        """What lies where states believe to be.

        Args:
            states: s of them on each of b maps.
            values: of the maps, from `values`.
        """
        queries = self.query(states).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return read(queries, self.places.keys, values)
