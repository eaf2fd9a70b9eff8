"""What a reading takes: its answers are checked with those of all stores, among the contracts."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from unfrozen.memory.store import TensorStore, read

ROWS, WIDTH, QUERIES = 120_000, 64, 96


class Largest(TorchDispatchMode):
    """Remembers the largest tensor that any operation made."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        made = [t for t in tree_leaves(result) if isinstance(t, torch.Tensor)]
        # A view takes no room of its own.
        if not any(r.alias_info for r in func._schema.returns):
            self.bytes = max([self.bytes, *(t.numel() * t.element_size() for t in made)])
        return result


@pytest.mark.parametrize("layout", ["split", "plain"])
@pytest.mark.parametrize("method", ["certified", "streamed"])
def test_no_temporary_is_larger_than_a_block(unchecked, layout, method):
    generator = torch.Generator().manual_seed(0)
    keys = torch.randn(ROWS, WIDTH, generator=generator)
    store = TensorStore(WIDTH, layout=layout)
    store.append(keys)
    queries = keys[:QUERIES] + 0.1
    with Largest() as largest:
        found = read(store, queries, beta=4.0, method=method)
    assert found.method == method
    assert (found.best == torch.arange(QUERIES)).all()
    # Queries by patterns would be 46 MB.
    assert 0 < largest.bytes <= 4 << 20
