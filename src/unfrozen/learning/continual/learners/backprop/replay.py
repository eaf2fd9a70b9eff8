"""Experience replay: some images are kept, and learnt again beside those that come."""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from unfrozen.errors import LearningError
from unfrozen.learning.continual.learners.backprop.fine_tuning import check_updates
from unfrozen.learning.continual.learners.backprop.network import Fit
from unfrozen.learning.continual.learners.base import Batch, Inputs, nbytes


class Reservoir:
    """A sample of all that came, in which everything has the same chance to be.

    Args:
        capacity: rows at most.
        generator: of what is kept.

    Raises:
        LearningError: it holds nothing.

    Source: Vitter 1985, algorithm R.
    """

    def __init__(self, capacity: int, generator: torch.Generator) -> None:
        if capacity < 1:
            raise LearningError(f"a reservoir holds one image at least, not {capacity}")
        self.capacity, self.seen = capacity, 0
        self._generator = generator
        self._columns: list[Tensor] = []

    def __len__(self) -> int:
        return min(self.seen, self.capacity)

    @property
    def bytes(self) -> int:
        """Of the rows that are kept."""
        return sum(nbytes(column[: len(self)]) for column in self._columns)

    @property
    def kept(self) -> tuple[Tensor, ...]:
        """All rows; views."""
        return tuple(column[: len(self)] for column in self._columns)

    def add(self, *columns: Tensor) -> None:
        """Offer rows, one after the other.

        Args:
            columns: what belongs together, [b, ...] each, of the same kinds every time.
        """
        if not self._columns:
            self._columns = [c.new_empty(self.capacity, *c.shape[1:]) for c in columns]
        n = len(columns[0])
        number = torch.arange(self.seen, self.seen + n, dtype=torch.float64)
        chance = torch.rand(n, dtype=torch.float64, generator=self._generator)
        # Row number s, from 0 on, takes a place among s + 1: its own as long as there is room.
        places = torch.where(number < self.capacity, number, (chance * (number + 1)).floor()).long()
        for row in (places < self.capacity).nonzero().flatten().tolist():
            for kept, new in zip(self._columns, columns, strict=True):
                kept[places[row]] = new[row]
        self.seen += n

    def draw(self, count: int) -> tuple[Tensor, ...]:
        """So many rows by chance, each any of those kept; none of an empty reservoir's."""
        if not len(self):
            return ()
        rows = torch.randint(len(self), (count,), generator=self._generator)
        return tuple(column[rows] for column in self._columns)

    def shrink(self, capacity: int) -> None:
        """Hold fewer from now on; which go is left to chance, so the sample stays a fair one.

        Raises:
            LearningError: it would hold nothing.
        """
        if capacity < 1:
            raise LearningError(f"a reservoir holds one image at least, not {capacity}")
        if capacity >= self.capacity:
            return
        left = torch.randperm(len(self), generator=self._generator)[:capacity]
        made = [c.new_empty(capacity, *c.shape[1:]) for c in self._columns]
        for new, old in zip(made, self._columns, strict=True):
            new[: len(left)] = old[left]
        self._columns, self.capacity = made, capacity


class Replay:
    """Backpropagation on each batch joined with images from a reservoir.

    Images are kept as they come, a byte a pixel, and a class in two bytes.

    Args:
        inputs: what images are like.
        seed: of the first weights, and of what is kept and drawn.
        limit: bytes of all that is kept, the network and its optimizer among them: what these leave
            is for images.
        hidden: widths of the hidden layers.
        rate: step size.
        optimizer: "sgd" or "adam".
        updates: steps on each batch, each with other images from the reservoir.
        replayed: images from the reservoir in a step.

    Raises:
        LearningError: a setting makes no sense; while it learns, the limit leaves no room for an
            image beside the network.

    Source: Chaudhry et al. 2019 (tiny episodic memories), algorithm 1 with reservoir sampling;
        several steps a batch as Aljundi et al. 2019.
    """

    def __init__(
        self,
        inputs: Inputs,
        seed: int = 0,
        *,
        limit: int = 500_000,
        hidden: Sequence[int] = (100,),
        rate: float = 0.05,
        optimizer: str = "sgd",
        updates: int = 1,
        replayed: int = 32,
    ) -> None:
        check_updates(updates)
        if replayed < 1:
            raise LearningError(f"one image is replayed at least, not {replayed}")
        self.fit = Fit(inputs, seed, hidden, rate, optimizer)
        self.limit, self.updates, self.replayed = limit, updates, replayed
        self._generator = torch.Generator().manual_seed(seed + 1)
        self.buffer = Reservoir(self._room(), self._generator)

    @property
    def bytes(self) -> int:
        """Of the network, its optimizer and the images."""
        return self.fit.bytes + self.buffer.bytes

    def learn(self, batches: Iterable[Batch]) -> None:
        """Take steps on each batch and on what was kept, then offer the batch to the reservoir."""
        for images, classes in batches:
            rows, columns = self.fit.inputs.rows(images), self.fit.meet(classes)
            for _ in range(self.updates):
                self.fit.update(*self._joined(rows, columns))
            self.buffer.shrink(self._room())
            self.buffer.add(images, classes.to(torch.int16))

    def predict(self, images: UInt8[Tensor, "b height width"]) -> Int64[Tensor, " b"]:
        """The class with the largest logit."""
        return self.fit.predict(images)

    def _joined(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        drawn = self.buffer.draw(self.replayed)
        if not drawn:
            return rows, columns
        images, classes = drawn
        old = self.fit.classes.columns(classes.long())
        return torch.cat([rows, self.fit.inputs.rows(images)]), torch.cat([columns, old])

    def _room(self) -> int:
        """How many images the limit leaves room for."""
        room = (self.limit - self.fit.bytes) // (self.fit.inputs.pixels + 2)
        if room < 1:
            raise LearningError(
                f"a limit of {self.limit} bytes leaves no room for an image beside a network of "
                f"{self.fit.bytes}"
            )
        return room
