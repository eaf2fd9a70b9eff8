"""Ctrl-C between two steps of long work, and not in the middle of one."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def between_steps() -> Iterator[Callable[[], bool]]:
    """Take a first Ctrl-C down, so that the step that is under way is finished.

    A second one interrupts at once.  Where signals do not arrive, outside the main thread, nothing
    is taken down.

    Yields:
        Whether Ctrl-C was pressed: whoever asks between two steps keeps what is done, and raises
        KeyboardInterrupt.
    """
    asked = False

    def take_down(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, take_down)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
