"""The members of the family of associative memories.  A new one is one line here."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from tests.draws import F64, normal

from unfrozen.memory import (
    AssociativeMemory,
    ClassicalHopfield,
    DeltaMemory,
    DenseHopfield,
    EpanechnikovHopfield,
    HebbianMemory,
    LeastSquaresMemory,
    ModernHopfield,
    RandomFeatureHopfield,
    SecondMoment,
)

K, V = 6, 4


def moment() -> SecondMoment:
    # Of energy that falls fast, so that there is a null space to write in.
    old = normal(1, 50, K) * torch.tensor([3.0, 2.0, 1.0, 0.1, 0.05, 0.02], dtype=F64)
    return SecondMoment(old.T @ old / 50, 50)


def initial(dtype: torch.dtype) -> torch.Tensor:
    return normal(2, V, K, dtype=dtype)


@dataclass(frozen=True)
class Make:
    """Makes an empty memory from K features to V.  Binary ones hold signs."""

    build: Callable[[torch.dtype], AssociativeMemory]
    binary: bool = False

    def __call__(self, dtype: torch.dtype) -> AssociativeMemory:
        return self.build(dtype)

    def pairs(
        self, seed: int, n: int = 2, dtype: torch.dtype = F64
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values that such a memory can hold."""
        keys, values = pairs(seed, n, dtype)
        return (keys.sign(), values.sign()) if self.binary else (keys, values)


_MEMBERS: dict[str, Callable[[torch.dtype], AssociativeMemory]] = {
    "hebbian": lambda d: HebbianMemory(K, V, dtype=d),
    "hebbian with decay": lambda d: HebbianMemory(K, V, rate=0.3, decay=0.9, dtype=d),
    "delta": lambda d: DeltaMemory(K, V, initial=initial(d)),
    "delta, slow": lambda d: DeltaMemory(K, V, rate=0.3, dtype=d),
    "least squares, equality": lambda d: LeastSquaresMemory(
        K, V, rule="equality", second_moment=moment(), initial=initial(d)
    ),
    "least squares, regularised": lambda d: LeastSquaresMemory(
        K, V, second_moment=moment(), strength=0.5, initial=initial(d)
    ),
    "least squares, no moment": lambda d: LeastSquaresMemory(K, V, strength=0.5, dtype=d),
    "least squares, null space": lambda d: LeastSquaresMemory(
        K, V, rule="null-space", second_moment=moment(), strength=0.1, initial=initial(d)
    ),
    "modern Hopfield": lambda d: ModernHopfield(K, V, beta=3.0, dtype=d),
    "modern Hopfield, Euclidean": lambda d: ModernHopfield(
        K, V, beta=3.0, similarity="euclidean", dtype=d
    ),
    "modern Hopfield, sparse": lambda d: ModernHopfield(K, V, beta=3.0, alpha=2.0, dtype=d),
    "modern Hopfield, between": lambda d: ModernHopfield(K, V, beta=3.0, alpha=1.5, dtype=d),
    "Epanechnikov": lambda d: EpanechnikovHopfield(K, V, beta=2.0, dtype=d),
    "random features": lambda d: RandomFeatureHopfield(K, V, features=2048, dtype=d),
}
_BINARY: dict[str, Callable[[torch.dtype], AssociativeMemory]] = {
    "classical, Hebb": lambda d: ClassicalHopfield(K, V, dtype=d),
    "classical, Storkey": lambda d: ClassicalHopfield(K, V, rule="storkey", dtype=d),
    "classical, pseudo-inverse": lambda d: ClassicalHopfield(K, V, rule="pseudo-inverse", dtype=d),
    "classical, synchronous": lambda d: ClassicalHopfield(K, V, order="synchronous", dtype=d),
    "dense": lambda d: DenseHopfield(K, V, dtype=d),
    "dense, rectified": lambda d: DenseHopfield(K, V, degree=4, rectified=True, dtype=d),
    "dense, exponential": lambda d: DenseHopfield(K, V, degree=None, order="synchronous", dtype=d),
}
MEMBERS = {
    **{name: Make(build) for name, build in _MEMBERS.items()},
    **{name: Make(build, binary=True) for name, build in _BINARY.items()},
}


def pairs(seed: int, n: int = 2, dtype: torch.dtype = F64) -> tuple[torch.Tensor, torch.Tensor]:
    keys = torch.nn.functional.normalize(normal(seed, n, K), dim=1)
    return keys.to(dtype), normal(seed + 1000, n, V, dtype=dtype)


def state(memory: AssociativeMemory) -> dict[str, torch.Tensor]:
    """Everything but the count of ids, which goes on."""
    return {k: v.clone() for k, v in memory.state_dict().items() if k != "next_id"}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
