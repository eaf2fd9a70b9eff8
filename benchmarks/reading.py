"""How fast is a store read, against what the memory and the processor allow?"""

from collections.abc import Callable

import torch

from unfrozen.memory.store import TensorStore, read
from unfrozen.papers.hopfield.reading import (
    BETA,
    QUERIES,
    WIDTH,
    milliseconds,
    patterns_and_queries,
    plain_read,
)
from unfrozen.papers.running.growth import measured

QUESTION = "one query against a product by a vector, 64 against one by a matrix, and their memory"
PATTERNS = (100_000, 1_000_000)
_ROUNDS = 9


def run() -> dict[str, float]:
    """Time readings and their limits in turn."""
    found: dict[str, float] = {}
    for n in PATTERNS:
        for queries in (1, QUERIES):
            found |= _compare(n, queries)
    return found


@torch.no_grad()
def _compare(n: int, count: int) -> dict[str, float]:
    keys, queries = patterns_and_queries(n, count, seed=0)
    split, plain = TensorStore(WIDTH), TensorStore(WIDTH, layout="plain")
    split.append(keys)
    plain.append(keys)
    halves, asked = keys.bfloat16(), queries.bfloat16()
    # The least that any exact way has to do: look at every number once, or one matrix product.
    ways: dict[str, Callable[[], object]] = {
        "float32 limit": (lambda: keys @ queries[0]) if count == 1 else (lambda: keys @ queries.T),
        "bfloat16 limit": lambda: halves @ asked.T,
        "plain store": lambda: read(plain, queries, BETA),
        "split store": lambda: read(split, queries, BETA),
        "split store, all rows": lambda: read(split, queries, BETA, method="streamed"),
        "plain softmax": lambda: plain_read(keys, queries, BETA),
        "fused attention": lambda: torch.nn.functional.scaled_dot_product_attention(
            queries[None, None], keys[None, None], keys[None, None], scale=BETA
        ),
    }
    took = milliseconds(ways, _ROUNDS)
    told = f"{n:,} patterns, {count} quer{'y' if count == 1 else 'ies'}: "
    found = {f"{told}{name}, ms": time for name, time in took.items()}
    for name in ("plain store", "split store"):
        limit = took["float32 limit" if name == "plain store" else "bfloat16 limit"]
        found[f"{told}{name} over its limit"] = took[name] / limit
        found[f"{told}plain softmax over {name}"] = took["plain softmax"] / took[name]
        found[f"{told}{name}, MB beyond the patterns"] = measured(ways[name])[2] / 1e6
    return found
