"""Remembering beside editing, on the same facts: what each gains and costs."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from unfrozen.errors import PaperError
from unfrozen.language.covariance import second_moments
from unfrozen.language.editing.batch import Memit, MemitSettings, RegularisedSolver
from unfrozen.language.editing.edit import Edit
from unfrozen.language.editing.rome import Rome, RomeSettings
from unfrozen.language.evaluation import answers
from unfrozen.language.evaluation.side import next_logs
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.language.recall import FactMemory
from unfrozen.language.statistics import mean

_NEIGHBOURS = 3
_PARAPHRASES = 2
# What command lines write batches with.
_STRENGTH = 3000.0


def compare_methods(
    lm: LanguageModel, facts: Sequence[Fact], tokens: int, seed: int
) -> list[dict[str, Any]]:
    """A row a method: all facts remembered, all edited at once, each edited alone.

    Args:
        lm: the model.
        facts: each of its own subject.
        tokens: over which second moments are taken.
        seed: of the prefixes.

    Raises:
        PaperError: no fact has neighbours.
    """
    settings = MemitSettings(seed=seed, solver=RegularisedSolver(_STRENGTH))
    layer = RomeSettings().layer_for(lm)
    moments = second_moments(lm, sorted({*settings.layers_for(lm), layer}), tokens)
    near = [f.neighbours[:_NEIGHBOURS] for f in facts]
    flat = [p for group in near for p in group]
    if not flat:
        raise PaperError("no fact has neighbours, prompts about other subjects: give some")
    firsts = next_logs(lm, flat).argmax(1)
    rows = []

    began = time.process_time()
    memory = FactMemory(lm)
    memory.remember(facts)
    cost = (time.process_time() - began) / len(facts)
    with memory.attached():
        found = _found(lm, facts, flat, firsts)
    size = memory.bytes / len(facts)
    rows.append({"method": "remember", **found, "seconds": cost, "bytes": size})

    began = time.process_time()
    edit: Edit = Memit(lm, settings, moments).edit(facts)
    cost = (time.process_time() - began) / len(facts)
    with edit.applied(lm):
        found = _found(lm, facts, flat, firsts)
    rows.append({"method": "memit", **found, "seconds": cost, "bytes": _bytes(edit) / len(facts)})

    rome = Rome(lm, RomeSettings(seed=seed), moments[layer])
    each: list[dict[str, list[float]]] = []
    cost, total, at = 0.0, 0, 0
    for fact, group in zip(facts, near, strict=True):
        began = time.process_time()
        edit = rome.edit(fact)
        cost += time.process_time() - began
        total += _bytes(edit)
        with edit.applied(lm):
            each.append(_asked(lm, [fact], group, firsts[at : at + len(group)]))
        at += len(group)
    joined = {name: [v for one in each for v in one[name]] for name in each[0]}
    rows.append(
        {
            "method": "rome, each alone", **_means(joined),
            "seconds": cost / len(facts), "bytes": total / len(facts),
        }
    )  # fmt: skip
    return rows


def _found(
    lm: LanguageModel, facts: Sequence[Fact], near: Sequence[str], firsts: Any
) -> dict[str, Any]:
    return _means(_asked(lm, facts, near, firsts))


def _asked(
    lm: LanguageModel, facts: Sequence[Fact], near: Sequence[str], firsts: Any
) -> dict[str, list[float]]:
    """Whether the new object comes first, in other words too, and neighbours answer as before."""
    told = [(f.text, f.target_new or "") for f in facts]
    others = [(p, f.target_new or "") for f in facts for p in f.paraphrases[:_PARAPHRASES]]
    return {
        "reliability": [float(a.first) for a in answers(lm, told)],
        "generalisation": [float(a.first) for a in answers(lm, others)],
        "locality": (next_logs(lm, near).argmax(1) == firsts).float().tolist() if near else [],
    }


def _means(found: dict[str, list[float]]) -> dict[str, Any]:
    return {name: mean(values)._asdict() for name, values in found.items()}


def _bytes(edit: Edit) -> int:
    sides: Callable[[Any], int] = lambda u: u.left.numel() + u.right.numel()  # noqa: E731
    return 4 * sum(sides(update) for update in edit.updates.values())
