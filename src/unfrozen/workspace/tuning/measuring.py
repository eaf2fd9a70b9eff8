"""How well a model does on examples: loss, accuracy, F1, and a score of what it writes."""

import math
from collections.abc import Callable, Sequence

import torch

from unfrozen.errors import WorkspaceError
from unfrozen.language.tuning import Example, Task

Score = Callable[[Example, str], float]
"""How good a text is that the model wrote after an example's prompt; more is better."""


def measured(
    task: Task, progress: Callable[[int, int], None] = lambda done, total: None, batch: int = 32
) -> dict[str, float]:
    """Loss; accuracy, where there are choices; and F1, where all have the same ones.

    Args:
        task: to measure.
        progress: called with how many examples are done, of how many.
        batch: how many are read at once.
    """
    every = range(len(task))
    parts = [every[i : i + batch] for i in range(0, len(every), batch)]
    scores = []
    with torch.no_grad():
        for part in parts:
            scores.append(task.scores(part))
            progress(part[-1] + 1, len(every))
        whole = torch.cat(scores)
        found = {"loss": float(task.loss_of(whole, every))}
    if task.n_choices:
        picked = whole.argmax(1)
        found["accuracy"] = float((picked == task.answers).double().mean())
        if task.classes:
            found["f1"] = task.f1_of(picked, task.answers)
    return found


def scored(task: Task, which: Sequence[int], score: Score, tokens: int, batch: int = 32) -> float:
    """Mean score of what the model writes after prompts.

    Args:
        task: that they are of.
        which: of its examples.
        score: of a text.
        tokens: that are written.
        batch: how many are written at once.

    Raises:
        WorkspaceError: a score is not a finite number.
    """
    found = []
    for i in range(0, len(which), batch):
        part = which[i : i + batch]
        for j, text in zip(part, task.generated(part, tokens), strict=True):
            try:
                value = float(score(task.examples[j], text))
            except Exception as error:
                raise WorkspaceError(
                    f"the score of {text!r} after {task.examples[j].prompt!r} raised "
                    f"{type(error).__name__}: {error}"
                ) from error
            if not math.isfinite(value):
                raise WorkspaceError(f"the score of {text!r} is {value}: give a finite number")
            found.append(value)
    return sum(found) / len(found)
