"""Moving weights along noise, in one pass over them: whatever is to be added, block by block.

A block of weights is read once, moved along every noise in turn, and written once.  Segments are
independent, so that the cores share them; each number is the result of the same sums in the same
order, however they do.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import torch
from torch import Tensor

from unfrozen.errors import LearningError
from unfrozen.learning.zeroth_order.noise import (
    Draw,
    Noise,
    Stream,
    block_length,
    drawn_length,
    factors,
    segments,
)

# Below so many weights threads cost more than they bring.
_SHARED = 2**21
# Numbers of a matrix that are moved at once: so few are never shared among threads.
_TILE = 2**15


class Along(NamedTuple):
    """W += by * z.

    Attributes:
        draw: of the noise z.
        by: how far.
    """

    draw: Draw
    by: float


class Shrink(NamedTuple):
    """W *= by: weight decay."""

    by: float


class Adaptive(NamedTuple):
    """W -= rate * m / (sqrt(v) + eps), with m = sum of a z and v = sum of b z².

    Attributes:
        terms: of each noise: its draw, a and b.
        rate: how far.
        eps: that keeps the quotient finite.
    """

    terms: tuple[tuple[Draw, float, float], ...]
    rate: float
    eps: float


Move = Along | Shrink | Adaptive
"""What is done to every weight of a parameter.  Moves along one noise in turn draw it once."""


class Moved(NamedTuple):
    """A parameter and what is done to it.

    Attributes:
        name: that its noise follows from.
        tensor: of it.
        moves: in turn.
    """

    name: str
    tensor: Tensor
    moves: Sequence[Move]


@torch.no_grad()
def move(parameters: Iterable[Moved], noise: Noise, rank: int = 1) -> None:
    """Move parameters in place.

    Args:
        parameters: each with its moves.
        noise: kind of it.
        rank: of noise of low rank.
    """
    tasks: list[tuple[int, Callable[[], None]]] = []
    on_processor = True
    for name, tensor, moves in parameters:
        if tensor.is_meta or not tensor.numel() or not moves:
            continue
        on_processor = on_processor and tensor.device.type == "cpu"
        if noise == "low-rank" and tensor.ndim > 1:
            tasks.append((tensor.numel(), _matrix(name, tensor, moves, rank)))
            continue
        whole = tensor.detach()
        flat = whole.view(-1) if whole.is_contiguous() else whole.contiguous().view(-1)
        parts = [
            (end - start, _segment(name, flat[start:end], number, moves, noise))
            for number, start, end in segments(len(flat))
        ]
        if whole.is_contiguous():
            tasks += parts
        else:
            tasks.append((len(flat), _copied(whole, flat, [part for _, part in parts])))
    _run(tasks, on_processor)


def squared_norm(parameters: Iterable[tuple[str, Tensor]], noise: Noise, draw: Draw) -> float:
    """The sum of squares of all that is drawn for parameters, always summed in one order.

    Args:
        parameters: names and tensors.
        noise: kind of it.
        draw: which.
    """
    total = 0.0
    for name, tensor in parameters:
        if tensor.is_meta:
            continue
        for part, start, end in segments(tensor.numel()):
            stream, left = Stream(noise, draw, name, part, tensor.device), end - start
            while left > 0:
                n = min(left, block_length(tensor.device))
                room = torch.empty(drawn_length(n), device=tensor.device, dtype=torch.float32)
                z = stream.block(room)[:n]
                total += float(z.double().square().sum())
                left -= n
    return total


def _run(tasks: Sequence[tuple[int, Callable[[], None]]], on_processor: bool) -> None:
    # Elsewhere the device shares the work, in the order of one stream.
    workers = torch.get_num_threads() if on_processor else 1
    if workers < 2 or len(tasks) < 2 or sum(size for size, _ in tasks) < _SHARED:
        for _, task in tasks:
            task()
        return
    # The largest first, so that no core is left with one at the end.
    largest = sorted(tasks, key=lambda task: -task[0])
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(task) for _, task in largest]:
            done.result()


def _segment(
    name: str, flat: Tensor, part: int, moves: Sequence[Move], noise: Noise
) -> Callable[[], None]:
    @torch.no_grad()
    def run() -> None:
        device = flat.device
        length = block_length(device)
        # Every time that a noise comes up anew, it begins anew.
        streams = [
            [Stream(noise, draw, name, part, device) for draw in draws] for draws in _draws(moves)
        ]
        room_for = min(length, drawn_length(len(flat)))
        whole = torch.empty(room_for, device=device, dtype=torch.float32)
        for weights in flat.split(length):
            room = whole[: drawn_length(len(weights))]
            for one, begun in zip(moves, streams, strict=True):
                if isinstance(one, Shrink):
                    weights.mul_(one.by)
                elif isinstance(one, Adaptive):
                    _adapt(weights, one, begun, room)
                else:
                    for stream in begun:
                        stream.block(room)
                    weights.add_(room[: len(weights)], alpha=one.by)

    return run


def _adapt(weights: Tensor, one: Adaptive, streams: Sequence[Stream], room: Tensor) -> None:
    first, second = torch.zeros_like(room), torch.zeros_like(room)
    for stream, (_, a, b) in zip(streams, one.terms, strict=True):
        z = stream.block(room)
        first.add_(z, alpha=a)
        second.addcmul_(z, z, value=b)
    way = first.div_(second.sqrt_().add_(one.eps))
    weights.add_(way[: len(weights)], alpha=-one.rate)


def _draws(moves: Sequence[Move]) -> list[list[Draw]]:
    """What each move draws: nothing, if it goes on along the noise that was drawn last."""
    found: list[list[Draw]] = []
    last: Draw | None = None
    for one in moves:
        if isinstance(one, Along):
            found.append([] if one.draw == last else [one.draw])
            last = one.draw
        elif isinstance(one, Adaptive):
            found.append([draw for draw, _, _ in one.terms])
            last = None
        else:
            found.append([])
    return found


def _matrix(name: str, tensor: Tensor, moves: Sequence[Move], rank: int) -> Callable[[], None]:
    @torch.no_grad()
    def run() -> None:
        weights = tensor.detach()
        if not weights.is_contiguous():
            weights = weights.contiguous()
        flat = weights.view(len(weights), -1)
        left = right = flat
        for one, draws in zip(moves, _draws(moves), strict=True):
            if isinstance(one, Shrink):
                flat.mul_(one.by)
            elif isinstance(one, Adaptive):
                raise LearningError("second moments a weight need noise a weight, not of low rank")
            else:
                for draw in draws:
                    shape = (flat.shape[0], flat.shape[1])
                    left, right = factors(draw, name, shape, rank, flat.device)
                # One column after the other, and in tiles that are never shared among threads: in
                # whatever order a product of matrices would add up, these are the same sums.
                for u, v in zip(left.T.to(flat), right.T.to(flat), strict=True):
                    for tile, some, others in _tiles(flat, u, v):
                        tile.addr_(some, others, alpha=one.by)
        if weights.data_ptr() != tensor.data_ptr():
            tensor.detach().copy_(weights)

    return run


def _tiles(flat: Tensor, u: Tensor, v: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    columns = min(flat.shape[1], _TILE)
    rows = max(_TILE // columns, 1)
    for i in range(0, flat.shape[0], rows):
        for j in range(0, flat.shape[1], columns):
            yield flat[i : i + rows, j : j + columns], u[i : i + rows], v[j : j + columns]


def _copied(whole: Tensor, flat: Tensor, parts: Sequence[Callable[[], None]]) -> Callable[[], None]:
    """Of a parameter whose numbers do not stand in order."""

    def run() -> None:
        for part in parts:
            part()
        whole.copy_(flat.view(whole.shape))

    return run
