"""A complex as a file: JSON that hands can write too, and its features beside it as safetensors.

Version 1 of the format, all but "kind", "format" and "nodes" being optional:

    {
      "kind": "complex",
      "format": 1,
      "nodes": 4,
      "cells": {
        "1": [[0, 1], [1, 2], [2, 3], [3, 0]],
        "2": [[0, 1, 2, 3]]
      },
      "ids": {"0": [0, 1, 2, 3], "1": [4, 5, 6, 7], "2": [8]},
      "labels": ["north", "east", "south", "west"],
      "features": {
        "file": "square.3f0c9a71d2e4.safetensors",
        "sha256": "3f0c9a71d2e4...",
        "columns": {"0": ["x", "y"]}
      }
    }

Cells are by rank, and a cell is its nodes in order.  Ids are there where they do not just count the
cells.  Features are tensors "0", "1", ... of [cell, feature], in a file in the same folder that has
a part of its hash in its name: what is there is whole at any time, also while it is written over.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from unfrozen.data.cache import atomic_write
from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex

FORMAT = 1
"""Version of the format."""

_KIND = "complex"
_KEYS = {"kind", "format", "nodes", "cells", "ids", "labels", "features"}
_RANK = re.compile("0|[1-9][0-9]{0,8}")
_PLACES = (("x", "y", "z"), ("x", "y"))


@dataclass(frozen=True, eq=False)
class Stored:
    """A complex with the names that its file has for what is in it.

    Attributes:
        complex: the cells and their features.
        labels: a name for each node; none where they have none.
        columns: rank -> a name for each of its features, where they have names.

    Raises:
        TopologyError: names do not fit the cells or their features.
    """

    complex: Complex
    labels: tuple[str, ...] | None = None
    columns: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.labels is not None and len(self.labels) != self.complex.n_nodes:
            raise TopologyError(
                f"{len(self.labels)} labels are not one for each of {self.complex.n_nodes} nodes"
            )
        for rank, names in self.columns.items():
            rows = self.complex.features.get(rank)
            width = 0 if rows is None else rows.shape[1]
            if len(names) != width:
                raise TopologyError(
                    f"{len(names)} names do not fit the {width} features of rank {rank}"
                )

    @property
    def places(self) -> Tensor | None:
        """Where nodes are, [node, 2] or [node, 3]: their features x, y and z, if so named."""
        names = self.columns.get(0, ())
        for axes in _PLACES:
            if set(axes) <= set(names):
                return self.complex.features[0][:, [names.index(axis) for axis in axes]]
        return None


def save_complex(
    complex: Complex,  # noqa: A002
    path: str | Path,
    *,
    labels: Sequence[str] | None = None,
    columns: Mapping[int, Sequence[str]] | None = None,
) -> None:
    """Write a complex to a file, whole or not at all.

    The file of features that an earlier complex of this name had goes when the new one is there.

    Args:
        complex: on any device.
        path: of the JSON; features go beside it.
        labels: a name for each node.
        columns: rank -> a name for each of its features.

    Raises:
        TopologyError: names do not fit.
        DataError: the disk is full or refuses.

    Example:
        >>> import tempfile
        >>> square = Complex({1: [[0, 1], [1, 2], [2, 3], [3, 0]], 2: [[0, 1, 2, 3]]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_complex(square, f"{folder}/square.json")
        ...     load_complex(f"{folder}/square.json")
        Complex(4 nodes, 4 of rank 1, 1 of rank 2)
    """
    path = Path(path)
    named = {rank: tuple(names) for rank, names in (columns or {}).items()}
    stored = Stored(complex, None if labels is None else tuple(labels), named)
    head: dict[str, Any] = {"kind": _KIND, "format": FORMAT, "nodes": complex.n_nodes}
    if not _counting(complex):
        head["ids"] = {str(rank): own.tolist() for rank, own in complex.ids.items()}
    if stored.labels is not None:
        head["labels"] = list(stored.labels)
    before = _features_of(path)
    if complex.features:
        head["features"] = _write_features(stored, path)
    cells = {rank: _rows(complex, rank) for rank in complex.ranks if rank}
    # A line a rank, and one for each of the rest: it can be read, and compared by lines.
    lines = [f"  {json.dumps(key)}: {json.dumps(x)}" for key, x in head.items()]
    of_ranks = ",\n".join(f'    "{rank}": {json.dumps(rows)}' for rank, rows in cells.items())
    lines.insert(3, f'  "cells": {{\n{of_ranks}\n  }}' if cells else '  "cells": {}')
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    now = head["features"]["file"] if "features" in head else None
    try:
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except BaseException:
        _remove(path, now, unless=before)
        raise
    _remove(path, before, unless=now)


def load_complex(path: str | Path) -> Complex:
    """Read a complex that `save_complex` wrote, or a hand; see `read_complex`."""
    return read_complex(path).complex


def read_complex(path: str | Path) -> Stored:
    """Read a complex with the names that its file has.

    Args:
        path: of the JSON.

    Raises:
        TopologyError: the file or that of its features is missing or damaged, is no complex, is of
            another version, or its cells break an axiom.
    """
    path = Path(path)
    return parse_complex(read_json(path), path)


def read_json(path: Path) -> Any:
    """What a JSON file holds; a key that is there twice is an error.

    Raises:
        TopologyError: the file is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once)
    except (OSError, ValueError, RecursionError) as error:
        raise TopologyError(f"{path} cannot be read as JSON: {_line(error)}") from error


def parse_complex(found: Any, path: Path) -> Stored:
    """A complex of what its file holds; see `read_complex`."""
    if not isinstance(found, dict) or found.get("kind") != _KIND:
        raise TopologyError(f'{path} is no complex: its file has "kind": "{_KIND}"')
    version = found.get("format")
    if type(version) is not int or version != FORMAT:
        raise TopologyError(
            f"{path} is a complex of format {version!r}, and this version reads {FORMAT}"
        )
    unknown = sorted(set(found) - _KEYS)
    if unknown:
        raise TopologyError(f"{path} has {unknown[0]!r}, which format {FORMAT} does not know")
    nodes = found.get("nodes")
    if not isinstance(nodes, int) or isinstance(nodes, bool) or nodes < 1:
        _damaged(path, f'"nodes" are a number from 1 up, not {nodes!r}')
    cells = _by_rank(found.get("cells", {}), "cells", path, lowest=1)
    for rank, rows in cells.items():
        _check_cells(rank, rows, path)
    ids = _by_rank(found["ids"], "ids", path) if "ids" in found else None
    for rank, own in (ids or {}).items():
        if not _numbers(own):
            _damaged(path, f"ids of rank {rank} are no whole numbers")
    try:
        features, columns = _read_features(found.get("features"), path)
        made = Complex(
            cells,
            n_nodes=nodes,
            features=features,
            ids=None if ids is None else {r: np.array(own, np.int64) for r, own in ids.items()},
        )
        return Stored(made, _texts(found.get("labels"), "labels", path), columns)
    except OverflowError as error:
        _damaged(path, f"a number is too large: {error}")
    except TopologyError as error:
        if str(error).startswith(str(path)):
            raise
        raise TopologyError(f"{path}: {error}") from error


def _counting(complex: Complex) -> bool:  # noqa: A002
    """Whether ids are those that they are by default."""
    ids = np.concatenate([complex.ids[rank] for rank in complex.ranks])
    return bool((ids == np.arange(len(ids))).all())


def _rows(complex: Complex, rank: int) -> list[list[int]]:  # noqa: A002
    cells = complex.cells(rank)
    members = cells.members.tolist()
    return [members[begin:end] for begin, end in pairwise(cells.pointers.tolist())]


def _write_features(stored: Stored, path: Path) -> dict[str, Any]:
    plain = {
        str(rank): rows.detach().cpu().contiguous().clone()
        for rank, rows in sorted(stored.complex.features.items())
    }
    data = safetensors.torch.save(plain)
    digest = hashlib.sha256(data).hexdigest()
    name = f"{path.stem}.{digest[:12]}.safetensors"
    with atomic_write(path.with_name(name)) as temporary:
        temporary.write_bytes(data)
    columns = {str(rank): list(names) for rank, names in stored.columns.items()}
    return {"file": name, "sha256": digest, **({"columns": columns} if columns else {})}


def _remove(path: Path, beside: str | None, *, unless: str | None) -> None:
    if beside is not None and beside != unless:
        path.with_name(beside).unlink(missing_ok=True)


def _features_of(path: Path) -> str | None:
    """The file of features of the complex that is there now, if it is one that was written so."""
    if not path.is_file():
        return None
    try:
        told = read_json(path)["features"]
        name, digest = told["file"], told["sha256"]
    except (TopologyError, KeyError, TypeError):
        return None
    return name if name == f"{path.stem}.{str(digest)[:12]}.safetensors" else None


def _read_features(told: Any, path: Path) -> tuple[dict[int, Tensor], dict[int, tuple[str, ...]]]:
    if told is None:
        return {}, {}
    if not isinstance(told, dict) or not isinstance(told.get("file"), str):
        _damaged(path, 'its "features" name no file')
    if Path(told["file"]).name != told["file"]:
        _damaged(path, f"{told['file']!r}, with its features, is no name of a file beside it")
    beside = path.with_name(told["file"])
    try:
        data = beside.read_bytes()
    except OSError as error:
        raise TopologyError(
            f"{path} has its features in {beside}, which cannot be read: {error.strerror}"
        ) from error
    if hashlib.sha256(data).hexdigest() != told.get("sha256"):
        raise TopologyError(f"{beside} is damaged, or not the file of features of {path}")
    try:
        tensors = safetensors.torch.load(data)
    except (SafetensorError, KeyError) as error:
        raise TopologyError(f"{beside} cannot be read as features: {_line(error)}") from error
    features = _by_rank(tensors, "features", path)
    for rank, rows in features.items():
        if rows.ndim != 2 or not rows.is_floating_point():
            _damaged(path, f"features of rank {rank} are {rows.dtype} of {list(rows.shape)}")
    columns = _by_rank(told.get("columns", {}), "columns", path)
    return features, {
        rank: _texts(names, "names of features", path) or () for rank, names in columns.items()
    }


def _by_rank(found: Any, what: str, path: Path, *, lowest: int = 0) -> dict[int, Any]:
    if not isinstance(found, dict):
        _damaged(path, f"its {what} are by rank, not {type(found).__name__}")
    for key in found:
        if not _RANK.fullmatch(key) or int(key) < lowest:
            _damaged(path, f"its {what} are by ranks from {lowest} up, and one is {key!r}")
    return {int(key): x for key, x in found.items()}


def _check_cells(rank: int, rows: Any, path: Path) -> None:
    if not isinstance(rows, list):
        _damaged(path, f"cells of rank {rank} are no list")
    for row, nodes in enumerate(rows):
        if not _numbers(nodes) or not nodes:
            _damaged(path, f"cell {row} of rank {rank} is no list of nodes: {str(nodes)[:60]}")


def _texts(found: Any, what: str, path: Path) -> tuple[str, ...] | None:
    if found is None:
        return None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        _damaged(path, f"its {what} are no list of texts")
    return tuple(found)


def _numbers(found: Any) -> bool:
    return isinstance(found, list) and all(type(each) is int for each in found)


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} is there twice")
        found[key] = value
    return found


def _damaged(path: Path, why: str) -> NoReturn:
    raise TopologyError(f"{path} is damaged: {why}")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
