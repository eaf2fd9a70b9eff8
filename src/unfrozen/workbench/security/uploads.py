"""Files from a browser: safetensors and JSON, nothing that can run."""

import json
import math
from typing import TYPE_CHECKING, Any

from unfrozen.errors import WorkbenchError

if TYPE_CHECKING:
    from torch import Tensor

_KINDS = "a .safetensors or a .json file"


def read_json(data: bytes) -> Any:
    """JSON from bytes.

    Raises:
        WorkbenchError: it is none.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WorkbenchError(f"the file is no JSON: {error}") from error


def read_tensors(data: bytes) -> "dict[str, Tensor]":
    """Tensors from the bytes of a safetensors file.

    Raises:
        WorkbenchError: it is none.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise WorkbenchError(f"the file is no safetensors file: {reason}") from error


def read_matrix(name: str, data: bytes, most: int = 1_000_000) -> "Tensor":
    """Rows of numbers from a file.

    Args:
        name: of the file, which tells its kind.
        data: its bytes; of safetensors one matrix, of JSON a list of lists.
        most: numbers.

    Returns:
        The rows, float32 [n, d].

    Raises:
        WorkbenchError: it is of another kind, holds something else, or too much.
    """
    import torch

    suffix = name.lower().rpartition(".")[2] if "." in name else ""
    if suffix == "safetensors":
        found = [t for t in read_tensors(data).values() if t.ndim == 2]
        if len(found) != 1:
            raise WorkbenchError(f"the file holds {len(found)} matrices: give one of [n, d]")
        rows = found[0]
    elif suffix == "json":
        rows = _rows(read_json(data), most)
    else:
        raise WorkbenchError(f"{name!r} is not taken: give {_KINDS}")
    if not rows.numel() or rows.numel() > most or rows.dtype == torch.bool or rows.is_complex():
        raise WorkbenchError(f"{name!r} holds {list(rows.shape)}: up to {most:,} numbers are taken")
    rows = rows.to(torch.float32)
    if not bool(rows.isfinite().all()):
        raise WorkbenchError(f"{name!r} holds numbers that are not finite")
    return rows


def _rows(value: Any, most: int) -> "Tensor":
    """A list of lists of numbers, all of one length."""
    import torch

    def is_row(row: Any) -> bool:
        return isinstance(row, list) and all(
            isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) for x in row
        )

    if not isinstance(value, list) or not value or not all(map(is_row, value)):
        raise WorkbenchError("the file is no list of lists of numbers: give [[1, -1, ...], ...]")
    widths = {len(row) for row in value}
    if len(widths) != 1:
        raise WorkbenchError(f"the rows have {min(widths)} to {max(widths)} numbers: give as many")
    if len(value) * widths.pop() > most:
        raise WorkbenchError(f"the file holds too many numbers: up to {most:,} are taken")
    return torch.tensor(value, dtype=torch.float32)
