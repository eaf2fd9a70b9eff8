"""How much memory a piece of work adds to the process at its peak."""

import contextlib
import ctypes
import gc
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

_OF_THIS = Path("/proc/self")
# What Linux takes for "forget the largest resident size so far".
_FORGET_PEAK = "5"


def _size(name: str) -> int:
    """A size in the status of this process, in bytes."""
    status = (_OF_THIS / "status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
    if found is None:
        raise OSError(f"the status of this process does not tell {name}")
    return 1024 * int(found[1])


def _give_back() -> None:
    """Return what earlier work freed to the system, or later work would hide in it."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def measured(work: Callable[[], Result]) -> tuple[Result, float, int]:
    """Run some work.

    Returns:
        What it returned, its seconds, and the bytes that the process grew by at its peak.
    """
    _give_back()
    (_OF_THIS / "clear_refs").write_text(_FORGET_PEAK)
    before = _size("VmRSS")
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    return result, seconds, _size("VmHWM") - before
