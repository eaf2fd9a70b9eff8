"""Memory that is free, given back to the system."""

import ctypes
import functools
import sys
from collections.abc import Callable


def give_back() -> None:
    """Let the C library return what was freed; where it is not glibc, nothing is done.

    glibc keeps the pieces of large tensors of changing shapes, in a heap a thread: after a search
    for the values of fifty facts that was more than all that was in use.
    """
    _trim()(0)


@functools.cache
def _trim() -> Callable[[int], object]:
    if sys.platform == "linux":
        try:
            return ctypes.CDLL(None).malloc_trim
        except (OSError, AttributeError):
            pass
    return lambda _: None
