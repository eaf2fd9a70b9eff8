"""Attributes of cells as rows of numbers, and back, with their names."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import TopologyError


@dataclass(frozen=True)
class Column:
    """An attribute of the cells of a rank, in their features.

    Attributes:
        name: of the attribute.
        width: how many numbers it has; none where it is one number by itself.
    """

    name: str
    width: int | None = None


def gather(
    rows: Sequence[Mapping[Any, Any]],
    labels: Sequence[Hashable],
    rank: int,
    leave_out: Collection[str],
    dtype: torch.dtype,
) -> tuple[Float[Tensor, "cell feature"] | None, tuple[Column, ...]]:
    """Attributes of all cells of a rank, side by side; none where they have none.

    Args:
        rows: the attributes of each cell, by name.
        labels: of the cells, for errors.
        rank: of the cells, for errors.
        leave_out: names that are not wanted.
        dtype: to which numbers are rounded; whole ones are kept or refused.

    Raises:
        TopologyError: an attribute is no number or row of numbers, not all cells have it, or it
            does not fit the precision.
    """
    names = dict.fromkeys(name for row in rows for name in row if name not in leave_out)
    found = {}
    for name in names:
        values = [_number(row, name, label, rank) for row, label in zip(rows, labels, strict=True)]
        if len({value.shape for value in values}) > 1:
            raise TopologyError(
                f"attribute {name!r} of cells of rank {rank} has rows of several lengths"
                + _without(name)
            )
        found[name] = np.stack(values)
    return pack(found, rank, dtype)


def pack(
    values: Mapping[Any, np.ndarray], rank: int, dtype: torch.dtype
) -> tuple[Float[Tensor, "cell feature"] | None, tuple[Column, ...]]:
    """Arrays of numbers, [cell] or [cell, number], side by side; none where there are none.

    Args:
        values: by name of the attribute.
        rank: of the cells, for errors.
        dtype: to which numbers are rounded; whole ones are kept or refused.

    Raises:
        TopologyError: an array does not fit the precision, or is none of these.
    """
    columns, found = [], []
    for name, every in values.items():
        if every.ndim not in (1, 2) or every.dtype.kind not in "biuf":
            raise TopologyError(
                f"attribute {name!r} of cells of rank {rank} is {every.dtype} of "
                f"{list(every.shape)}, no numbers" + _without(name)
            )
        cast = torch.from_numpy(every.astype(np.float64)).to(dtype)
        if not _fits(cast, every):
            raise TopologyError(
                f"attribute {name!r} of cells of rank {rank} does not fit {dtype}: pass a wider "
                f"dtype, or leave_out=[{name!r}] to go without"
            )
        columns.append(Column(str(name), None if every.ndim == 1 else every.shape[1]))
        found.append(cast[:, None] if every.ndim == 1 else cast)
    if not found:
        return None, ()
    return torch.cat(found, 1), tuple(columns)


def spread(x: Float[Tensor, "cell feature"], columns: Sequence[Column]) -> list[dict[str, Any]]:
    """The attributes of each cell, by name."""
    parts = x.detach().cpu().split([column.width or 1 for column in columns], 1)
    lists = [
        part[:, 0].tolist() if column.width is None else part.tolist()
        for column, part in zip(columns, parts, strict=True)
    ]
    names = [column.name for column in columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*lists, strict=True)]


def _number(row: Mapping[Any, Any], name: Any, label: Hashable, rank: int) -> np.ndarray:
    if name not in row:
        raise TopologyError(
            f"attribute {name!r} is not there at {label!r} of rank {rank}, and is at others"
            + _without(name)
        )
    try:
        value = np.asarray(row[name])
    except (TypeError, ValueError, RuntimeError):
        value = np.asarray(None)
    if value.dtype.kind not in "biuf" or value.ndim > 1 or not value.size:
        raise TopologyError(
            f"attribute {name!r} of {label!r} of rank {rank}, {row[name]!r}, is no number or row "
            "of numbers" + _without(name)
        )
    return value


def _fits(cast: Tensor, every: np.ndarray) -> bool:
    """Whether whole numbers are as they were, and what was finite is so still."""
    if every.dtype.kind in "iu":
        exact = max(-int(every.min()), int(every.max())) <= 2**53
        return exact and np.array_equal(cast.double().numpy(), every)
    return bool((cast.isfinite().numpy() | ~np.isfinite(every.astype(np.float64))).all())


def _without(name: Any) -> str:
    return f": pass leave_out=[{name!r}] to go without"
