"""Film reviews by MeZO, by backpropagation through the same adapters, and by a linear probe."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import process_time
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unfrozen.data.reviews import Review, film_reviews, split_by_film
from unfrozen.language.architecture.probe import hooked
from unfrozen.language.model import LanguageModel
from unfrozen.language.tuning import Example, Task
from unfrozen.learning.zeroth_order import MeZO
from unfrozen.workspace.tuning.lora import Adapter, adapted
from unfrozen.workspace.tuning.measuring import measured
from unfrozen.workspace.tuning.preconditioning import exponents
from unfrozen.workspace.tuning.run import payload_of

_WORDS = (" great", " terrible")
_PROMPT = " It was"
# Settings were chosen on reviews of so many words, of the films of a split of a thousand to learn
# from and three hundred asked.
_CHOSEN_BY = (20, (1000, 300))


@dataclass(frozen=True)
class Sizes:
    """How much is learnt and asked.

    Attributes:
        learnt: reviews to learn from.
        asked: reviews of other films.
        longest: words of a review.
        steps: of MeZO.
        backprop: steps of AdamW.
    """

    learnt: int
    asked: int
    longest: int
    steps: int
    backprop: int


@dataclass(frozen=True)
class Way:
    """A way of tuning without gradients.

    Attributes:
        rate: step size at the start.
        options: of `MeZO`.
        objective: "loss", or "accuracy" or "f1" with their signs turned.
        passes: forward passes a step.
        batch: examples a step.
        falls: whether the step size falls to nothing, evenly.
        precondition: whether adapters are preconditioned by the size of what they read.
    """

    rate: float
    options: Mapping[str, Any] = field(default_factory=dict)
    objective: str = "loss"
    passes: int = 2
    batch: int = 16
    falls: bool = True
    precondition: bool = False


@dataclass(frozen=True)
class Reviews:
    """Reviews of one split, as a model reads them.

    Attributes:
        learnt: to learn from.
        asked: of other films.
    """

    learnt: Task
    asked: Task


def reviews(lm: LanguageModel, sizes: Sizes, first: int, seed: int) -> Reviews:
    """Short reviews, half of them fresh, split by film; none of films that settings were chosen on.

    Args:
        lm: that reads them.
        sizes: how many, and of how many words.
        first: block below which the model stays as it is.
        seed: of the split.
    """
    every = film_reviews()
    known = tuple(r for r in every if len(r.text.split()) <= _CHOSEN_BY[0])
    films = {r.film for part in split_by_film(known, _CHOSEN_BY[1], seed=0) for r in part}
    short = [r for r in every if len(r.text.split()) <= sizes.longest and r.film not in films]
    parts = split_by_film(tuple(short), (sizes.learnt, sizes.asked), seed)
    # In bfloat16 a forward pass takes half the time where processors have it; weights are float32.
    tasks = [Task(lm, _examples(part), bfloat16=True, first=first) for part in parts]
    return Reviews(*tasks)


def _examples(part: Sequence[Review]) -> list[Example]:
    return [Example(r.text + _PROMPT, _WORDS[0 if r.fresh else 1], _WORDS) for r in part]


def by_mezo(
    found: Reviews, adapter: Adapter, way: Way, steps: int, seed: int
) -> Iterator[dict[str, Any] | None]:
    """Tune adapters by losses alone: None after every step, then what came of it."""
    lm, begun = found.learnt.lm, process_time()
    adapter = replace(adapter, seed=seed)
    sizes = exponents(lm, adapter, found.learnt.prompts) if way.precondition else None
    seconds = process_time() - begun
    with adapted(lm.model, adapter, sizes) as parameters:
        optimizer = MeZO(parameters.items(), lr=way.rate, seed=seed, **way.options)
        draw, losses = random.Random(seed), []
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = way.rate * (1 - step / steps if way.falls else 1)
            batch = draw.sample(range(len(found.learnt)), way.batch)
            begun = process_time()
            losses.append(optimizer.step(_closure(found.learnt, batch, way.objective)))
            seconds += process_time() - begun
            yield None
        after = measured(found.asked)
        payload = payload_of(record := optimizer.record, adapter, sizes)
    with adapted(lm.model, adapter, sizes) as again:
        for _ in record.replay(again):
            pass
        same = all(torch.equal(again[name], parameters[name]) for name in parameters)
    yield {
        **after,
        "seconds": seconds,
        "passes": steps * way.passes,
        "skipped": optimizer.skipped,
        "losses": losses,
        "bytes": sum(t.numel() * t.element_size() for t in payload.values()),
        "replayed": same,
        "parameters": sum(p.numel() for p in parameters.values()),
    }


def _closure(task: Task, batch: Sequence[int], objective: str) -> Callable[[], Tensor | float]:
    if objective == "loss":
        return lambda: task.loss(batch)
    return lambda: -(task.accuracy(batch) if objective == "accuracy" else task.f1(batch))


def by_backprop(
    found: Reviews, adapter: Adapter, rate: float, steps: int, seed: int, batch: int = 16
) -> Iterator[dict[str, Any] | None]:
    """Tune the same adapters with AdamW: None after every step, then what came of it."""
    seconds, draw = 0.0, random.Random(seed)
    with adapted(found.learnt.lm.model, replace(adapter, seed=seed)) as parameters:
        for parameter in parameters.values():
            parameter.requires_grad_()
        optimizer = torch.optim.AdamW(parameters.values(), rate)
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = rate * (1 - step / steps)
            chosen = draw.sample(range(len(found.learnt)), batch)
            begun = process_time()
            optimizer.zero_grad()
            found.learnt.loss(chosen).backward()
            optimizer.step()
            seconds += process_time() - begun
            yield None
        yield {**measured(found.asked), "seconds": seconds}


def _parts(n: int, batch: int = 32) -> list[range]:
    return [range(i, min(i + batch, n)) for i in range(0, n, batch)]


def _last_states(task: Task, which: Sequence[int]) -> Float[Tensor, "example width"]:
    """What the last block leaves at the last token of prompts."""
    kept: list[Tensor] = []

    def keep(module: nn.Module, args: object, output: Tensor | tuple[Tensor, ...]) -> None:
        kept.append(output if isinstance(output, Tensor) else output[0])

    with hooked([task.lm.sites.blocks[-1].block.register_forward_hook(keep)]):
        task.chosen(which)
    last = torch.tensor([len(task.prompts[i]) - 1 for i in which])
    # Where choices are longer, each is a row.
    prompts = kept[0][:: len(kept[0]) // len(last)]
    return prompts[torch.arange(len(last)), last].float().cpu()


@torch.no_grad()
def by_probe(found: Reviews) -> dict[str, float]:
    """A logistic regression on the state that the model leaves at the end of each review."""
    from sklearn.linear_model import LogisticRegression

    sets = []
    for task in (found.learnt, found.asked):
        states = [_last_states(task, part) for part in _parts(len(task))]
        sets.append((torch.cat(states).numpy(), task.answers.cpu().numpy()))
    (x, y), (asked, right) = sets
    mean, deviation = x.mean(0), x.std(0) + 1e-6
    probe = LogisticRegression(C=0.01, max_iter=2000).fit((x - mean) / deviation, y)
    return {"accuracy": float(probe.score((asked - mean) / deviation, right))}
