"""Vectors in the files that users have: .npy and .parquet, a part at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unfrozen.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

PART = 65_536
"""Rows that are in memory at a time."""


def vectors(path: Path) -> "tuple[int, int, Iterator[Tensor]]":
    """Rows of numbers.

    Args:
        path: a .npy file of a matrix or a single row, or a .parquet file, whose numeric columns
            are features, or one of whose columns holds a list of them in each row.

    Returns:
        How many rows, how many features, and the rows in parts.

    Raises:
        DataError: it is neither, cannot be read, or does not hold rows of numbers.
    """
    kinds = {".npy": _npy, ".parquet": _parquet}
    if path.suffix not in kinds:
        raise DataError(f"{path} is neither .npy nor .parquet: vectors come in one of these")
    try:
        return kinds[path.suffix](path)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} cannot be read as vectors: {reason}") from error


def _npy(path: Path) -> "tuple[int, int, Iterator[Tensor]]":
    import numpy as np
    import torch

    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or array.dtype.kind not in "fiu" or not array.size:
        raise DataError(f"{path} holds {array.dtype} of shape {list(array.shape)}, not rows")

    def parts() -> "Iterator[Tensor]":
        for start in range(0, len(array), PART):
            yield torch.from_numpy(np.array(array[start : start + PART], dtype=np.float32))

    return *array.shape, parts()


def _parquet(path: Path) -> "tuple[int, int, Iterator[Tensor]]":
    import numpy as np
    import torch

    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise DataError(f"{path} needs pyarrow: run `pip install unfrozen[scale]`") from error
    try:
        file = parquet.ParquetFile(path)
    except pyarrow.ArrowException as error:
        raise DataError(f"{path} cannot be read as parquet: {error}") from error
    kinds = pyarrow.types
    schema = file.schema_arrow
    lists = [f.name for f in schema if kinds.is_list(f.type) or kinds.is_fixed_size_list(f.type)]
    plain = [f.name for f in schema if kinds.is_floating(f.type) or kinds.is_integer(f.type)]
    if len(lists) > 1 or not (lists or plain) or not file.metadata.num_rows:
        raise DataError(
            f"{path} has {len(lists)} columns of lists and {len(plain)} of numbers: vectors are "
            "one column of lists, or columns of numbers"
        )
    columns = lists or plain

    def matrix(batch: Any) -> Any:
        if lists:
            rows = [np.asarray(row, dtype=np.float32) for row in batch.column(0).to_pylist()]
            if len({len(row) for row in rows}) != 1:
                raise DataError(f"the lists of {path} are not of one length")
            return np.stack(rows)
        arrays = [c.to_numpy(zero_copy_only=False) for c in batch.columns]
        return np.stack([a.astype(np.float32) for a in arrays], 1)

    def parts() -> "Iterator[Tensor]":
        for batch in file.iter_batches(PART, columns=columns):
            if batch.num_rows:
                yield torch.from_numpy(matrix(batch))

    width = matrix(next(file.iter_batches(1, columns=columns))).shape[1]
    return file.metadata.num_rows, width, parts()
