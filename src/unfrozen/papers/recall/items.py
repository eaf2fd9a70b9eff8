"""Facts remembered in growing numbers: whether they are recalled, and what else changes."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

import torch

from unfrozen.data.elements import element_prose
from unfrozen.language.editing.prompts import pad
from unfrozen.language.evaluation import answers, perplexity
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
                **added_time(lm, memory, seed),
            }
        )
    return points


def measure_memory(
    lm: LanguageModel, memory: FactMemory, facts: Sequence[Fact]
) -> dict[str, dict[str, float]]:
    """Means over facts with 95 % half-widths: recalled, in other words, neighbours left alone."""
    told = [(f.text, f.target_new or "") for f in facts]
    others = [(p, f.target_new or "") for f in facts for p in f.paraphrases[:_PARAPHRASES]]
    near = [p for f in facts for p in f.neighbours[:_NEIGHBOURS]]
    before = next_logits(lm, near)
    with memory.attached():
        found = {
            "efficacy": [float(a.first) for a in answers(lm, told)],
            "paraphrase": [float(a.first) for a in answers(lm, others)],
        }
        same = (next_logits(lm, near) == before).all(1)
    found["locality"] = same.float().tolist()
    return {name: mean(values)._asdict() for name, values in found.items()}


@torch.no_grad()
def next_logits(lm: LanguageModel, prompts: Sequence[str]) -> torch.Tensor:
    """Logits after each prompt, [prompt, vocabulary]; batches do not depend on what is attached."""
    rows = [lm.encode(p)[0].tolist() for p in prompts]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    found = torch.empty(len(rows), lm.sites.vocabulary)
    for at in range(0, len(order), _ROWS):
        part = order[at : at + _ROWS]
        last = torch.tensor([[len(rows[i]) - 1] for i in part], device=lm.device)
        run = lm.run(pad([rows[i] for i in part], lm.device), read=last)
        assert run.logits is not None
        found[part] = run.logits[:, 0].float().cpu()
    return found


@torch.no_grad()
def prose_change(lm: LanguageModel, memory: FactMemory) -> dict[str, float]:
    """What the memory does to prose that none of its facts is about."""
    texts = element_prose()[_PROSE]
    before = perplexity(lm, texts)
    with memory.attached():
        after = perplexity(lm, texts)
    return {"ratio": after / before}


def added_time(lm: LanguageModel, memory: FactMemory, seed: int) -> dict[str, float]:
    """Time a token with the memory in units of that without, reading and writing, in turns.

    The median of ratios of passes that follow one another: other work on the machine comes and
    goes.
    """
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, lm.sites.vocabulary, (8, 128), generator=generator).to(lm.device)
    start = str(lm.tokenizer.decode(ids[0, :16]))

    def read() -> None:
        with torch.no_grad():
            lm.run(ids, read="last")

    def write() -> None:
        lm.generate([start], _WRITTEN)

    return {
        "reading": _ratio(read, memory),
        "writing": _ratio(write, memory),
    }


def _ratio(work: Callable[[], None], memory: FactMemory) -> float:
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
