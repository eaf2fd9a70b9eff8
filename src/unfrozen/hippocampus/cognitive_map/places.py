"""Places of many maps in one memory: where each is, what is seen there, and what was walked.

A modern Hopfield network whose keys are position codes and whose values are symbols, as in the
TEM-transformer; a query is answered from the places of its own map.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.errors import MapError

_ROOM = 64


class Nearest(NamedTuple):
    """The places nearest to codes.

    Attributes:
        places: their numbers; -1 where the map has none.
        cosines: of keys; -1 where there is none.
    """

    places: Int[Tensor, " n"]
    cosines: Float[Tensor, " n"]


class Kept(NamedTuple):
    """What was remembered at some time.

    Attributes:
        n: how many places.
        symbols: seen there.
        edges: that were walked.
        blocked: actions that could not be taken.
    """

    n: int
    symbols: Int[Tensor, " n"]
    edges: dict[tuple[int, int], int]
    blocked: set[tuple[int, int]]


class Places:
    """Places of many maps, numbered as they were written.

    Args:
        width: of codes and keys.
        device: where they are kept.
        dtype: of codes and keys.
    """

    def __init__(self, width: int, device: torch.device, dtype: torch.dtype) -> None:
        self.n = 0
        # The fewest places that there were after others were forgotten, since this was last set.
        self.least = 0
        self._codes = torch.empty(_ROOM, width, device=device, dtype=dtype)
        self._keys = torch.empty(_ROOM, width, device=device, dtype=dtype)
        self._numbers = torch.empty(2, _ROOM, device=device, dtype=torch.long)
        self.edges: dict[tuple[int, int], int] = {}
        self.blocked: set[tuple[int, int]] = set()

    @property
    def codes(self) -> Float[Tensor, "n d"]:
        """Position codes."""
        return self._codes[: self.n]

    @property
    def keys(self) -> Float[Tensor, "n d"]:
        """What codes are compared by."""
        return self._keys[: self.n]

    @property
    def symbols(self) -> Int[Tensor, " n"]:
        """What is seen there."""
        return self._numbers[0, : self.n]

    @property
    def maps(self) -> Int[Tensor, " n"]:
        """The map that each is on."""
        return self._numbers[1, : self.n]

    def add(
        self, code: Float[Tensor, " d"], key: Float[Tensor, " d"], symbol: int, which: int
    ) -> int:
        """Write a place.

        Args:
            code: of its position.
            key: that the code is compared by.
            symbol: what is seen there.
            which: the map that it is on.

        Returns:
            Its number.
        """
        if self.n == len(self._codes):
            self._codes = torch.cat([self._codes, torch.empty_like(self._codes)])
            self._keys = torch.cat([self._keys, torch.empty_like(self._keys)])
            self._numbers = torch.cat([self._numbers, torch.empty_like(self._numbers)], 1)
        self._codes[self.n], self._keys[self.n] = code, key
        self._numbers[0, self.n], self._numbers[1, self.n] = symbol, which
        self.n += 1
        return self.n - 1

    def drop(self, which: int) -> None:
        """Forget the map that was begun last, whose places are the last ones.

        Raises:
            MapError: places of another map were written since.
        """
        of = self.of(which)
        first = self.n - len(of)
        if len(of) and int(of[0]) != first:
            raise MapError(f"map {which} is not the last one: it cannot be dropped")
        self.n, self.least = first, min(self.least, first)
        self.edges = {k: to for k, to in self.edges.items() if max(k[0], to) < first}
        self.blocked = {k for k in self.blocked if k[0] < first}

    def walk(self, place: int, action: int, to: int) -> None:
        """An action led from a place to another."""
        self.edges[place, action] = to
        self.blocked.discard((place, action))

    def block(self, place: int, action: int) -> None:
        """An action could not be taken at a place."""
        self.blocked.add((place, action))
        self.edges.pop((place, action), None)

    def keep(self) -> Kept:
        """What is remembered now, to come back to."""
        return Kept(self.n, self.symbols.clone(), dict(self.edges), set(self.blocked))

    def restore(self, kept: Kept) -> None:
        """Forget what was written since; no map may have been dropped."""
        self.n, self.least = kept.n, min(self.least, kept.n)
        self._numbers[0, : self.n] = kept.symbols
        self.edges, self.blocked = dict(kept.edges), set(kept.blocked)

    def see(self, place: int, symbol: int) -> None:
        """Something else is seen at a place from now on."""
        self._numbers[0, place] = symbol

    def of(self, which: int) -> Int[Tensor, " place"]:
        """Places of a map."""
        return torch.nonzero(self.maps == which)[:, 0]

    def nearest(self, keys: Float[Tensor, "q d"], maps: Int[Tensor, " q"]) -> Nearest:
        """The place of its own map that each key is nearest to."""
        if not self.n:
            return Nearest(torch.full_like(maps, -1), keys.new_full((len(keys),), -1.0))
        cosines = keys @ self.keys.T
        cosines = cosines.masked_fill(maps[:, None] != self.maps, -2.0)
        best = cosines.max(1)
        none = best.values < -1.5
        return Nearest(torch.where(none, -1, best.indices), torch.where(none, -1.0, best.values))
