"""Trainings of maps within a paper: watched, counted, and kept on the way."""

import math
from pathlib import Path

from unfrozen.hippocampus.runs import Run
from unfrozen.papers.running.context import RunContext
from unfrozen.papers.running.measure import count_flops

# Processor seconds between two times that a run is kept.
_KEEP = 60.0


def train(
    context: RunContext, run: Run, told: str, kept: Path | None = None, most: float = math.inf
) -> None:
    """Train to the end, or for so long.

    Operations are counted in one update and multiplied, as counting them slows down what is timed:
    the checkpoint that this is done in has no ``sample``.

    Args:
        context: of the paper.
        run: to go on with.
        told: what it is, beside the progress bar.
        kept: the file that it goes on from if there is one, and is kept in on the way; none if it
            is so short that this is not worth while.
        most: processor seconds.

    Raises:
        MapError: the file is of another run.
    """
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        if kept.exists():
            run.resume(kept)
    progress, began = run.progress, run.progress.number
    updates, saved = run.run(), progress.seconds
    if not progress.done and progress.seconds < most:
        counted = count_flops(lambda: next(updates))
        for update in context.track(updates, told, progress.updates - began - 1):
            if kept is not None and update.seconds - saved > _KEEP:
                run.save(kept)
                saved = update.seconds
            if update.seconds >= most:
                break
        context.add_flops(counted.flops * progress.number)
    if kept is not None:
        run.save(kept)
