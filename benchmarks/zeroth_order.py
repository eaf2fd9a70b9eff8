"""A fine-tuning step of a language model by forward passes, beside backpropagation's."""

import statistics
import time
from collections.abc import Callable

import torch

from unfrozen.data.models import DEFAULT_MODEL
from unfrozen.language.model import LanguageModel
from unfrozen.language.tuning import Example, Task
from unfrozen.language.tuning.rounding import KeptRounded
from unfrozen.papers.mezo.timing import BATCH, TOKENS, WAYS, measure

QUESTION = f"a step on {BATCH} texts of {TOKENS} tokens by MeZO, its reference and backpropagation"
STEPS = 3


def run() -> dict[str, float]:
    """Each way in a process of its own; MeZO's also with losses in bfloat16."""
    found: dict[str, float] = {}
    forward = {}
    for bfloat16 in (False, True):
        ways = [way for way in WAYS if not bfloat16 or way.startswith(("inference", "mezo"))]
        told = ", bfloat16" if bfloat16 else ""
        for way in ways:
            one = measure(way, STEPS, DEFAULT_MODEL, bfloat16)
            seconds = statistics.median(one["seconds"])
            if way == "inference":
                forward[bfloat16] = seconds
                found[f"two forward passes, seconds{told}"] = 2 * seconds
                continue
            found[f"{way}, seconds{told}"] = seconds
            if way.startswith("mezo"):
                # Noise is drawn three times a step: for each side, and to come back.
                rest = seconds - 3 * one["noise"]
                found[f"{way}, without noise, of two passes{told}"] = rest / 2 / forward[bfloat16]
            found[f"{way}, memory above inference, of weights{told}"] = (
                one["above"] / one["weights"]
            )
    return found | _last_block()


@torch.no_grad()
def _last_block() -> dict[str, float]:
    """A loss of two choices where the last block alone moves, and as autocast alone has it."""
    lm, words = LanguageModel.from_pretrained(), (" great", " terrible")
    text = lm.decode(torch.randint(1000, 20000, (TOKENS,)).tolist())
    examples = [Example(text[i:], words[i % 2], words) for i in range(BATCH)]
    task, plain = (Task(lm, examples, bfloat16=True, first=lm.n_layers - 1) for _ in range(2))
    plain.rounded = KeptRounded(())
    every = range(BATCH)
    ours = _seconds(lambda: task.loss(every))
    theirs = _seconds(lambda: plain.loss_of(plain.scores(every), every))
    return {
        "a loss in the last block, seconds": ours,
        "as autocast and the whole vocabulary have it, over ours": theirs / ours,
    }


def _seconds(ask: Callable[[], object], times: int = 20) -> float:
    for _ in range(3):
        ask()
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        ask()
        found.append(time.perf_counter() - begun)
    return statistics.median(found)
