"""Reading a store exactly, without a matrix of queries by patterns.

One step of a modern Hopfield network, softmax(beta q X^T) V, in two passes.  The first scans all
keys at the precision of their leading halves and keeps one number a query and 64 rows: the largest
score.  The second takes only the rows that can carry weight, in full precision.  What is left out
is known to weigh less than `tolerance`: its scores are below their blocks' largest by at most the
rounding of the scan, which is bounded too.  Where so many rows matter that there is nothing to
leave out, all of them are read in full precision, a block at a time.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.store.base import GROUP, PatternStore
from unfrozen.memory.store.planes import UNIT

Method = Literal["auto", "certified", "streamed"]

# Bytes of a block that is scanned, or of its scores; numbers of keys in full precision.
_SCANNED = 1 << 22
_NUMBERS = 1 << 18
# Groups that are weighed at a time, and depths that their weights are sorted into.
_PART, _LEVELS = 2048, 256
# The logarithm of the least weight that is told from none, and the largest score there may be.
_LIGHT = -80.0
_LARGEST = 1e37
# A share of all rows from which on reading them one after the other is the faster way.
_MANY = 1 / 16


@dataclass(frozen=True)
class Reading:
    """What queries read.

    Attributes:
        values: softmax(beta q X^T) V.
        log_sum_exp: of beta q X^T, the logarithm of the total weight.
        neglected: at most so much of the weight was left out, so that the error of a value is at
            most twice that share of the longest value.
        best: the id of the pattern with the largest weight; -1 of an empty store.
        rows: in full precision, how many rows a query looked at (mean).
        method: "certified" or "streamed".
    """

    values: Float[Tensor, "b value"]
    log_sum_exp: Float[Tensor, " b"]
    neglected: Float[Tensor, " b"]
    best: Int[Tensor, " b"]
    rows: float
    method: Method


class Nearest(NamedTuple):
    """The patterns with the largest scores, the largest first.

    Attributes:
        ids: of the patterns; -1 where the store has fewer.
        scores: q · x; minus infinity where the store has fewer.
    """

    ids: Int[Tensor, "b k"]
    scores: Float[Tensor, "b k"]


@torch.no_grad()
def read(
    store: PatternStore,
    queries: Float[Tensor, "b key"],
    beta: float,
    *,
    tolerance: float = 1e-7,
    method: Method = "auto",
) -> Reading:
    """One step of a modern Hopfield network over a store.

    Args:
        store: where the patterns are.
        queries: one a row.
        beta: inverse temperature.
        tolerance: share of the weight that may be left out.
        method: "certified" leaves out what cannot matter; "streamed" reads all; "auto" begins with
            the first and goes over to the second where too much matters.

    Raises:
        MemoryShapeError: the queries have another width, beta is not positive, or the tolerance is
            not between 0 and 1.

    Source: Ramsauer et al. 2021, equation 3; the online softmax is Milakov and Gimelshein 2018.

    Example:
        >>> from unfrozen.memory.store import TensorStore
        >>> store = TensorStore(2)
        >>> _ = store.append(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        >>> read(store, torch.tensor([[0.8, 0.1]]), beta=20.0).values.round(decimals=2).tolist()
        [[1.0, 0.0]]
    """
    queries = checked_queries(store, queries, beta)
    if not 0 < tolerance < 1:
        raise MemoryShapeError(f"the tolerance is a share between 0 and 1, not {tolerance}")
    if len(store) == 0:
        zeros = queries.new_zeros(len(queries))
        none = torch.full((len(queries),), -1, device=queries.device)
        empty = queries.new_zeros(len(queries), store.value_width)
        return Reading(empty, zeros - math.inf, zeros, none, 0.0, "certified")
    if method != "streamed":
        found = _certified(store, queries, beta, tolerance, force=method == "certified")
        if found is not None:
            return found
    return _streamed(store, queries, beta)


@torch.no_grad()
def nearest(store: PatternStore, queries: Float[Tensor, "b key"], k: int) -> Nearest:
    """The k patterns with the largest products with each query, exact.

    Args:
        store: where the patterns are.
        queries: one a row.
        k: how many.

    Raises:
        MemoryShapeError: the queries have another width, or k is not positive.
    """
    queries = checked_queries(store, queries, 1.0)
    if k < 1:
        raise MemoryShapeError(f"one pattern or more can be nearest, not {k}")
    b, device = len(queries), queries.device
    ids = torch.full((b, k), -1, dtype=torch.int64, device=device)
    scores = torch.full((b, k), -math.inf, device=device)
    if len(store) == 0 or b == 0:
        return Nearest(ids, scores)
    largest = _scan(store, queries)
    # The k best lie in groups whose largest scores are not below the k-th largest of all.
    kth = largest.topk(min(k, len(largest)), dim=0).values[-1].float()
    if k > len(largest):
        kth = torch.full_like(kth, -math.inf)
    slack = 2 * _rounding(store, queries)
    for query in range(b):
        groups = torch.nonzero(largest[:, query].float() >= kth[query] - slack[query]).squeeze(1)
        for some in groups.split(max(1, _NUMBERS // (GROUP * store.key_width))):
            rows, there = _rows_of(store, some)
            keys = store.gather(rows.reshape(-1))[0]
            found = (keys @ queries[query]).masked_fill(~there.reshape(-1), -math.inf)
            every = torch.cat([scores[query], found])
            names = torch.cat([ids[query], store.column("ids")[rows.reshape(-1)].to(device)])
            best = every.topk(k)
            scores[query], ids[query] = best.values, names[best.indices]
    return Nearest(ids.masked_fill(scores == -math.inf, -1), scores)


def checked_queries(store: PatternStore, queries: Tensor, beta: float) -> Float[Tensor, "b key"]:
    """Queries in the precision of a store.

    Raises:
        MemoryShapeError: the queries have another width, or beta is not positive.
    """
    if queries.ndim != 2 or queries.shape[1] != store.key_width:
        raise MemoryShapeError(
            f"this store is asked with rows of {store.key_width} features, not with "
            f"{list(queries.shape)}"
        )
    if not 0 < beta < math.inf:
        raise MemoryShapeError(f"beta must be positive and finite, not {beta}")
    queries = queries.detach().float()
    if len(queries) and not queries.is_meta:
        longest = float(queries.norm(dim=1).max())
        if not math.isfinite(longest):
            raise MemoryShapeError("the queries are not all finite, or too large")
        if beta * longest * store.longest > _LARGEST:
            raise MemoryShapeError(f"beta {beta:g} makes scores too large to be told apart")
    return queries


def _rounding(store: PatternStore, queries: Tensor) -> Float[Tensor, " b"]:
    """How far a scanned score may be from the product q · x.

    Both factors are rounded to bfloat16, the sum is kept in float32, and its result rounded again;
    each costs its unit of sum |q_i x_i| <= |q| |x|.
    """
    sums = 2 * store.key_width * torch.finfo(torch.float32).eps
    units = (1 + UNIT) ** 3 - 1 + sums if store.layout == "split" else sums
    return units * store.longest * queries.norm(dim=1)


def _scan(store: PatternStore, queries: Tensor) -> Float[Tensor, "group b"]:
    """The largest score of each group of rows, at the precision of the leading halves."""
    b = len(queries)
    split = store.layout == "split"
    right = (queries.bfloat16() if split else queries).T.contiguous()
    found = right.new_empty(-(-store.rows // GROUP), b)
    # A library that multiplies matrices may copy the block, so it counts like its scores.
    wide = max(b, store.key_width) * right.element_size()
    rows = max(GROUP, _SCANNED // wide // GROUP * GROUP)
    for block in store.blocks(rows):
        scores = block.leading @ right
        if block.gone is not None:
            scores.masked_fill_(block.gone[:, None], -math.inf)
        first, whole = block.start // GROUP, len(scores) // GROUP
        if whole:
            grouped = scores[: whole * GROUP].view(whole, GROUP, b)
            torch.amax(grouped, dim=1, out=found[first : first + whole])
        if len(scores) % GROUP:
            found[first + whole] = scores[whole * GROUP :].amax(0)
    return found


def _rows_of(store: PatternStore, groups: Tensor) -> tuple[Tensor, Tensor]:
    """The rows of groups, and whether each is there: [groups, GROUP] both."""
    rows = groups[:, None] * GROUP + torch.arange(GROUP, device=groups.device)
    there = rows < store.rows
    rows = rows.clamp(max=store.rows - 1)
    gone = store.gone_rows()
    return rows, there if gone is None else there & ~gone[rows]


def _certified(
    store: PatternStore, queries: Tensor, beta: float, tolerance: float, *, force: bool
) -> Reading | None:
    """Both passes; None if so many rows matter that they had better be streamed."""
    b, device = len(queries), queries.device
    largest = _scan(store, queries)
    slack = beta * _rounding(store, queries)
    top = largest.amax(0).float() * beta
    kept, neglected = _worth_reading(largest, beta, top, slack, tolerance)
    pairs = torch.nonzero(kept)
    if not force and len(pairs) > _MANY * kept.numel() + b:
        return None
    groups, asked = pairs[:, 0], pairs[:, 1]
    # The scan's top may be off by more than weights can tell, so the true one is found on the way.
    total, high = queries.new_zeros(b), queries.new_full((b,), -math.inf)
    values = queries.new_zeros(b, store.value_width)
    best = torch.full((b,), -1, dtype=torch.int64, device=device)
    room = max(1, _NUMBERS // (GROUP * max(store.key_width, store.value_width)))
    for some, who in zip(groups.split(room), asked.split(room), strict=True):
        rows, there = _rows_of(store, some)
        keys, stored = (t.unflatten(0, (-1, GROUP)) for t in store.gather(rows.reshape(-1)))
        scores = beta * (keys * queries[who][:, None]).sum(2)
        scores = scores.masked_fill(~there, -math.inf)
        highest, where = scores.max(1)
        now = high.scatter_reduce(0, who, highest, "amax")
        shrink = _shrinking(high, now)
        weights = (scores - torch.where(now == -math.inf, 0.0, now)[who, None]).exp()
        total = (total * shrink).index_add_(0, who, weights.sum(1))
        values = (values * shrink[:, None]).index_add_(
            0, who, torch.bmm(weights[:, None], stored).squeeze(1)
        )
        names = store.column("ids")[rows.gather(1, where[:, None]).squeeze(1)].to(device)
        leads = (highest == now[who]) & (highest > high[who])
        best[who[leads]] = names[leads]
        high = now
    log_sum_exp = high + total.log()
    return Reading(
        values=values / total[:, None],
        log_sum_exp=log_sum_exp,
        neglected=(neglected * (top - slack - log_sum_exp).exp()).clamp(max=1.0),
        best=best,
        rows=len(pairs) * GROUP / max(b, 1),
        method="certified",
    )


def _worth_reading(
    largest: Float[Tensor, "group b"],
    beta: float,
    top: Float[Tensor, " b"],
    slack: Float[Tensor, " b"],
    tolerance: float,
) -> tuple[Tensor, Float[Tensor, " b"]]:
    """Which groups to read, and the most that the others can weigh, by exp(top - slack).

    Every group weighs at most GROUP exp(its bound + slack), and all together at least
    exp(top - slack).  A part of the groups at a time, so that no copy of all is made.
    """
    # The simplest depth: as though every group were as heavy as one just below it.
    depth = 2 * slack - math.log(tolerance) + math.log(GROUP * len(largest))
    parts = largest.split(_PART)
    # Taken once: what parts take and free one after the other, an allocator may pile up.
    room = top.new_empty(2, min(_PART, len(largest)), len(top))

    def weigh(part: Tensor) -> tuple[Tensor, Tensor]:
        """How deep groups lie below the top, as a share of the depth; and their weights."""
        level, weight = room[:, : len(part)]
        level.copy_(part).mul_(-beta).add_(top)
        # What underflows is slow, and what is so light is nothing even so.
        torch.sub(2 * slack, level, out=weight).clamp_(min=_LIGHT).exp_().mul_(GROUP)
        return level.div_(depth), weight

    def keep(share: Tensor | float) -> tuple[Tensor, Tensor]:
        kept = torch.empty(largest.shape, dtype=torch.bool, device=largest.device)
        left = torch.zeros_like(top)
        for part, out in zip(parts, kept.split(_PART), strict=True):
            level, weight = weigh(part)
            torch.le(level, share, out=out)
            left += weight.masked_fill_(out, 0.0).sum(0)
        return kept, left

    kept, left = keep(1.0)
    if int(kept.count_nonzero()) <= 2 * largest.shape[1]:
        return kept, left
    # A sharper one: by how much weight lies at each depth, leave out from the deepest up.
    weights = top.new_zeros(_LEVELS + 1, len(top))
    for part in parts:
        level, weight = weigh(part)
        weights.scatter_add_(0, level.mul_(_LEVELS).clamp_(0, _LEVELS).long(), weight)
    dropped = weights.flip(0).cumsum(0).flip(0)
    levels = torch.arange(_LEVELS + 1, device=top.device)[:, None]
    spare = torch.where(dropped <= tolerance, levels, _LEVELS + 1).amin(0)
    # Whole levels are left out, so that rounding at their borders costs nothing but a group.
    return keep((spare / _LEVELS).clamp(max=1.0) - 1e-6)


def _streamed(store: PatternStore, queries: Tensor, beta: float) -> Reading:
    """All rows in full precision, a block at a time."""
    b = len(queries)
    top = queries.new_full((b,), -math.inf)
    total, values = queries.new_zeros(b), queries.new_zeros(b, store.value_width)
    best = torch.full((b,), -1, dtype=torch.int64, device=queries.device)
    wide = max(store.key_width, store.value_width, b)
    for block in store.blocks(max(GROUP, _NUMBERS // wide // GROUP * GROUP)):
        keys = block.keys()
        scores = queries @ keys.T
        scores *= beta
        if block.gone is not None:
            scores.masked_fill_(block.gone, -math.inf)
        high, where = scores.max(1)
        leads = high > top
        best[leads] = store.column("ids")[block.start + where[leads]].to(best)
        now = torch.maximum(top, high)
        shrink = _shrinking(top, now)
        weights = scores.sub_(torch.where(now == -math.inf, 0.0, now)[:, None]).exp_()
        total = total * shrink + weights.sum(1)
        values = values * shrink[:, None] + weights @ (
            keys if block.values is None else block.values
        )
        top = now
    return Reading(
        values=values / total[:, None],
        log_sum_exp=top + total.log(),
        neglected=torch.zeros_like(top),
        best=best,
        rows=float(len(store)),
        method="streamed",
    )


def _shrinking(before: Float[Tensor, " b"], now: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """What weights by one top become by a higher one.

    Before the first row that is there, nothing has a weight and there is nothing to shrink.
    """
    return torch.where(before == -math.inf, 0.0, (before - now).exp())
