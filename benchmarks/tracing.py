"""How long does a causal trace take, against a forward pass for every restoration?"""

from dataclasses import replace

from unfrozen.language.model import LanguageModel
from unfrozen.language.tracing import TraceSettings, embedding_deviation, trace
from unfrozen.papers.naive_tracing import naive_trace
from unfrozen.papers.running.growth import measured

QUESTION = "seconds and peak memory of a trace, against a whole pass for every restoration"
PROMPT, SUBJECT = "The capital of Japan is the city of", "Japan"
KINDS = ("state", "mlp", "attention")
SETTINGS = TraceSettings(samples=4, kinds=KINDS)


def run() -> dict[str, float]:
    """Trace one prompt three ways, all kinds, on all the threads that torch has."""
    lm = LanguageModel.from_pretrained()
    sigma = 3 * embedding_deviation(lm, [SUBJECT])
    trace(lm, PROMPT, SUBJECT, replace(SETTINGS, samples=1), sigma=sigma)
    ours, seconds, grown = measured(lambda: trace(lm, PROMPT, SUBJECT, SETTINGS, sigma=sigma))
    found = {"trace, seconds": seconds, "trace, peak MB": grown / 1e6}
    layouts = {
        "pass a restoration (published)": True,
        "pass a restoration and sample": False,
    }
    for name, share in layouts.items():

        def naive(share: bool = share) -> float:
            gap = 0.0
            for kind in KINDS:
                effect = naive_trace(
                    lm, PROMPT, SUBJECT, kind, sigma, SETTINGS, samples_share=share
                )
                gap = max(gap, float((effect - ours.effects[kind]).abs().max()))
            return gap

        gap, slow, more = measured(naive)
        found[f"{name}, seconds"] = slow
        found[f"{name}, peak MB"] = more / 1e6
        found[f"{name}, times slower"] = slow / seconds
        found[f"{name}, largest difference"] = gap
    return found
