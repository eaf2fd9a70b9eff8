"""Streams of tasks from real images: new classes, new domains, or both for hundreds of tasks.

A stream makes a task when it is asked for it, and the same one each time.  Nothing tells a learner
which task an image is of, neither while it learns nor when it is asked.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from unfrozen.data.images import Images, images, white
from unfrozen.errors import LearningError
from unfrozen.learning.continual.learners.base import Inputs

Asked = Literal["test", "validation"]
"""What accuracy is taken on: a set's own test part, or a part of those to learn from."""
_VALIDATION = 0.1


class Task(NamedTuple):
    """What is learnt at a time, and what is asked of it.

    Attributes:
        train: grey values.
        train_classes: of each; one number means one class in all tasks of a stream.
        test: likewise.
        test_classes: likewise.
    """

    train: UInt8[Tensor, "n height width"]
    train_classes: Int64[Tensor, " n"]
    test: UInt8[Tensor, "m height width"]
    test_classes: Int64[Tensor, " m"]


@dataclass(frozen=True)
class Stream:
    """Tasks in their order.

    Attributes:
        name: what it is of.
        length: how many tasks there are.
        inputs: what its images are like.
        make: the task of a number.
    """

    name: str
    length: int
    inputs: Inputs
    make: Callable[[int], Task]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, number: int) -> Task:
        if not -self.length <= number < self.length:
            raise IndexError(f"{self.name} has {self.length} tasks, not one of number {number}")
        return self.make(number % self.length)

    def __iter__(self) -> Iterator[Task]:
        return (self.make(number) for number in range(self.length))


def class_incremental(
    names: str | Sequence[str],
    tasks: int,
    seed: int,
    *,
    asked: Asked = "test",
    per_class: int | None = None,
    pool: int = 1,
) -> Stream:
    """Each task brings classes that none before had, and all classes are told apart in the end.

    Of one set with two classes a task it is split MNIST; several sets follow one another, and their
    classes are different ones.  The order of a set's classes is drawn.

    Args:
        names: of sets, see `unfrozen.data.images.IMAGE_SETS`; with images of one size.
        tasks: how many; classes are shared out evenly.
        seed: of the order of classes.
        asked: "validation" asks a tenth of the training images instead, and learns the others:
            for settings to be chosen by.
        per_class: at most so many images of a class to learn from, drawn.
        pool: squares of so many pixels a side become one, by their mean.

    Raises:
        LearningError: classes cannot be shared out so, or images are of different sizes.
        DataError: there is no such set.

    Source: van de Ven and Tolias 2019 for class-incremental learning; Zenke et al. 2017 for split
        MNIST.
    """
    names = (names,) if isinstance(names, str) else tuple(names)
    if not names:
        raise LearningError("a stream is of one set of images at least")
    generator = torch.Generator().manual_seed(seed)
    parts, order, grey = [_part(name, asked, pool, generator) for name in names], [], 0
    inputs = _inputs(parts, names)
    for part in parts:
        classes = part.train_classes.unique()
        order += (classes[torch.randperm(len(classes), generator=generator)] + grey).tolist()
        grey += int(classes.max()) + 1
    if tasks < 1 or len(order) % tasks:
        raise LearningError(f"{len(order)} classes cannot be shared out evenly over {tasks} tasks")
    each = len(order) // tasks
    # Kept apart by class once, so that a task costs its own images only.
    kept: dict[int, tuple[Tensor, Tensor]] = {}
    first = 0
    for part in parts:
        for c in part.train_classes.unique().tolist():
            learnt = part.train[part.train_classes == c]
            if per_class is not None:
                learnt = learnt[torch.randperm(len(learnt), generator=generator)[:per_class]]
            kept[first + c] = learnt, part.test[part.test_classes == c]
        first += int(part.train_classes.max()) + 1

    def make(number: int) -> Task:
        own = order[number * each : (number + 1) * each]
        return Task(*(
            joined
            for side in (0, 1)
            for joined in (
                torch.cat([kept[c][side] for c in own]),
                torch.cat([torch.full((len(kept[c][side]),), c) for c in own]),
            )
        ))  # fmt: skip

    return Stream(f"{'+'.join(names)}, {each} classes a task", tasks, inputs, make)


def permuted(
    name: str,
    tasks: int,
    seed: int,
    *,
    asked: Asked = "test",
    per_task: int | None = None,
    per_test: int | None = None,
    pool: int = 1,
) -> Stream:
    """The same classes in every task, their pixels in another order in each.

    With hundreds of tasks of a few thousand images it is the online stream that plasticity is
    measured on.

    Args:
        name: of a set.
        tasks: how many; the first is permuted as well.
        seed: of the orders, and of which images a task has.
        asked: see `class_incremental`.
        per_task: so many images to learn from, drawn anew for each task; None for all.
        per_test: likewise to be asked.
        pool: see `class_incremental`; before pixels are permuted.

    Raises:
        LearningError: there is no task, or no image in one.
        DataError: there is no such set.

    Source: Goodfellow et al. 2013; Kirkpatrick et al. 2017; the online stream Dohare et al. 2024.
    """

    def change(pictures: Tensor, number: int) -> Tensor:
        order = permutation(pictures[0].numel(), number, seed).to(pictures.device)
        return pictures.flatten(1)[:, order].reshape(pictures.shape)

    return _domains(f"permuted {name}", name, tasks, seed, change, asked, per_task, per_test, pool)


def rotated(
    name: str,
    tasks: int,
    seed: int,
    *,
    largest: float = 180.0,
    asked: Asked = "test",
    per_task: int | None = None,
    per_test: int | None = None,
    pool: int = 1,
) -> Stream:
    """The same classes in every task, turned by another angle in each.

    Args:
        name: of a set.
        tasks: how many; angles are evenly spaced from none to the largest, in a drawn order.
        seed: of their order, and of which images a task has.
        largest: angle, in degrees.
        asked: see `class_incremental`.
        per_task: see `permuted`.
        per_test: see `permuted`.
        pool: see `class_incremental`; before pictures are turned.

    Raises:
        LearningError: there is no task, or no image in one.
        DataError: there is no such set.

    Source: Lopez-Paz and Ranzato 2017, section 5 (MNIST rotations).
    """
    if tasks < 1:
        raise LearningError(f"a stream has one task at least, not {tasks}")
    angles = torch.linspace(0, largest, tasks)
    angles = angles[torch.randperm(tasks, generator=torch.Generator().manual_seed(seed))]

    def change(pictures: Tensor, number: int) -> Tensor:
        return turned(pictures, float(angles[number]))

    return _domains(f"rotated {name}", name, tasks, seed, change, asked, per_task, per_test, pool)


def permutation(pixels: int, number: int, seed: int) -> Int64[Tensor, " pixels"]:
    """The order of pixels in a task of `permuted`."""
    return torch.randperm(pixels, generator=_generator(seed, number, 1))


def turned(
    pictures: UInt8[Tensor, "n height width"], degrees: float
) -> UInt8[Tensor, "n height width"]:
    """Pictures turned about their middle, between pixels by their distance; black outside."""
    angle = math.radians(degrees)
    height, width = pictures.shape[1:]
    cos, sin = math.cos(angle), math.sin(angle)
    # Coordinates run from -1 to 1 on either side, whatever the sides are.
    matrix = torch.tensor([[cos, -sin * height / width, 0], [sin * width / height, cos, 0]])
    grid = torch.nn.functional.affine_grid(
        matrix[None].to(pictures.device), [1, 1, height, width], align_corners=False
    )
    found = torch.nn.functional.grid_sample(pictures[None].float(), grid, align_corners=False)
    return found[0].round().to(torch.uint8)


def pooled(pictures: UInt8[Tensor, "n height width"], pool: int) -> UInt8[Tensor, "n rows columns"]:
    """Means of squares of pixels; of what does not fill a last square, nothing.

    Raises:
        LearningError: a square is larger than a picture.
    """
    if not 1 <= pool <= min(pictures.shape[1:]):
        raise LearningError(f"pictures of {list(pictures.shape[1:])} have no squares of {pool}")
    if pool == 1:
        return pictures
    return torch.nn.functional.avg_pool2d(pictures[None].float(), pool)[0].round().to(torch.uint8)


def _domains(
    title: str, name: str, tasks: int, seed: int, change: Callable[[Tensor, int], Tensor],
    asked: Asked, per_task: int | None, per_test: int | None, pool: int,
) -> Stream:  # fmt: skip
    """A stream whose tasks are one set, changed in another way each."""
    for count, what in ((tasks, "task"), (per_task, "image"), (per_test, "image")):
        if count is not None and count < 1:
            raise LearningError(f"a stream has one {what} at least, not {count}")
    part = _part(name, asked, pool, torch.Generator().manual_seed(seed))

    def some(pictures: Tensor, classes: Tensor, count: int | None, number: int, salt: int):
        if count is not None and count < len(pictures):
            drawn = torch.randperm(len(pictures), generator=_generator(seed, number, salt))[:count]
            pictures, classes = pictures[drawn], classes[drawn]
        return change(pictures, number), classes

    def make(number: int) -> Task:
        return Task(
            *some(part.train, part.train_classes, per_task, number, 2),
            *some(part.test, part.test_classes, per_test, number, 3),
        )

    return Stream(title, tasks, _inputs([part], (name,)), make)


def _part(name: str, asked: Asked, pool: int, generator: torch.Generator) -> Images:
    """A set, pooled; with "validation", what was to be learnt from is parted by chance."""
    if asked not in ("test", "validation"):
        raise LearningError(f"asked is 'test' or 'validation', not {asked!r}")
    found = images(name)
    if asked == "validation":
        order = torch.randperm(len(found.train), generator=generator)
        held, kept = order.tensor_split([round(_VALIDATION * len(order))])
        found = Images(
            found.train[kept], found.train_classes[kept], found.train[held],
            found.train_classes[held],
        )  # fmt: skip
    return Images(
        pooled(found.train, pool), found.train_classes, pooled(found.test, pool),
        found.test_classes,
    )  # fmt: skip


def _inputs(parts: Sequence[Images], names: Sequence[str]) -> Inputs:
    """What images of some sets are like, if they are alike."""
    alike = {
        Inputs(part.train.shape[1], part.train.shape[2], white(name))
        for part, name in zip(parts, names, strict=True)
    }
    if len(alike) > 1:
        raise LearningError(f"the images of {' and '.join(names)} are of different sizes or greys")
    return alike.pop()


def _generator(seed: int, number: int, salt: int) -> torch.Generator:
    """One for each task and purpose, so that tasks can be made in any order."""
    return torch.Generator().manual_seed((seed * 1_000_003 + number) * 7 + salt)
