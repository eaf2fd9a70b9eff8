"""How many bytes a step keeps for gradients at once: activations, not weights."""

import weakref
from collections.abc import Callable

import torch
from torch import Tensor, nn


class _Kept:
    """A tensor that a graph holds on to; when the graph lets go, so does the count."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def bytes_kept(step: Callable[[], object], network: nn.Module) -> int:
    """The most bytes that graphs keep at any moment of a step, weights and buffers aside.

    Args:
        step: makes graphs and goes back through them.
        network: whose weights are not counted.
    """
    own = {t.untyped_storage().data_ptr() for t in (*network.parameters(), *network.buffers())}
    # Storage -> how many tensors in graphs lie on it, since views share one.
    users: dict[int, int] = {}
    total, most = 0, 0

    def released(pointer: int, size: int) -> None:
        nonlocal total
        users[pointer] -= 1
        if users[pointer] == 0:
            del users[pointer]
            total -= size

    def pack(tensor: Tensor) -> _Kept:
        nonlocal total, most
        kept, storage = _Kept(tensor), tensor.untyped_storage()
        pointer, size = storage.data_ptr(), storage.nbytes()
        if pointer not in own:
            if pointer not in users:
                total += size
                most = max(most, total)
            users[pointer] = users.get(pointer, 0) + 1
            weakref.finalize(kept, released, pointer, size)
        return kept

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda kept: kept.tensor):
        step()
    return most
