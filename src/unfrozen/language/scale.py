"""Work in pieces: one process by default."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from unfrozen.errors import ModelError

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


def share(
    items: Mapping[str, T],
    setup: Callable[[], S],
    compute: Callable[[S, T], R],
    *,
    workers: int = 1,
    address: str | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Iterator[tuple[str, R]]:
    """Compute a result for each item.

    Args:
        items: what to compute on, under keys that tell items apart.
        setup: makes what all computations of a process need; called once in each.
        compute: one item's result.
        workers: number of processes.
        address: of a cluster.
        progress: called with what is being done, how much is done, and how much there is.

    Returns:
        Keys and results, in the order in which they are done.

    Raises:
        ModelError: more than this process is asked for.
    """
    if workers != 1 or address is not None:
        raise ModelError("everything is computed in one process here: leave out the workers")
    if not items:
        return
    state = setup()
    for done, (key, item) in enumerate(items.items()):
        if progress is not None:
            progress("Computing", done, len(items))
        yield key, compute(state, item)
    if progress is not None:
        progress("Computing", len(items), len(items))
