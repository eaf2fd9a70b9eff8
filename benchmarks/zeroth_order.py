"""A fine-tuning step of a language model by forward passes, beside backpropagation's."""

import statistics

from unfrozen.data.models import DEFAULT_MODEL
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
    return found
