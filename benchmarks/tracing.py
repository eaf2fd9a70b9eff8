"""How long does a causal trace take, against a forward pass for every restoration?"""

from dataclasses import replace

from benchmarks.memory import measured
from unfrozen.language.model import LanguageModel
from unfrozen.language.tracing import TraceSettings, embedding_deviation, trace
from unfrozen.papers.naive_tracing import naive_trace

QUESTION = "seconds and peak memory of a trace, against a whole pass for every restoration"
PROMPT, SUBJECT = "The capital of Japan is the city of", "Japan"
SETTINGS = TraceSettings(samples=4, kinds=("state",))


def run() -> dict[str, float]:
    """Trace one prompt three ways, on all the threads that torch has."""
    lm = LanguageModel.from_pretrained()
    sigma = 3 * embedding_deviation(lm, [SUBJECT])
    trace(lm, PROMPT, SUBJECT, replace(SETTINGS, samples=1), sigma=sigma)
    ours, seconds, grown = measured(lambda: trace(lm, PROMPT, SUBJECT, SETTINGS, sigma=sigma))
    found = {"trace, seconds": seconds, "trace, peak MB": grown / 1e6}
    layouts = {"pass a restoration": False, "pass a restoration, samples shared": True}
    for name, share in layouts.items():
        naive, slow, more = measured(
            lambda share=share: naive_trace(
                lm, PROMPT, SUBJECT, "state", sigma, SETTINGS, samples_share=share
            )
        )
        found[f"{name}, seconds"] = slow
        found[f"{name}, peak MB"] = more / 1e6
        found[f"{name}, times slower"] = slow / seconds
        found[f"{name}, largest difference"] = float((naive - ours.effects["state"]).abs().max())
    return found
