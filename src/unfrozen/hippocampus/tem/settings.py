"""Sizes and constants of the Tolman-Eichenbaum Machine.

Source: Whittington et al. 2020, STAR Methods; what they leave open is as in the authors' second
version of their code.
"""

import math
from dataclasses import dataclass, replace

from unfrozen.errors import MapError
from unfrozen.hippocampus.worlds import World


@dataclass(frozen=True)
class TemSettings:
    """What a TEM is made of.  Streams run from the fastest to the slowest.

    Attributes:
        symbols: that can be seen.
        actions: of a world, the one that stays included if there is one.
        still: which action stays where it is; it moves no code.
        compressed: features of a symbol, two of which are one.
        codes: cells of the abstract code g, by stream.
        sampled: how many of them, the first of each stream, reach the memory.
        rates: alpha, the weight of what is seen now in a stream's smoothing, before training.
        objects: how many symbols, from 0 up, are objects that look the same in every world.  Above
            zero, a stream of object-vector cells is put before the others.
        object_cells: of the object stream that reach the memory; its code has three times as many.
        iterations: of a retrieval; from memory by a code, each stream stops one before the last.
        kappa: what a state keeps in an iteration.
        decay: lambda, what a write leaves of the memory.
        rate: eta, of a write.
        limit: of the memory's entries.
        transition_hidden: units between an action and its transition.
        turn: by how much first transitions turn the code, before training; of 0 nothing moves, as
            published, which learns small worlds more slowly.
        decoder_hidden: units between a compressed symbol and its logits.
        deviation_scale: deviations are exp(scale tanh(.) + offset).
        deviation_offset: see there.
        distrust: added to the deviation of what memory says while it is not yet trusted.
        code_penalty: of the squared code.
        place_penalty: of the absolute conjunctive code.
        object_penalty: of the squared code of object-vector cells.
    """

    symbols: int = 45
    actions: int = 4
    still: int | None = None
    compressed: int = 10
    codes: tuple[int, ...] = (30, 30, 24, 18, 18)
    sampled: tuple[int, ...] = (10, 10, 8, 6, 6)
    rates: tuple[float, ...] = (0.99, 0.3, 0.09, 0.03, 0.01)
    objects: int = 0
    object_cells: int = 6
    iterations: int = 5
    kappa: float = 0.8
    decay: float = 0.9999
    rate: float = 0.5
    limit: float = 1.0
    transition_hidden: int = 20
    turn: float = 0.0
    decoder_hidden: int = 200
    deviation_scale: float = 6.0
    deviation_offset: float = -2.0
    distrust: float = 1e4
    code_penalty: float = 0.01
    place_penalty: float = 0.02
    object_penalty: float = 0.02

    def __post_init__(self) -> None:
        if not len(self.codes) == len(self.sampled) == len(self.rates) > 0:
            raise MapError(
                f"every stream has a size, a sample and a rate: there are {len(self.codes)}, "
                f"{len(self.sampled)} and {len(self.rates)}"
            )
        if any(not 1 <= few <= all_ for few, all_ in zip(self.sampled, self.codes, strict=True)):
            raise MapError(f"samples {self.sampled} are not of the codes' sizes {self.codes}")
        if any(not 0 < rate < 1 for rate in self.rates) or list(self.rates) != sorted(
            self.rates, reverse=True
        ):
            raise MapError(f"rates fall from below 1 to above 0, which {self.rates} do not")
        if not 1 <= self.symbols <= math.comb(self.compressed, 2):
            raise MapError(
                f"{self.compressed} features tell {math.comb(self.compressed, 2)} symbols apart, "
                f"not {self.symbols}"
            )
        if self.actions < 1 or (self.still is not None and not 0 <= self.still < self.actions):
            raise MapError(f"of {self.actions} actions, number {self.still} cannot be the one")
        if not 0 <= self.objects < self.symbols or self.object_cells < 1:
            raise MapError(f"of {self.symbols} symbols, {self.objects} cannot be objects")
        if self.iterations < len(self.codes):
            raise MapError(
                f"{len(self.codes)} streams that stop one after the other need as many iterations, "
                f"not {self.iterations}"
            )
        if not 0 <= self.decay <= 1 or not self.limit > 0:
            raise MapError(f"a decay of {self.decay} to a limit of {self.limit} makes no memory")
        if not 0 <= self.turn < math.inf:
            raise MapError(f"first transitions turn by an angle from 0 up, not by {self.turn}")
        if min(self.transition_hidden, self.decoder_hidden) < 1:
            raise MapError("hidden layers have at least one unit")

    @property
    def code_sizes(self) -> tuple[int, ...]:
        """Cells of the code by stream, the object stream included."""
        return (3 * self.object_cells, *self.codes) if self.objects else self.codes

    @property
    def sampled_sizes(self) -> tuple[int, ...]:
        """Those of them that reach the memory."""
        return (self.object_cells, *self.sampled) if self.objects else self.sampled

    @property
    def place_sizes(self) -> tuple[int, ...]:
        """Conjunctive cells p by stream: one for each sampled cell and feature."""
        return tuple(size * self.compressed for size in self.sampled_sizes)

    @property
    def all_rates(self) -> tuple[float, ...]:
        """Rates by stream: objects are seen as the fastest stream sees."""
        return (self.rates[0], *self.rates) if self.objects else self.rates

    @property
    def stops(self) -> tuple[int, ...]:
        """Iterations by stream of a retrieval by a code."""
        stops = tuple(self.iterations - stream for stream in range(len(self.codes)))
        return (self.iterations, *stops) if self.objects else stops

    @property
    def n_codes(self) -> int:
        """Cells of the code."""
        return sum(self.code_sizes)

    @property
    def n_places(self) -> int:
        """Conjunctive cells."""
        return sum(self.place_sizes)

    def for_world(self, world: World) -> "TemSettings":
        """The same for worlds like one: their actions, which of them stays, and their objects.

        Landmarks of worlds without a plane (rewards) are symbols like any other.
        """
        still = world.actions.index("stay") if "stay" in world.actions else None
        objects = 0
        if world.landmarks is not None and world.coordinates is not None:
            objects = int(world.landmarks.max()) + 1
        return replace(self, actions=world.n_actions, still=still, objects=objects)


PAPER = TemSettings()
"""The model of the paper: 120 cells of code, 400 conjunctive ones."""

COMPLEX = TemSettings(codes=(18, 18, 15, 15, 15), sampled=(6, 6, 5, 4, 4))
"""The paper's size for laps and other complex tasks, which have longer windows instead."""

SMALL = TemSettings(codes=(18, 18, 18), sampled=(6, 6, 6), rates=(0.99, 0.3, 0.09))
"""Three streams, 54 cells of code and 180 conjunctive ones: learns small worlds in minutes."""

SIZES = {"paper": PAPER, "complex": COMPLEX, "small": SMALL}
"""Name -> settings."""
