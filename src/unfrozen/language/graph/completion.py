"""The likeliest completions of prompts among declared objects, found exactly and lazily.

The objects are a tree of tokens.  A prefix is at least as likely as all that goes on from it, so a
branch is only followed while something in it could still matter: most prompts take a dozen tokens
more, however many objects there are, and these read the prompt's keys and values.
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import FactError
from unfrozen.language.architecture.replay import KeyValues, resume
from unfrozen.language.model import LanguageModel
from unfrozen.language.subject import encode_target

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

LEAST = 0.005
"""What is less likely than this times the likeliest object need not be found."""

# Prompts that are under way at a time, and rows of a pass: searches share passes.
_PROMPTS, _ROWS = 64, 128


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
        least: every object at least so likely as this times the likeliest was found.
    """

    found: tuple[Completion, ...]
    rest: float
    least: float = LEAST

    @cached_property
    def shares(self) -> dict[str, float]:
        """How probable each is at least, given that a declared object follows."""
        total = sum(c.probability for c in self.found) + self.rest
        return {c.object: c.probability / total for c in self.found}

    @property
    def unfound(self) -> float:
        """The share that an object which was not found has at most."""
        return self.least * max(self.shares.values())


@dataclass
class _Node:
    """A place in the tree of objects: the tokens that go on, and the object that ends here."""

    next: dict[int, "_Node"] = field(default_factory=dict)
    object: str | None = None


class _Branch(NamedTuple):
    """A branch that was not followed yet; the least comes first.

    Attributes:
        cost: minus its log-probability.
        number: orders ties.
        tokens: that lead there.
        node: where.
    """

    cost: float
    number: int
    tokens: tuple[int, ...]
    node: _Node


class _Search:
    """The search of one prompt."""

    def __init__(self, ids: list[int], tree: _Node, least: float) -> None:
        self.ids, self.share, self.least = ids, least, math.log(least)
        self.open = [_Branch(0.0, 0, (), tree)]
        self.ended: dict[str, float] = {}
        self.count = 1

    def wanted(self) -> list[_Branch]:
        """The branches to follow now; none when nothing in them matters."""
        best = max(self.ended.values(), default=-self.open[0].cost if self.open else 0.0)
        taken = []
        while self.open and -self.open[0].cost >= best + self.least:
            taken.append(heapq.heappop(self.open))
        return taken

    def follow(self, branch: _Branch, logs: Float[Tensor, " vocabulary"]) -> None:
        """Add what goes on from a branch, whose next token has these log-probabilities."""
        node, score = branch.node, -branch.cost
        following = list(node.next)
        values = logs[torch.tensor(following, device=logs.device)].tolist()
        if node.object is not None:
            left = 1 - sum(map(math.exp, values))
            if left > 0:
                self.ended[node.object] = score + math.log(left)
        for token, value in zip(following, values, strict=True):
            child = node.next[token]
            if child.next:
                more = _Branch(-(score + value), self.count, (*branch.tokens, token), child)
                heapq.heappush(self.open, more)
                self.count += 1
            elif child.object is not None:
                self.ended[child.object] = score + value

    def result(self) -> Completions:
        """What was found, without what cannot matter."""
        floor = max(self.ended.values()) + self.least
        kept = sorted(
            ((o, v) for o, v in self.ended.items() if v >= floor), key=lambda one: (-one[1], one[0])
        )
        left = [v for v in self.ended.values() if v < floor]
        rest = math.fsum(map(math.exp, [*left, *(-branch.cost for branch in self.open)]))
        return Completions(tuple(Completion(o, math.exp(v)) for o, v in kept), rest, self.share)


@torch.no_grad()
def complete(
    lm: LanguageModel,
    prompts: Sequence[str],
    objects: Sequence[Sequence[str]],
    *,
    least: float = LEAST,
    whole: bool = False,
    progress: Progress | None = None,
) -> list[Completions]:
    """The objects that each prompt most likely ends in.

    Args:
        lm: the model.
        prompts: to be completed.
        objects: what each may end in; prompts of one relation share one sequence.
        least: every object at least so likely as ``least`` times the likeliest is found.
        whole: read every branch from its prompt's first token on, as a model must that recalls
            facts beside it (`unfrozen.language.recall.FactMemory`); by default what was read of a
            prompt is kept.
        progress: called as prompts are done.

    Returns:
        One for each prompt.

    Raises:
        FactError: a prompt has fewer than two objects, or one that is empty.
        ModelError: a prompt with an object is too long.
    """
    if not 0 < least <= 1:
        raise FactError(f"least is a share above 0 and up to 1, not {least}")
    trees: dict[tuple[int, int], _Node] = {}
    longest: dict[int, int] = {}
    searches = []
    for prompt, declared in zip(prompts, objects, strict=True):
        ids = lm.encode(prompt)[0].tolist()
        # How an object is divided into tokens depends on what stands right before it.
        key = (id(declared), ids[-1])
        if key not in trees:
            trees[key] = _tree(lm, ids, declared)
            longest[id(trees[key])] = _depth(trees[key])
        lm.check_length(len(ids) + longest[id(trees[key])])
        searches.append(_Search(ids, trees[key], least))
    by_length: dict[int, list[_Search]] = defaultdict(list)
    for search in searches:
        by_length[len(search.ids)].append(search)
    done = 0
    for _, group in sorted(by_length.items()):
        for at in range(0, len(group), _PROMPTS):
            part = group[at : at + _PROMPTS]
            _search(lm, part, whole)
            done += len(part)
            if progress is not None:
                progress("Asking", done, len(searches))
    return [search.result() for search in searches]


def _search(lm: LanguageModel, searches: Sequence[_Search], whole: bool) -> None:
    """Follow the searches of some prompts of one length to their ends."""
    ids = torch.tensor([search.ids for search in searches], device=lm.device)
    run = lm.run(ids, keep_cache=not whole, read="last")
    assert run.logits is not None
    for search, row in zip(searches, _logs(run.logits[:, -1]), strict=True):
        (root,) = search.wanted()
        search.follow(root, row)
    while jobs := [(i, b) for i, search in enumerate(searches) for b in search.wanted()]:
        _follow(lm, searches, jobs, run.cache)


def _follow(
    lm: LanguageModel,
    searches: Sequence[_Search],
    jobs: Sequence[tuple[int, _Branch]],
    prefix: KeyValues | None,
) -> None:
    """Follow branches, those of one length in one pass, from a kept prefix or anew."""
    by_length: Mapping[int, list[tuple[int, _Branch]]] = defaultdict(list)
    for job in jobs:
        by_length[len(job[1].tokens)].append(job)
    for group in by_length.values():
        for at in range(0, len(group), _ROWS):
            part = group[at : at + _ROWS]
            if prefix is None:
                rows = [[*searches[i].ids, *branch.tokens] for i, branch in part]
                run = lm.run(torch.tensor(rows, device=lm.device), read="last")
                assert run.logits is not None
                logits = run.logits[:, -1]
            else:
                ids = torch.tensor([branch.tokens for _, branch in part], device=lm.device)
                samples = torch.tensor([i for i, _ in part], device=lm.device)
                logits = resume(lm.model, lm.sites, ids, prefix, samples)[:, -1]
            for (i, branch), row in zip(part, _logs(logits), strict=True):
                searches[i].follow(branch, row)


def _logs(logits: Float[Tensor, "row vocabulary"]) -> Float[Tensor, "row vocabulary"]:
    return logits.float().log_softmax(-1)


def _tree(lm: LanguageModel, prompt: Sequence[int], objects: Sequence[str]) -> _Node:
    """The objects' tokens after a prompt; of objects that share all tokens the first stands."""
    root = _Node()
    ends = 0
    for name in dict.fromkeys(objects):
        node = root
        for token in encode_target(lm.tokenizer, list(prompt), name):
            node = node.next.setdefault(token, _Node())
        if node.object is None:
            node.object = name
            ends += 1
    if ends < 2:
        raise FactError(
            f"{ends} object to choose from ({', '.join(objects)}): declare at least two"
        )
    return root


def _depth(node: _Node) -> int:
    return max((1 + _depth(child) for child in node.next.values()), default=0)
