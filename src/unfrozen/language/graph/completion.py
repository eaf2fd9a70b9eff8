"""The likeliest completions of prompts among declared objects, found exactly and lazily.

The objects are a tree of tokens.  A prefix is at least as likely as all that goes on from it, so a
branch is only followed while something in it could still matter: most prompts take two or three
short passes, however many objects there are.
"""

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import FactError
from unfrozen.language.editing.prompts import pad
from unfrozen.language.model import LanguageModel
from unfrozen.language.subject import encode_target

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

_ROWS = 64
# Rows of prompts under way at a time: their searches share passes.
_PROMPTS = 256


class Completion(NamedTuple):
    """An object that a prompt may end in.

    Attributes:
        object: as it was declared.
        probability: of all its tokens, given the prompt, and that no longer object goes on.
    """

    object: str
    probability: float


@dataclass(frozen=True)
class Completions:
    """What a prompt ends in.

    Attributes:
        found: the objects that matter, likeliest first.
        rest: all other objects together are at most so probable.
        state: the prompt's last state at a layer, if one was asked for.
    """

    found: tuple[Completion, ...]
    rest: float
    state: Float[Tensor, " width"] | None = field(default=None, compare=False)

    @property
    def shares(self) -> dict[str, float]:
        """Probabilities of the objects that were found, given that it is one of them."""
        total = sum(c.probability for c in self.found) or 1.0
        return {c.object: c.probability / total for c in self.found}


@dataclass
class _Node:
    """A place in the tree of objects: the tokens that go on, and the object that ends here."""

    next: dict[int, "_Node"] = field(default_factory=dict)
    object: str | None = None


class _Search:
    """The search of one prompt."""

    def __init__(self, ids: list[int], tree: _Node, least: float) -> None:
        self.ids, self.least = ids, math.log(least)
        # (minus the log-probability, a number that orders ties, tokens, node)
        self.open: list[tuple[float, int, tuple[int, ...], _Node]] = [(0.0, 0, (), tree)]
        self.ended: dict[str, float] = {}
        self.count = 1

    def wanted(self) -> list[tuple[float, int, tuple[int, ...], _Node]]:
        """The branches to follow now; none when nothing in them matters."""
        best = max(self.ended.values(), default=None)
        if best is None:
            best = -self.open[0][0] if self.open else 0.0
        taken = []
        while self.open and -self.open[0][0] >= best + self.least:
            taken.append(heapq.heappop(self.open))
        return taken

    def follow(
        self, score: float, tokens: tuple[int, ...], node: _Node, logs: Float[Tensor, " vocabulary"]
    ) -> None:
        """Add what goes on from a node, whose next token has these log-probabilities."""
        following = list(node.next)
        values = logs[torch.tensor(following, device=logs.device)].tolist()
        if node.object is not None:
            left = 1 - sum(math.exp(v) for v in values)
            if left > 0:
                self.ended[node.object] = score + math.log(left)
        for token, value in zip(following, values, strict=True):
            child = node.next[token]
            if child.next:
                heapq.heappush(self.open, (-(score + value), self.count, (*tokens, token), child))
                self.count += 1
            elif child.object is not None:
                self.ended[child.object] = score + value

    def result(self, state: Tensor | None) -> Completions:
        """What was found, without what cannot matter."""
        floor = max(self.ended.values()) + self.least
        kept = sorted(
            ((o, v) for o, v in self.ended.items() if v >= floor), key=lambda one: (-one[1], one[0])
        )
        rest = sum(math.exp(v) for v in self.ended.values() if v < floor)
        rest += sum(math.exp(-score) for score, *_ in self.open)
        return Completions(tuple(Completion(o, math.exp(v)) for o, v in kept), rest, state)


@torch.no_grad()
def complete(
    lm: LanguageModel,
    prompts: Sequence[str],
    objects: Sequence[Sequence[str]],
    *,
    least: float = 0.02,
    layer: int | None = None,
    progress: Progress | None = None,
) -> list[Completions]:
    """The objects that each prompt most likely ends in.

    Args:
        lm: the model.
        prompts: to be completed.
        objects: what each may end in; prompts of one relation share one sequence.
        least: every object at least so likely as ``least`` times the likeliest is found.
        layer: keep the prompts' last states after this block.
        progress: called as prompts are done.

    Returns:
        One for each prompt.

    Raises:
        FactError: a prompt has fewer than two objects, or one that is empty.
        ModelError: a prompt is too long, or there is no such layer.
    """
    if not 0 < least <= 1:
        raise FactError(f"least is a share above 0 and up to 1, not {least}")
    ids = [lm.encode(p)[0].tolist() for p in prompts]
    trees: dict[tuple[int, int], _Node] = {}
    searches = []
    for row, declared in zip(ids, objects, strict=True):
        # How an object is divided into tokens depends on what stands right before it.
        key = (id(declared), row[-1])
        if key not in trees:
            trees[key] = _tree(lm, row, declared)
        searches.append(_Search(row, trees[key], least))
    layer = None if layer is None else lm.layer(layer)
    states: dict[int, Tensor] = {}
    # Prompts of like length share passes, with little padding.
    order = sorted(range(len(ids)), key=lambda i: (len(ids[i]), i))
    for at in range(0, len(order), _PROMPTS):
        part = order[at : at + _PROMPTS]
        _search(lm, {i: searches[i] for i in part}, states, layer)
        if progress is not None:
            progress("Asking", at + len(part), len(order))
    return [search.result(states.get(i)) for i, search in enumerate(searches)]


def _search(
    lm: LanguageModel, searches: Mapping[int, _Search], states: dict[int, Tensor], layer: int | None
) -> None:
    """Follow the searches of some prompts to their ends."""
    first = True
    while True:
        jobs = [(i, *job) for i, search in searches.items() for job in search.wanted()]
        if not jobs:
            return
        jobs.sort(key=lambda job: len(searches[job[0]].ids) + len(job[3]))
        for at in range(0, len(jobs), _ROWS):
            part = jobs[at : at + _ROWS]
            rows = [[*searches[i].ids, *tokens] for i, _, _, tokens, _ in part]
            last = torch.tensor([[len(r) - 1] for r in rows], device=lm.device)
            keeping = first and layer is not None
            run = lm.run(
                pad(rows, lm.device),
                keep=("state",) if keeping else (),
                keep_layers={layer} if keeping and layer is not None else None,
                read=last,
            )
            assert run.logits is not None
            logs = run.logits[:, 0].double().log_softmax(-1)
            for row, (i, score, _, tokens, node) in enumerate(part):
                searches[i].follow(-score, tokens, node, logs[row])
                if keeping and layer is not None:
                    states[i] = run.kept["state"][layer][row, last[row, 0]].float()
        first = False


def _tree(lm: LanguageModel, prompt: Sequence[int], objects: Sequence[str]) -> _Node:
    """The objects' tokens after a prompt."""
    root = _Node()
    ends: set[tuple[int, ...]] = set()
    for name in dict.fromkeys(objects):
        tokens = encode_target(lm.tokenizer, list(prompt), name)
        ends.add(tuple(tokens))
        node = root
        for token in tokens:
            node = node.next.setdefault(token, _Node())
        node.object = name if node.object is None else node.object
    if len(ends) < 2:
        raise FactError(
            f"{len(ends)} object to choose from ({', '.join(objects)}): declare at least two"
        )
    return root
