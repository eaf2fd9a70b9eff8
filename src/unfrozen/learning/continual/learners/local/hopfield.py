"""A modern Hopfield memory of bounded size, whose patterns merge when there is no more room."""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from unfrozen.errors import LearningError
from unfrozen.learning.continual.learners.base import (
    Batch,
    Classes,
    Inputs,
    check_positive,
    nbytes,
    unknown,
)
from unfrozen.memory.hopfield.modern import ModernHopfield

# A class in two bytes and a number of images in four, beside a byte a pixel.
_BESIDE = 6
# A class's number, and how many tasks it came in.
_BESIDE_A_CLASS = 16
_ASKED_AT_ONCE = 2000


class HopfieldWrite:
    """Patterns of all classes, read by attention: the class that most of the weight falls on.

    An image is written as a pattern of its own as long as its class has fewer than its share of the
    room; after that it is taken into the nearest pattern of its class, which moves towards it so
    that it stays the mean of all that it took in.  When a class comes, shares become smaller, and
    the others merge pairs of their patterns, each time those whose merging moves images least
    (Ward's criterion).  So nothing of one class is ever changed by an image of another, except
    that patterns become coarser.  A class that comes again in another task gets new patterns there,
    and its older ones merge until each task has the same part of the class's share, since a class
    may look otherwise in each.

    While patterns merge, the costs of all pairs of a class are in memory; they are not kept.

    Patterns are kept as grey values of a byte.  A pattern that moves by less than one is rounded by
    chance, up as often as its fraction says, so that it comes where it should on average.

    Args:
        inputs: what images are like.
        seed: of rounding.
        limit: bytes of all that is kept.
        beta: inverse temperature: weights are softmax(-β |x - pattern|^2 / 2), with pixels from 0
            to 1.

    Raises:
        LearningError: a setting makes no sense; while it learns, there are more classes than room
            for patterns.

    Source: Ramsauer et al. 2021, equation 10 (reading), with the Euclidean similarity; MacQueen
        1967 for means that follow a stream; Ward 1963 for merging.
    """

    def __init__(
        self, inputs: Inputs, seed: int = 0, *, limit: int = 500_000, beta: float = 10.0
    ) -> None:
        check_positive(beta=beta)
        self.inputs, self.classes, self.beta, self.limit = inputs, Classes(), beta, limit
        self._generator = torch.Generator().manual_seed(seed)
        self._check_room(1)
        self.patterns = torch.zeros(0, inputs.pixels, dtype=torch.uint8)
        self.labels = torch.zeros(0, dtype=torch.int16)
        self.counts = torch.zeros(0)
        self.tasks = torch.zeros(0, dtype=torch.int64)
        self._open = torch.zeros(0, dtype=torch.bool)

    @property
    def bytes(self) -> int:
        """Of patterns, their classes, how many images each took in, and how often classes came."""
        kept = nbytes(self.patterns, self.labels, self.counts, self.tasks)
        return kept + self.classes.bytes

    @property
    def share(self) -> int:
        """How many patterns a class may have."""
        left = self.limit - _BESIDE_A_CLASS * len(self.classes)
        return left // (self.inputs.pixels + _BESIDE) // max(len(self.classes), 1)

    @torch.no_grad()
    def learn(self, batches: Iterable[Batch]) -> None:
        """Write each batch."""
        # Patterns that this task made: none yet.
        self._open = torch.zeros(len(self.labels), dtype=torch.bool)
        for images, classes in batches:
            self.inputs.rows(images[:0])  # of the right size
            new = self.classes.meet(classes)
            if new:
                self._check_room(len(self.classes))
                self.tasks = torch.cat([self.tasks, self.tasks.new_zeros(new)])
                self._thin()
            for label in classes.unique().tolist():
                self._write(images[classes == label].flatten(1), label)

    @torch.no_grad()
    def predict(self, images: UInt8[Tensor, "b height width"]) -> Int64[Tensor, " b"]:
        """The class with most of the weight."""
        if not len(self.classes):
            return unknown(images)
        columns = self.classes.columns(self.labels.long())
        memory = ModernHopfield(
            self.inputs.pixels, len(self.classes), beta=self.beta, similarity="euclidean"
        )
        values = torch.nn.functional.one_hot(columns, len(self.classes)).float()
        memory.write(self.patterns.float() / self.inputs.white, values)
        rows = self.inputs.rows(images).split(_ASKED_AT_ONCE)
        best = [memory.read(some, steps=1).argmax(1) for some in rows]
        return self.classes.of(torch.cat(best))

    def _write(self, rows: UInt8[Tensor, "b pixel"], label: int) -> None:
        """Images of one class: new patterns as long as there is room, then into the nearest."""
        self._begin(label)
        room = max(self.share - int((self.labels == label).sum()), 0)
        new, rest = rows[:room], rows[room:]
        if len(new):
            self.patterns = torch.cat([self.patterns, new])
            self.labels = torch.cat([self.labels, self.labels.new_full((len(new),), label)])
            self.counts = torch.cat([self.counts, self.counts.new_ones(len(new))])
            self._open = torch.cat([self._open, self._open.new_ones(len(new))])
        if not len(rest):
            return
        own = (self.labels == label) & self._open
        if not bool(own.any()):  # the class came in more tasks than it has patterns
            own = self.labels == label
        own = own.nonzero().flatten()
        x, patterns = rest.float(), self.patterns[own].float()
        # |x|^2 is the same for all patterns, so it does not tell which is nearest.
        nearest = (patterns.square().sum(1) / 2 - x @ patterns.T).argmin(1)
        touched, where = nearest.unique(return_inverse=True)
        total = torch.zeros(len(touched), x.shape[1]).index_add_(0, where, x - patterns[nearest])
        added = torch.zeros(len(touched)).index_add_(0, where, torch.ones(len(x)))
        at = own[touched]
        self.counts[at] += added
        moved = patterns[touched] + total / self.counts[at, None]
        self.patterns[at] = self._rounded(moved)

    def _begin(self, label: int) -> None:
        """Make room for a task's patterns of a class, when its first image comes."""
        own = self.labels == label
        if bool((own & self._open).any()):
            return
        column = self.classes.columns(torch.tensor([label]))
        self.tasks[column] += 1
        tasks = int(self.tasks[column])
        self._merge(own, max(self.share * (tasks - 1) // tasks, 1))

    def _thin(self) -> None:
        """Merge patterns of each class until it has no more than its share."""
        for label in self.labels.unique().tolist():
            own = self.labels == label
            count = int(own.sum())
            if count > self.share:
                for group in (own & ~self._open, own & self._open):
                    self._merge(group, max(self.share * int(group.sum()) // count, 1))

    def _merge(self, group: Tensor, left: int) -> None:
        """Merge patterns of one class, which become the last ones, until so many are left."""
        if int(group.sum()) <= left:
            return
        merged, counts = ward(self.patterns[group].float(), self.counts[group], left)
        self.patterns = torch.cat([self.patterns[~group], self._rounded(merged)])
        self.counts = torch.cat([self.counts[~group], counts])
        self.labels, self._open = (
            torch.cat([column[~group], column[group][:left]])
            for column in (self.labels, self._open)
        )

    def _rounded(self, values: Float[Tensor, "n pixel"]) -> UInt8[Tensor, "n pixel"]:
        """To whole grey values, up as often as the fraction says."""
        chance = torch.rand(values.shape, generator=self._generator)
        return (values + chance).floor().clamp_(0, self.inputs.white).to(torch.uint8)

    def _check_room(self, classes: int) -> None:
        room = (self.limit - _BESIDE_A_CLASS * classes) // (self.inputs.pixels + _BESIDE)
        if room < classes:
            raise LearningError(
                f"a limit of {self.limit} bytes has room for {max(room, 0)} patterns, not for "
                f"{classes} classes"
            )


def ward(
    patterns: Float[Tensor, "n pixel"], counts: Float[Tensor, " n"], left: int
) -> tuple[Float[Tensor, "left pixel"], Float[Tensor, " left"]]:
    """Merge pairs until so many patterns are left, each time the pair that costs least.

    To merge i and j adds c_i c_j / (c_i + c_j) |p_i - p_j|^2 to the squared distance between images
    and the means that stand for them.

    Args:
        patterns: means.
        counts: how many images each is the mean of.
        left: how many there shall be, one at least.

    Returns:
        Patterns and their numbers of images.

    Source: Ward 1963.
    """
    patterns, counts = patterns.clone(), counts.clone()
    squares = patterns.square().sum(1)

    def costs(rows: Tensor) -> Tensor:
        distances = squares[rows, None] + squares - 2 * patterns[rows] @ patterns.T
        return distances.clamp(min=0) * counts[rows, None] * counts / (counts[rows, None] + counts)

    alive = torch.ones(len(patterns), dtype=torch.bool)
    everything = costs(torch.arange(len(patterns)))
    everything.fill_diagonal_(torch.inf)
    # The cheapest partner of each, so that a merge looks through a row and not through all pairs.
    best, partner = everything.min(1)
    for _ in range(len(patterns) - left):
        i = int(best.argmin())
        j = int(partner[i])
        total = counts[i] + counts[j]
        patterns[i] = (counts[i] * patterns[i] + counts[j] * patterns[j]) / total
        squares[i], counts[i], alive[j] = patterns[i].square().sum(), total, False
        row = costs(torch.tensor([i]))[0].masked_fill(~alive, torch.inf)
        row[i] = torch.inf
        everything[i], everything[:, i] = row, row
        everything[j], everything[:, j] = torch.inf, torch.inf
        stale = (partner == i) | (partner == j)
        stale[i] = True
        stale &= alive
        best[j] = torch.inf
        nearer = row < best
        best[nearer], partner[nearer] = row[nearer], i
        best[stale], partner[stale] = everything[stale].min(1)
    return patterns[alive], counts[alive]
