"""The log of what became of a complex: cells added and retired, a line each."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.data.lines import read_lines, write_lines
from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex

FORMAT, VERSION = "unfrozen.growing", 1


@dataclass(frozen=True, eq=False)
class Edit:
    """One cell came or went.

    Attributes:
        kind: which of the two.
        id: of the cell, for good: no other cell is given it again.
        rank: of the cell.
        nodes: their ids, in the order that orients the cell; of a node, itself.
        features: of a cell that came, where its rank has features.
    """

    kind: Literal["add", "retire"]
    id: int
    rank: int
    nodes: tuple[int, ...]
    features: Float[Tensor, " feature"] | None = None


def fingerprint(base: Complex) -> str:
    """A hash of the cells, ids and features of a complex."""
    found = hashlib.sha256()
    for rank in base.ranks:
        found.update(f"rank {rank} of {base.n_cells(rank)}".encode())
        cells = base.cells(rank)
        for array in (cells.pointers, cells.members, base.ids[rank]):
            found.update(array.astype("<i8").tobytes())
        if rank in base.features:
            rows = base.features[rank].detach().cpu().contiguous()
            found.update(f"{rows.dtype} {list(rows.shape)}".encode())
            found.update(rows.view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def write_log(path: str | os.PathLike[str], base: Complex, edits: Iterable[Edit]) -> None:
    """Write what became of a complex, whole or not at all.

    Raises:
        DataError: the disk is full or refuses.
    """
    head = {"format": FORMAT, "version": VERSION, "base": fingerprint(base)}
    write_lines(path, [head, *map(_line, edits)])


def read_log(path: str | os.PathLike[str], base: Complex) -> list[Edit]:
    """What became of a complex.

    Raises:
        DataError: a line is no object of JSON.
        TopologyError: there is no such file, it is no log, or it is one of another complex.
    """
    path = Path(path)
    if not path.is_file():
        raise TopologyError(f"there is no log of a growing complex at {path}")
    head, *lines = read_lines(path) or [{}]
    if head.get("format") != FORMAT:
        raise TopologyError(f"{path} is no log of a growing complex")
    if head.get("version") != VERSION:
        raise TopologyError(
            f"{path} is of version {head.get('version')}, and this library reads {VERSION}: use "
            "the one that wrote it"
        )
    if head.get("base") != fingerprint(base):
        raise TopologyError(
            f"{path} tells what became of another complex: its cells, ids or features differ"
        )
    return [_edit(line, f"line {number} of {path}") for number, line in enumerate(lines, 2)]


def _line(edit: Edit) -> dict[str, Any]:
    if edit.kind == "retire":
        return {"retire": edit.id}
    line: dict[str, Any] = {"add": edit.id, "rank": edit.rank}
    if edit.rank:
        line["nodes"] = edit.nodes
    if edit.features is not None:
        # Numbers of any precision are written so that they are read as they were.
        line["features"] = edit.features.double().tolist()
        line["dtype"] = str(edit.features.dtype).removeprefix("torch.")
    return line


_DTYPES = {
    str(d).removeprefix("torch."): d
    for d in (torch.float16, torch.bfloat16, torch.float32, torch.float64)
}


def _edit(line: dict[str, Any], where: str) -> Edit:
    try:
        if "retire" in line:
            return Edit("retire", int(line["retire"]), -1, ())
        features = None
        if "features" in line:
            numbers = torch.tensor(line["features"], dtype=torch.float64)
            features = numbers.to(_DTYPES[line["dtype"]])
        own, rank = int(line["add"]), int(line["rank"])
        nodes = tuple(map(int, line["nodes"])) if rank else (own,)
        return Edit("add", own, rank, nodes, features)
    except (KeyError, TypeError, ValueError) as error:
        raise TopologyError(f"{where} is damaged: {error!r} in {line}") from error
