"""How fast a store is read, against the published layer's way and against an index."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from unfrozen.memory.store import FaissIndex, TensorStore, read

WIDTH, QUERIES = 256, 64
BETA = 1.0
"""Large enough for patterns of unit variance to stand apart, as a memory needs them to."""
_CLUSTERS, _WITHIN = 1000, 0.5
_ROUNDS = 7


@dataclass(frozen=True)
class Speed:
    """Milliseconds for the same reading, and what it costs in exactness.

    Attributes:
        patterns: how many are stored.
        queries: how many are read at once.
        clustered: whether the patterns come in clusters, as an index needs them to.
        published: milliseconds of the published layer; None if it is not installed.
        softmax: milliseconds of softmax attention with the whole matrix of weights.
        ours: milliseconds of a certified read.
        plain: milliseconds of a read of a store that keeps plain float32.
        index: milliseconds of a read through an inverted file; None if there was none.
        error: the largest difference of ours from softmax in double precision, by the longest
            pattern.
        recall: share of the queries whose nearest pattern the index found.
    """

    patterns: int
    queries: int
    clustered: bool
    published: float | None
    softmax: float
    ours: float
    plain: float
    index: float | None
    error: float
    recall: float | None


def patterns_and_queries(
    n: int, queries: int, seed: int, *, clustered: bool = False
) -> tuple[Tensor, Tensor]:
    """Random patterns of unit variance, in a thousand clusters or in none, and damaged copies."""
    generator = torch.Generator().manual_seed(seed)
    keys = torch.randn(n, WIDTH, generator=generator)
    if clustered:
        centres = torch.randn(_CLUSTERS, WIDTH, generator=generator)
        which = torch.randint(0, _CLUSTERS, (n,), generator=generator)
        keys.mul_(_WITHIN).add_(centres[which], alpha=(1 - _WITHIN**2) ** 0.5)
    return keys, _damaged(keys, queries, seed)


def _damaged(keys: Tensor, count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed + 7919)
    chosen = torch.randint(0, len(keys), (count,), generator=generator)
    return keys[chosen] + 0.3 * torch.randn(count, WIDTH, generator=generator)


def plain_read(keys: Tensor, queries: Tensor, beta: float) -> Tensor:
    """Softmax attention with the whole matrix of weights: the least that the layer does."""
    return (beta * queries @ keys.T).softmax(-1) @ keys


def published_layer() -> Callable[[Tensor, Tensor, float], Tensor] | None:
    """Retrieval by the paper's own layer, with all its maps taken away; None if it is not here.

    It is on no package index: put `hflayers` of its authors on the path.
    """
    try:
        from hflayers import Hopfield  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None

    def retrieve(keys: Tensor, queries: Tensor, beta: float) -> Tensor:
        layer = Hopfield(
            scaling=beta, batch_first=True, disable_out_projection=True,
            state_pattern_as_static=True, stored_pattern_as_static=True,
            pattern_projection_as_static=True, normalize_stored_pattern=False,
            normalize_stored_pattern_affine=False, normalize_state_pattern=False,
            normalize_state_pattern_affine=False, normalize_pattern_projection=False,
            normalize_pattern_projection_affine=False,
        )  # fmt: skip
        return layer.eval()((keys[None], queries[None], keys[None]))[0]

    return retrieve


def milliseconds(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median of each way, all in turn, so that what else the machine does hits them alike.

    Args:
        ways: what to time, by name; each is run once before.
        rounds: how often each is timed.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    return {name: 1e3 * statistics.median(each) for name, each in seconds.items()}


@torch.no_grad()
def measure(n: int, queries: int, seed: int, *, clustered: bool = False) -> Speed:
    """Time all ways to read the same patterns.

    Args:
        n: patterns.
        queries: read at once.
        seed: of patterns, queries and the index.
        clustered: whether the patterns come in clusters; an inverted file is then read too.
    """
    keys, asked = patterns_and_queries(n, queries, seed, clustered=clustered)
    store = TensorStore(WIDTH, device="cpu")
    plain = TensorStore(WIDTH, layout="plain", device="cpu")
    store.append(keys)
    plain.append(keys)
    layer = published_layer()
    ways: dict[str, Callable[[], object]] = {
        "softmax": lambda: plain_read(keys, asked, BETA),
        "ours": lambda: read(store, asked, BETA),
        "plain": lambda: read(plain, asked, BETA),
    }
    if layer is not None:
        ways["published"] = lambda: layer(keys, asked, BETA)
    index = None
    if clustered:
        index = FaissIndex(plain, "ivf", seed=seed)
        # On other queries than those that it is measured on, and to more than is asked for.
        index.calibrate(_damaged(keys, 512, seed + 1), 0.998)
        ways["index"] = lambda: index.read(asked, BETA, k=16)
    took = milliseconds(ways, _ROUNDS)
    exact = _exact(keys, asked)
    found = read(store, asked, BETA)
    recall = None
    if index is not None:
        best = (asked @ keys.T).argmax(1)
        near = index.read(asked, BETA, k=16).ids[:, 0].to(best)
        recall = float((near == best).double().mean())
    return Speed(
        patterns=n,
        queries=queries,
        clustered=clustered,
        published=took.get("published"),
        softmax=took["softmax"],
        ours=took["ours"],
        plain=took["plain"],
        index=took.get("index"),
        error=float((found.values.double() - exact).norm(dim=1).max() / keys.norm(dim=1).max()),
        recall=recall,
    )


def _exact(keys: Tensor, queries: Tensor) -> Tensor:
    """Softmax in double precision, a part of the patterns at a time."""
    asked = queries.double()
    scores = torch.cat([BETA * asked @ some.double().T for some in keys.split(1 << 16)], 1)
    weights = scores.softmax(1)
    parts = zip(weights.split(1 << 16, 1), keys.split(1 << 16), strict=True)
    return torch.stack([w @ some.double() for w, some in parts]).sum(0)
