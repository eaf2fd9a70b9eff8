"""Facts remembered in growing numbers: whether they are recalled, and what else changes."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from unfrozen.data.elements import element_prose
from unfrozen.errors import PaperError
from unfrozen.language.editing.prompts import pad
from unfrozen.language.evaluation import answers, perplexity
from unfrozen.language.evaluation.side import next_logs
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.language.recall import FactMemory
from unfrozen.language.statistics import mean
from unfrozen.papers.facts import spread

_NEIGHBOURS = 3
_PARAPHRASES = 2
_ROWS = 64
_PART = 1000
# Descriptions that scales are not taken over: those are every sixth.
_PROSE = slice(1, None, 12)
_REPEATS = 7
_WRITTEN = 24


def measure_sizes(
    lm: LanguageModel, facts: Sequence[Fact], sizes: Sequence[int], asked: int, seed: int
) -> list[dict[str, Any]]:
    """Remember facts, more and more, and measure at each size.

    Args:
        lm: the model.
        facts: each of its own subject, with neighbours about subjects that are not remembered.
        sizes: how many are remembered when it is measured.
        asked: of how many facts it is measured.
        seed: of the draw.
    """
    memory = FactMemory(lm)
    seconds = 0.0
    points = []
    for start, stop in pairwise((0, *sizes)):
        for at in range(start, min(stop, len(facts)), _PART):
            began = time.process_time()
            memory.remember(facts[at : min(at + _PART, stop)])
            seconds += time.process_time() - began
        chosen = spread(facts[:stop], asked, seed)
        points.append(
            {
                "items": len(memory),
                "bytes": memory.bytes / len(memory),
                "seconds": seconds / len(memory),
                **measure_memory(lm, memory, chosen),
                **prose_change(lm, memory),
                **added_time(lm, memory, chosen, seed),
            }
        )
    return points


def measure_memory(
    lm: LanguageModel, memory: FactMemory, facts: Sequence[Fact]
) -> dict[str, dict[str, float]]:
    """Means over prompts with 95 % half-widths: recalled, in other words, neighbours left alone.

    Raises:
        PaperError: no fact has neighbours.
    """
    told = [(f.text, f.target_new or "") for f in facts]
    others = [(p, f.target_new or "") for f in facts for p in f.paraphrases[:_PARAPHRASES]]
    near = [p for f in facts for p in f.neighbours[:_NEIGHBOURS]]
    if not near:
        raise PaperError("no fact has neighbours, prompts about other subjects: give some")
    before = next_logs(lm, near)
    with memory.attached():
        found = {
            "efficacy": [float(a.first) for a in answers(lm, told)],
            "paraphrase": [float(a.first) for a in answers(lm, others)],
        }
        same = (next_logs(lm, near) == before).all(1)
    found["locality"] = same.float().tolist()
    return {name: mean(values)._asdict() for name, values in found.items()}


@torch.no_grad()
def prose_change(lm: LanguageModel, memory: FactMemory) -> dict[str, float]:
    """What the memory does to prose that none of its facts is about."""
    texts = element_prose()[_PROSE]
    before = perplexity(lm, texts)
    with memory.attached():
        after = perplexity(lm, texts)
    return {"ratio": after / before}


def added_time(
    lm: LanguageModel, memory: FactMemory, facts: Sequence[Fact], seed: int
) -> dict[str, float]:
    """Time a token with the memory in units of that without, reading and writing, in turns.

    Once with text about nothing remembered, whose subjects are looked for, and once with prompts
    of remembered facts, which are recalled.  Each is the median of ratios of passes that follow
    one another: other work on the machine comes and goes.

    Args:
        lm: the model.
        memory: beside it.
        facts: some that it holds.
        seed: of the text about nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    nothing = torch.randint(0, lm.sites.vocabulary, (8, 128), generator=generator).to(lm.device)
    told = pad([lm.encode(fact.text)[0].tolist() for fact in facts[:_ROWS]], lm.device)
    starts = (str(lm.tokenizer.decode(nothing[0, :16])), facts[0].text)

    def reading(ids: Tensor) -> Callable[[], object]:
        def read() -> object:
            with torch.no_grad():
                return lm.run(ids, read="last")

        return read

    return {
        "reading": _ratio(reading(nothing), memory),
        "writing": _ratio(lambda: lm.generate([starts[0]], _WRITTEN), memory),
        "reading_told": _ratio(reading(told), memory),
        "writing_told": _ratio(lambda: lm.generate([starts[1]], _WRITTEN), memory),
    }


def _ratio(work: Callable[[], object], memory: FactMemory) -> float:
    def timed(attached: bool) -> float:
        with memory.attached() if attached else nullcontext():
            began = time.perf_counter()
            work()
            return time.perf_counter() - began

    timed(True)
    ratios = []
    for turn in range(_REPEATS):
        # Which goes first changes, so that neither gets the warmer machine.
        first = timed(turn % 2 == 0)
        second = timed(turn % 2 == 1)
        ratios.append(first / second if turn % 2 == 0 else second / first)
    return sorted(ratios)[len(ratios) // 2]


def value_of(point: Mapping[str, Any], name: str) -> float:
    """The mean of a measure at a point."""
    return float(point[name]["value"])
