"""The uncentred second moment of keys, C = E[k k^T]: what a write should leave alone.

ROME and MEMIT weigh a change of W by it: |dW C^1/2|^2 is how much the values of all the other keys
move, on average (Meng et al. 2022, appendix A).
"""

import json
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from unfrozen.data.cache import atomic_write
from unfrozen.errors import DataError, MemoryShapeError

_FORMAT = "1"
# Relative to the mean diagonal: enough to invert a moment of fewer keys than features, far below
# the energy of any direction that text uses.
_RIDGE = 1e-6
_LARGEST_RIDGE = 1e-2


class SecondMoment:
    """C = E[k k^T] over ``count`` keys.

    Args:
        matrix: symmetric, positive semidefinite; kept in float64, since it is inverted.
        count: over how many keys it was taken.

    Raises:
        MemoryShapeError: not square, not symmetric, not finite, or over no keys.
    """

    def __init__(self, matrix: Float[Tensor, "key key"], count: int) -> None:
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise MemoryShapeError(f"a second moment is square, not {list(matrix.shape)}")
        if count < 1:
            raise MemoryShapeError("a second moment needs at least one key")
        self.matrix = matrix.detach().double()
        self.count = count
        if matrix.device.type == "meta":
            return
        if not bool(torch.isfinite(self.matrix).all()):
            raise MemoryShapeError("the second moment is not finite")
        # Float32 products differ from their mirror images in the last digits.  By strips, because
        # a wide model's moment takes gigabytes.
        strips = zip(self.matrix.split(1024), self.matrix.split(1024, 1), strict=True)
        slack = 1e-3 * self._scale
        if not all(torch.allclose(rows, columns.T, 1e-3, slack) for rows, columns in strips):
            raise MemoryShapeError("the matrix is not symmetric, so it is no second moment")

    @property
    def width(self) -> int:
        """Number of features of a key."""
        return self.matrix.shape[0]

    @property
    def _scale(self) -> float:
        return float(self.matrix.diagonal().abs().mean())

    @cached_property
    def _ridge_and_factor(self) -> tuple[float, Tensor]:
        if self._scale == 0:
            raise MemoryShapeError("the second moment is zero: its keys carried nothing")
        relative = _RIDGE
        while relative <= _LARGEST_RIDGE:
            factor, failed = torch.linalg.cholesky_ex(self._with_ridge(relative * self._scale))
            if not int(failed):
                return relative * self._scale, factor
            relative *= 10
        raise MemoryShapeError(
            "the second moment is not positive semidefinite: take it again from the keys"
        )

    def _with_ridge(self, ridge: float) -> Tensor:
        eye = torch.eye(self.width, dtype=torch.float64, device=self.matrix.device)
        return self.matrix + ridge * eye

    @property
    def ridge(self) -> float:
        """What is added to the diagonal before inverting.

        A millionth of the mean diagonal, so that a moment of fewer keys than features can be
        inverted; ten times more for as long as rounding still makes it indefinite.
        """
        return self._ridge_and_factor[0]

    @property
    def regularised(self) -> Float[Tensor, "key key"]:
        """C with the ridge: the matrix that `solve` inverts."""
        return self._with_ridge(self.ridge)

    def solve(self, x: Float[Tensor, "key ..."]) -> Float[Tensor, "key ..."]:
        """C^-1 x in float64, by a Cholesky factor of `regularised` that is kept.

        Raises:
            MemoryShapeError: x has another width, or C cannot be inverted.
        """
        if x.shape[0] != self.width:
            raise MemoryShapeError(
                f"the second moment is of keys with {self.width} features, not {x.shape[0]}"
            )
        columns = x.to(self.matrix).reshape(self.width, -1)
        return torch.cholesky_solve(columns, self._ridge_and_factor[1]).reshape(x.shape)

    @cached_property
    def eigen(self) -> tuple[Float[Tensor, " key"], Float[Tensor, "key key"]]:
        """Eigenvalues in ascending order, and eigenvectors in columns."""
        values, vectors = torch.linalg.eigh(self.matrix)
        return values.clamp(min=0), vectors

    @property
    def effective_rank(self) -> float:
        """Exponential of the entropy of the spectrum (Roy and Vetterli 2007)."""
        p = self.eigen[0] / self.eigen[0].sum()
        return float(torch.exp(-(p * p.clamp(min=1e-300).log()).sum()))

    def to(self, device: torch.device | str) -> "SecondMoment":
        """The same on another device."""
        return SecondMoment(self.matrix.to(device), self.count)

    def save(self, path: Path) -> None:
        """Write it to one safetensors file, in float32, whole or not at all.

        Raises:
            DataError: the disk is full or refuses.
        """
        metadata = {"format": _FORMAT, "kind": "second-moment", "count": json.dumps(self.count)}
        with atomic_write(path) as temporary:
            temporary.write_bytes(save({"matrix": self.matrix.float().contiguous()}, metadata))

    @classmethod
    def load(cls, path: Path) -> "SecondMoment":
        """Read what `save` wrote.

        Raises:
            DataError: the file is damaged or something else.
        """
        try:
            with safe_open(path, "pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("kind") != "second-moment" or metadata.get("format") != _FORMAT:
                    raise DataError(f"{path} is not a second moment of format {_FORMAT}")
                return cls(file.get_tensor("matrix"), int(metadata["count"]))
        except (OSError, SafetensorError, KeyError, ValueError, MemoryShapeError) as error:
            raise DataError(f"{path} cannot be read as a second moment: {error}") from error


class SecondMomentAccumulator:
    """Streams keys into a second moment: a product a block in float32, sums in float64.

    Args:
        width: features of a key.
        device: where to keep the sum.

    Example:
        >>> accumulator = SecondMomentAccumulator(2)
        >>> accumulator.update(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        >>> accumulator.finish().matrix.tolist()
        [[0.5, 0.0], [0.0, 2.0]]
    """

    def __init__(self, width: int, device: torch.device | str = "cpu") -> None:
        self.sum = torch.zeros(width, width, dtype=torch.float64, device=device)
        self.count = 0

    def update(self, keys: Float[Tensor, "*batch key"]) -> None:
        """Add keys; float64 keys are multiplied in float64.

        Raises:
            MemoryShapeError: they have another width.
        """
        if keys.ndim == 0 or keys.shape[-1] != self.sum.shape[0]:
            raise MemoryShapeError(
                f"keys of shape {list(keys.shape)} were given where {self.sum.shape[0]} "
                "features were expected"
            )
        rows = keys.detach().reshape(-1, keys.shape[-1])
        rows = rows if rows.dtype == torch.float64 else rows.float()
        self.sum += (rows.T @ rows).to(self.sum)
        self.count += rows.shape[0]

    def add(self, other: "SecondMomentAccumulator") -> None:
        """Add what another has summed.

        Raises:
            MemoryShapeError: it is of another width.
        """
        if other.sum.shape != self.sum.shape:
            raise MemoryShapeError(
                f"a sum over keys with {other.sum.shape[0]} features cannot be added to one over "
                f"keys with {self.sum.shape[0]}"
            )
        self.sum += other.sum.to(self.sum)
        self.count += other.count

    def finish(self) -> SecondMoment:
        """The second moment of all the keys so far.

        Raises:
            MemoryShapeError: there were none, or one was not finite.
        """
        mean = self.sum / max(self.count, 1)
        return SecondMoment((mean + mean.T) / 2, self.count)
