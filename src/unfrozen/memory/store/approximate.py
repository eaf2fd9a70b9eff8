"""Reading a few rows instead of all: FAISS indexes beside a store, and what they leave out.

An index proposes rows, the store scores them in full precision, and softmax runs over those alone.
How much weight the others would have had is bounded as sharply as the index allows, and estimated
from a sample of the rows.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.data.cache import status
from unfrozen.errors import MemoryShapeError
from unfrozen.memory.store.base import PatternStore
from unfrozen.memory.store.reading import checked_queries, nearest

Kind = Literal["flat", "ivf", "hnsw"]

_BLOCK = 1 << 14
_SAMPLE = 4096
# Rows a list that k-means learns from (FAISS warns below 39 and ignores those above 256).
_LEARN = 64


@dataclass(frozen=True)
class ApproximateReading:
    """What queries read from the rows that an index proposed.

    Attributes:
        values: softmax over those rows.
        log_sum_exp: logarithm of their weight.
        neglected: at most this share of all weight was left out.  Of "hnsw", and of "ivf" on
            patterns that do not cluster, often no better than 1.
        estimated: the same, estimated from a sample: unbiased, but blind to a few heavy rows.
        ids: the patterns, the heaviest first; -1 where the index proposed fewer.
    """

    values: Float[Tensor, "b value"]
    log_sum_exp: Float[Tensor, " b"]
    neglected: Float[Tensor, " b"]
    estimated: Float[Tensor, " b"]
    ids: Int[Tensor, "b k"]


class FaissIndex:
    """An index over a store.  Rows that came after it was built are taken in when it is asked.

    Args:
        store: where the patterns are; the index keeps a copy of its keys in memory.
        kind: "flat" looks at all rows, "ivf" at those of the lists nearest to a query, "hnsw" at
            those that a walk from neighbour to neighbour meets.
        lists: of "ivf"; the root of the number of patterns by default.
        probes: how many lists a query looks at; a sixteenth of them by default.
        links: of each row of "hnsw".
        breadth: of the walk.
        seed: of the clustering and of the sample.

    Raises:
        MemoryShapeError: the kind is unknown, a number is not positive, or faiss is not installed.
    """

    def __init__(
        self,
        store: PatternStore,
        kind: Kind = "ivf",
        *,
        lists: int | None = None,
        probes: int | None = None,
        links: int = 32,
        breadth: int = 128,
        seed: int = 0,
    ) -> None:
        if kind not in ("flat", "ivf", "hnsw"):
            raise MemoryShapeError(f"an index is 'flat', 'ivf' or 'hnsw', not {kind!r}")
        if min(links, breadth, 1 if lists is None else lists, 1 if probes is None else probes) < 1:
            raise MemoryShapeError("lists, probes, links and breadth are positive")
        self.store, self.kind, self.seed = store, kind, seed
        self.lists, self.probes, self.links, self.breadth = lists, probes, links, breadth
        self._faiss = _faiss()
        self.build()

    def build(self) -> None:
        """Index all rows anew."""
        store = self.store
        self._indexed, self._generation, self._sampled = 0, store.generation, (-1, -1)
        self._centres = torch.empty(0, store.key_width)
        self._counts = torch.empty(0)
        self._reach = torch.empty(0)
        self._index: Any = None
        if len(store) == 0:
            return
        faiss, width = self._faiss, store.key_width
        metric = faiss.METRIC_INNER_PRODUCT
        if self.kind == "flat":
            self._index = faiss.IndexFlatIP(width)
        elif self.kind == "hnsw":
            self._index = faiss.IndexHNSWFlat(width, self.links, metric)
            self._index.hnsw.efSearch = self.breadth
        else:
            lists = min(self.lists or max(1, round(math.sqrt(len(store)))), len(store))
            # Rows belong to the nearest centre: a product would give all to the longest.
            self._quantizer = faiss.IndexFlatL2(width)
            self._index = faiss.IndexIVFFlat(self._quantizer, width, lists, metric)
            self._index.cp.seed = self.seed + 1
            # FAISS would put centres on the unit sphere, far from the rows that belong to them.
            self._index.cp.spherical = False
            self._index.cp.min_points_per_centroid = 1
            learn = self._some_rows(_LEARN * lists)
            with status("Clustering patterns"):
                self._index.train(store.gather(learn)[0].cpu().numpy())
            self._centres = torch.from_numpy(self._quantizer.reconstruct_n(0, lists).copy())
            self._counts, self._reach = torch.zeros(lists), torch.zeros(lists)
        self._take_in()

    def _some_rows(self, n: int) -> Tensor:
        """Rows that are there, drawn without replacement; all if there are no more."""
        gone = self.store.gone_rows()
        rows = torch.arange(self.store.rows)
        rows = rows if gone is None else rows[~gone.cpu()]
        generator = torch.Generator("cpu").manual_seed(self.seed)
        return rows[torch.randperm(len(rows), generator=generator, device="cpu")[:n]]

    def _take_in(self) -> None:
        """Add the rows that came since."""
        store = self.store
        if self._index is None or self._generation != store.generation:
            self.build()
        if self._sampled == (store.rows, store.gone):
            return
        with status("Indexing patterns"):
            for some in torch.arange(self._indexed, store.rows).split(_BLOCK):
                self._add(store.gather(some)[0].cpu())
        self._indexed = store.rows
        self._sampled = (store.rows, store.gone)
        self._sample_rows = self._some_rows(_SAMPLE).sort().values
        self._sample = store.gather(self._sample_rows)[0].cpu()
        self._length = self._sample.norm(dim=1).mean()

    @torch.no_grad()
    def calibrate(self, queries: Float[Tensor, "b key"], recall: float = 0.99) -> float:
        """Look at as few lists as find the nearest pattern of so many queries.

        Args:
            queries: like those that will come, and apart from those that the recall is told of.
            recall: share of the queries whose nearest pattern is to be found.

        Returns:
            The share that is found, which is lower if all lists together do not reach it.  Of kinds
            without lists nothing changes.

        Raises:
            MemoryShapeError: there is nothing to calibrate on, or the recall is no share.
        """
        if len(self.store) == 0 or len(queries) == 0 or not 0 < recall <= 1:
            raise MemoryShapeError("an index is calibrated on queries and patterns, to a share")
        best = nearest(self.store, queries, 1).ids[:, 0].cpu()
        lists, probes = max(1, len(self._centres)), 1
        while True:
            self.probes = probes
            found = self.read(queries, 1.0, k=1).ids[:, 0].cpu()
            share = float((found == best).double().mean())
            if share >= recall or probes >= lists or self.kind != "ivf":
                return share
            probes = min(2 * probes, lists)

    def _add(self, keys: Tensor) -> None:
        rows = keys.numpy()
        if self.kind == "ivf":
            lists = torch.from_numpy(self._quantizer.search(rows, 1)[1][:, 0])
            self._counts.index_add_(0, lists, torch.ones(len(keys)))
            # Not the distances that the search found, which are short of a few digits.
            reach = (keys - self._centres[lists]).norm(dim=1)
            self._reach.scatter_reduce_(0, lists, reach, "amax")
        self._index.add(rows)

    @torch.no_grad()
    def read(
        self, queries: Float[Tensor, "b key"], beta: float, *, k: int = 64
    ) -> ApproximateReading:
        """One step of a modern Hopfield network over the k rows that the index holds best.

        Args:
            queries: one a row.
            beta: inverse temperature.
            k: rows that share the weight.

        Raises:
            MemoryShapeError: the queries have another width, or beta or k is not positive.
        """
        store, device = self.store, queries.device
        queries = checked_queries(store, queries, beta).cpu()
        if k < 1:
            raise MemoryShapeError(f"one row or more share the weight, not {k}")
        if len(store):
            self._take_in()
        b = len(queries)
        if len(store) == 0 or b == 0:
            none = torch.full((b, k), -1, dtype=torch.int64)
            zeros = torch.zeros(b)
            empty = torch.zeros(b, store.value_width)
            found = (empty, zeros - math.inf, zeros, zeros, none)
            return ApproximateReading(*(t.to(device) for t in found))
        rows, unseen = self._search(queries, k, beta)
        there = rows >= 0
        gone = store.gone_rows()
        if gone is not None:
            there &= ~gone.cpu()[rows.clamp(min=0)]
        keys, values = store.gather(rows.clamp(min=0).reshape(-1))
        keys, values = (t.cpu().unflatten(0, (b, k)) for t in (keys, values))
        scores = beta * torch.bmm(keys, queries[:, :, None]).squeeze(2)
        scores = scores.masked_fill(~there, -math.inf)
        scores, order = scores.sort(dim=1, descending=True)
        total = scores.logsumexp(1)
        weights = (scores - total[:, None]).exp().nan_to_num(0.0)
        taken = values.gather(1, order[:, :, None].expand_as(values))
        ids = store.column("ids").cpu()[rows.clamp(min=0)].masked_fill(~there, -1)
        read = torch.bmm(weights[:, None], taken).squeeze(1)
        found = (
            read,
            total,
            torch.sigmoid(unseen - total),
            torch.sigmoid(self._estimate(queries, rows, beta) - total),
            ids.gather(1, order),
        )
        return ApproximateReading(*(t.to(device) for t in found))

    def _search(self, queries: Tensor, k: int, beta: float) -> tuple[Tensor, Tensor]:
        """Proposed rows [b, k], and the logarithm of the most that all others can weigh."""
        lengths, count = queries.norm(dim=1), self._index.ntotal
        ceiling = beta * lengths * self.store.longest
        asked = queries.contiguous().numpy()
        if self.kind != "ivf":
            scores, rows = self._index.search(asked, k)
            found = torch.from_numpy(rows)
            if self.kind == "hnsw":  # a walk may miss anything
                return found, ceiling + math.log(max(count - 1, 1))
            last = torch.from_numpy(scores)[:, -1] * beta
            left = torch.full_like(last, math.log(count - k) if count > k else -math.inf)
            return found, left + torch.minimum(last, ceiling)
        lists = len(self._centres)
        probes = min(self.probes or max(1, lists // 16), lists)
        near = queries @ self._centres.T
        # Lists are looked at by their distance from the query at the length of a pattern: by the
        # product alone, lone rows far out would come first.
        scale = self._length / lengths.clamp(min=1e-30)
        order = scale[:, None] * near - (self._centres**2).sum(1) / 2
        chosen = order.topk(probes).indices
        self._index.nprobe = probes
        scores, rows = self._index.search_preassigned(
            asked, k, chosen.numpy(), near.gather(1, chosen).contiguous().numpy()
        )
        found = torch.from_numpy(rows)
        # No row of a list has a larger product than its centre and the reach of the list allow.
        most = beta * (near + lengths[:, None] * self._reach)
        heavy = torch.minimum(most, ceiling[:, None]) + self._counts.log()
        unseen = heavy.scatter(1, chosen, -math.inf).logsumexp(1)
        full = torch.from_numpy(rows)[:, -1] >= 0
        passed = (self._counts[chosen].sum(1) - k).clamp(min=0).log()
        last = torch.from_numpy(scores)[:, -1] * beta + passed
        return found, torch.logaddexp(unseen, torch.where(full, last, -math.inf))

    def _estimate(self, queries: Tensor, rows: Tensor, beta: float) -> Tensor:
        """Logarithm of what the rows that were not proposed weigh, by the sample."""
        scores = beta * queries @ self._sample.T
        # Proposed rows that the sample has too are not among those left out.
        where = torch.searchsorted(self._sample_rows, rows).clamp(max=len(self._sample_rows) - 1)
        both = self._sample_rows[where] == rows
        scores[torch.nonzero(both)[:, 0], where[both]] = -math.inf
        return scores.logsumexp(1) + math.log(len(self.store) / len(self._sample_rows))


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MemoryShapeError("an index needs faiss: run `pip install unfrozen[scale]`") from error
    return faiss
