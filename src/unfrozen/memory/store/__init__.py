"""Where patterns live: in tensors, in files of any size, behind an approximate index.

A store keeps what a memory is asked about; `read` is one step of a modern Hopfield network over it,
exact, without a queries-by-patterns matrix.
"""

from unfrozen.memory.store.approximate import ApproximateReading, FaissIndex
from unfrozen.memory.store.base import POLICIES, PatternStore
from unfrozen.memory.store.falling import fall
from unfrozen.memory.store.mapped import MappedStore
from unfrozen.memory.store.reading import Nearest, Reading, nearest, read
from unfrozen.memory.store.tensor import TensorStore

__all__ = [
    "POLICIES",
    "ApproximateReading",
    "FaissIndex",
    "MappedStore",
    "Nearest",
    "PatternStore",
    "Reading",
    "TensorStore",
    "fall",
    "nearest",
    "read",
]
