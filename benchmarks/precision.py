"""What does bfloat16 gain over float32, and what does it cost?"""

import torch

from unfrozen.language.editing.rome import Rome
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.language.tracing import TraceSettings, trace
from unfrozen.papers.running.growth import measured

QUESTION = "an edit and a trace in bfloat16, against float32"
FACT = Fact("Japan", "The capital of {} is the city of", "Tokyo", "Lima")
SETTINGS = TraceSettings(samples=4, kinds=("state",))
# The same noise in both: three standard deviations of the subject in the default model.
SIGMA = 0.28


def run() -> dict[str, float]:
    """The same edit and trace in both precisions, on all the threads that torch has."""
    found: dict[str, float] = {}
    effects = {}
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        lm = LanguageModel.from_pretrained(dtype=dtype)
        rome = Rome(lm)
        rome.edit(FACT)
        edit, seconds, _ = measured(lambda rome=rome: rome.edit(FACT))
        found[f"{name}, edit, seconds a step"] = seconds / max(1, edit.diagnostics["steps"])
        traced, seconds, _ = measured(
            lambda lm=lm: trace(lm, FACT.prompt, FACT.subject, SETTINGS, sigma=SIGMA)
        )
        found[f"{name}, trace, seconds"] = seconds
        effects[name] = traced.effects["state"]
    for work in ("edit, seconds a step", "trace, seconds"):
        ratio = found[f"float32, {work}"] / found[f"bfloat16, {work}"]
        found[f"{work.partition(',')[0]}, times faster in bfloat16"] = ratio
    gap = (effects["float32"] - effects["bfloat16"]).abs().max()
    found["largest difference of an effect"] = float(gap)
    return found
