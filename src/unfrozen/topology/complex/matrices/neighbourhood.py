"""A neighbourhood of cells: a sparse matrix that knows its transpose."""

from functools import cached_property
from typing import Literal, NamedTuple, get_args

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.matrices import kernels

Norm = Literal["none", "mean", "symmetric"]


class Heads(NamedTuple):
    """A neighbourhood for some heads at once, whose rows and columns are [cell, head], flattened.

    Attributes:
        neighbourhood: each head hears of its own features only.
        places: where each of its entries is in weights of [entry, head], flattened.
    """

    neighbourhood: "Neighbourhood"
    places: Int64[Tensor, " entry_of_head"]


class Neighbourhood:
    """Which cells hear of which, as a sparse matrix by rows, its columns ascending in each row.

    Args:
        pointers: where each row begins in the columns, and where the last one ends.
        columns: the cells that each row hears of.
        n_sources: how many columns there are.
        values: of the entries; all are one by default.

    Example:
        >>> path = Neighbourhood(torch.tensor([0, 1, 3, 4]), torch.tensor([1, 0, 2, 1]), 3)
        >>> path @ torch.tensor([[1.0], [10.0], [100.0]])
        tensor([[ 10.],
                [101.],
                [ 10.]])
    """

    def __init__(
        self,
        pointers: Int64[Tensor, " target_and_one"],
        columns: Int64[Tensor, " entry"],
        n_sources: int,
        values: Float[Tensor, " entry"] | None = None,
    ) -> None:
        self.pointers, self.columns, self.values = pointers, columns, values
        self.shape = (len(pointers) - 1, n_sources)
        self._heads: dict[int, Heads] = {}
        self._weights: dict[tuple[torch.dtype, Norm], Tensor] = {}

    @classmethod
    def from_scipy(
        cls, matrix: sp.csr_array, n_sources: int, *, binary: bool = True
    ) -> "Neighbourhood":
        """The same as a matrix of so many columns; its entries are all one where it is binary."""
        matrix.sort_indices()
        pointers = torch.from_numpy(matrix.indptr.astype(np.int64))
        columns = torch.from_numpy(matrix.indices.astype(np.int64))
        values = None if binary else torch.from_numpy(matrix.data.astype(np.float32))
        return cls(pointers, columns, n_sources, values)

    def scipy(self) -> sp.csr_array:
        """The same as a matrix of scipy."""
        values = np.ones(len(self.columns), np.float32) if self.values is None else (
            self.values.cpu().numpy()
        )  # fmt: skip
        parts = (values, self.columns.cpu().numpy(), self.pointers.cpu().numpy())
        return sp.csr_array(parts, shape=self.shape)

    def csr(self, dtype: torch.dtype) -> Tensor:
        """The same as a sparse matrix of torch."""
        values = self.weights(dtype)
        if values is None:
            values = torch.ones(len(self.columns), dtype=dtype, device=self.columns.device)
        return kernels.by_rows(self, values)

    def __len__(self) -> int:
        """How many entries are not zero."""
        return len(self.columns)

    @cached_property
    def rows(self) -> Int64[Tensor, " entry"]:
        """The row of each entry."""
        rows = torch.arange(self.shape[0], device=self.columns.device)
        return rows.repeat_interleave(self.degrees, output_size=len(self.columns))

    @cached_property
    def degrees(self) -> Int64[Tensor, " target"]:
        """Entries of each row."""
        return self.pointers.diff()

    @cached_property
    def order(self) -> Int64[Tensor, " entry"]:
        """The entries by column and then by row: where each of the transpose's is found here."""
        if self.columns.device.type != "cpu":
            return torch.argsort(self.columns, stable=True)
        # Rows and columns are exchanged in linear time, and so what was in order stays so.
        entry = np.arange(len(self.columns))
        parts = (entry, self.columns.numpy(), self.pointers.numpy())
        return torch.from_numpy(sp.csr_array(parts, shape=self.shape).tocsc().data)

    @cached_property
    def T(self) -> "Neighbourhood":  # noqa: N802
        """The transpose, whose transpose this is."""
        counts = self.columns.new_zeros(self.shape[1] + 1)
        counts.index_add_(0, self.columns + 1, torch.ones_like(self.columns))
        values = None if self.values is None else self.values[self.order]
        other = Neighbourhood(counts.cumsum(0), self.rows[self.order], self.shape[0], values)
        other.__dict__["T"] = self
        return other

    @cached_property
    def entries(self) -> "Neighbourhood":
        """Which entries each row has: it sums what is told of entries one by one."""
        entry = torch.arange(len(self.columns), device=self.columns.device)
        return Neighbourhood(self.pointers, entry, len(self.columns))

    @cached_property
    def reflexive(self) -> "Neighbourhood":
        """The same where each cell hears of itself as well, by an entry of one.

        Raises:
            TopologyError: the cells that hear are others than those they hear of.
        """
        n, sources = self.shape
        if n != sources:
            raise TopologyError(f"of {n} cells and {sources} others, none hears of itself")
        own = torch.arange(n, device=self.columns.device)
        missing = torch.ones(n, dtype=torch.bool, device=self.columns.device)
        missing[self.columns[self.columns == self.rows]] = False
        own = own[missing]
        rows, columns = torch.cat([self.rows, own]), torch.cat([self.columns, own])
        order = torch.argsort(rows * n + columns)
        pointers = torch.cat([self.pointers.new_zeros(1), (self.degrees + missing).cumsum(0)])
        values = self.values
        if values is not None:
            values = torch.cat([values, values.new_ones(len(own))])[order]
        return Neighbourhood(pointers, columns[order], n, values)

    def heads(self, count: int) -> Heads:
        """The same for some heads at once, made when it is first asked for."""
        found = self._heads.get(count)
        if found is None:
            found = self._heads[count] = self._of_heads(count)
        return found

    def _of_heads(self, count: int) -> Heads:
        if count == 1:
            return Heads(self, torch.arange(len(self), device=self.columns.device))
        head = torch.arange(count, device=self.columns.device)
        degrees = self.degrees.repeat_interleave(count)
        pointers = torch.cat([degrees.new_zeros(1), degrees.cumsum(0)])
        # By row, then head, then entry: the entries of a row come once for each head.
        row = torch.arange(len(degrees), device=self.columns.device)
        row = row.repeat_interleave(degrees, output_size=count * len(self))
        entry = torch.arange(len(row), device=row.device) - pointers[row]
        entry += self.pointers[row // count]
        head = row % count
        values = None if self.values is None else self.values[entry]
        wide = Neighbourhood(
            pointers, self.columns[entry] * count + head, self.shape[1] * count, values
        )
        return Heads(wide, entry * count + head)

    def weights(self, dtype: torch.dtype, norm: Norm = "none") -> Float[Tensor, " entry"] | None:
        """The values of entries in a precision, normalised or not; none where all are one.

        Args:
            dtype: of the numbers.
            norm: "mean" divides a row by the sum of its absolute values, "symmetric" by its root
                and by that of its column.
        """
        if norm == "none" and (self.values is None or self.values.dtype == dtype):
            return self.values
        found = self._weights.get((dtype, norm))
        if found is None:
            found = self._normalised(norm).to(dtype)
            if not found.requires_grad:
                self._weights[dtype, norm] = found
        return found

    def _normalised(self, norm: Norm) -> Float[Tensor, " entry"]:
        if norm not in get_args(Norm):
            raise TopologyError(f"a norm is {norm!r}: choose from {', '.join(get_args(Norm))}")
        columns, rows, (n, sources) = self.columns, self.rows, self.shape
        values = self.values
        if values is None:
            values = torch.ones(len(self), dtype=torch.float64, device=columns.device)
        if norm == "none":
            return values
        values, power = values.double(), -1.0 if norm == "mean" else -0.5

        def scale(count: int, at: Tensor) -> Tensor:
            size = values.new_zeros(count).index_add_(0, at, values.abs())
            return torch.where(size > 0, size.pow(power), 0)[at]

        found = values * scale(n, rows)
        return found if norm == "mean" else found * scale(sources, columns)

    def to(self, device: torch.device | str) -> "Neighbourhood":
        """The same on a device."""
        columns = self.columns.to(device)
        if columns is self.columns:
            return self
        values = None if self.values is None else self.values.to(device)
        return Neighbourhood(self.pointers.to(device), columns, self.shape[1], values)

    def __matmul__(self, x: Float[Tensor, "source feature"]) -> Float[Tensor, "target feature"]:
        """Sums over neighbours, through which gradients go.

        Raises:
            TopologyError: there is not a row for each source.
        """
        return self.sum(x)

    def sum(
        self,
        x: Float[Tensor, "source feature"],
        weights: Float[Tensor, "entry ..."] | None = None,
        *,
        norm: Norm = "none",
    ) -> Float[Tensor, "target feature"]:
        """Weighted sums over neighbours, through which gradients go to both.

        Args:
            x: a row of features for each source.
            weights: a number for each entry, or one for each entry and head, by which its value is
                multiplied; the features of a head lie side by side.
            norm: of the values of entries; see `weights`.

        Raises:
            TopologyError: there is not a row for each source, or the weights do not fit.
        """
        self._check(x, self.shape[1])
        own = self.weights(x.dtype, norm)
        if weights is None:
            return kernels.total(self, x, own)
        if weights.ndim not in (1, 2) or len(weights) != len(self):
            raise TopologyError(
                f"weights of {list(weights.shape)} do not fit {len(self)} entries: they are "
                "[entry] or [entry, head]"
            )
        if weights.ndim == 1:
            return kernels.total(self, x, weights if own is None else weights * own)
        count = weights.shape[1]
        if not count or x.shape[1] % count:
            raise TopologyError(f"{x.shape[1]} features are not shared by {count} heads")
        weights = weights if own is None else weights * own[:, None]
        wide, places = self.heads(count)
        flat = x.reshape(self.shape[1] * count, x.shape[1] // count)
        found = kernels.total(wide, flat, weights.reshape(-1).index_select(0, places))
        return found.reshape(self.shape[0], x.shape[1])

    def mean(self, x: Float[Tensor, "source feature"]) -> Float[Tensor, "target feature"]:
        """Means over neighbours, 0 where there are none; see `sum`."""
        return self.sum(x, norm="mean")

    def max(self, x: Float[Tensor, "source feature"]) -> Float[Tensor, "target feature"]:
        """The largest of each feature among neighbours, 0 where there are none."""
        self._check(x, self.shape[1])
        return kernels.extreme(self, x, largest=True)

    def min(self, x: Float[Tensor, "source feature"]) -> Float[Tensor, "target feature"]:
        """The smallest of each feature among neighbours, 0 where there are none."""
        self._check(x, self.shape[1])
        return kernels.extreme(self, x, largest=False)

    def softmax(self, scores: Float[Tensor, "entry ..."]) -> Float[Tensor, "entry ..."]:
        """Softmax over the entries of each row; minus infinity forbids, and gives 0 if all do.

        Raises:
            TopologyError: there is not a score for each entry.
        """
        self._check_count(scores, len(self), "entries")
        return kernels.softmax(self, scores)

    def collect(
        self, of_entries: Float[Tensor, "entry ..."], *, by: kernels.Side = "row"
    ) -> Float[Tensor, "cell ..."]:
        """Sum of what is told of entries, for each row or for each column.

        Raises:
            TopologyError: there is not one for each entry.
        """
        self._check_count(of_entries, len(self), "entries")
        return kernels.collect(self, of_entries, by=by)

    def spread(
        self, of_cells: Float[Tensor, "cell ..."], *, by: kernels.Side = "row"
    ) -> Float[Tensor, "entry ..."]:
        """What is told of the row of each entry, or of its column.

        Raises:
            TopologyError: there is not one for each row, or for each column.
        """
        self._check_count(of_cells, self.shape[0 if by == "row" else 1], f"{by}s")
        return kernels.spread(self, of_cells, by=by)

    def products(
        self,
        left: Float[Tensor, "target feature"],
        right: Float[Tensor, "source feature"],
    ) -> Float[Tensor, " entry"]:
        """Inner products of the features of the two cells of each entry.

        Raises:
            TopologyError: there is not a row for each target and for each source.
        """
        self._check(left, self.shape[0])
        self._check(right, self.shape[1])
        if left.shape[1] != right.shape[1]:
            raise TopologyError(f"{left.shape[1]} features have no product with {right.shape[1]}")
        return kernels.products(self, left, right)

    @staticmethod
    def _check_count(given: Tensor, count: int, what: str) -> None:
        if len(given) != count:
            raise TopologyError(f"{len(given)} rows are not one for each of {count} {what}")

    def _check(self, x: Tensor, cells: int) -> None:
        if x.ndim != 2 or len(x) != cells or not x.is_floating_point():
            raise TopologyError(
                f"a cochain of {list(x.shape)} ({x.dtype}) does not fit a neighbourhood of {cells} "
                "cells: it is [cell, feature], of real numbers"
            )
        if x.device != self.columns.device:
            raise TopologyError(
                f"a cochain is on {x.device} and its complex on {self.columns.device}: move one of "
                "them with .to(device)"
            )
