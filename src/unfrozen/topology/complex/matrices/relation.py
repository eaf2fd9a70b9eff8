"""Names of the matrices of a complex: from the cells of one rank to those of another."""

from dataclasses import dataclass, replace
from typing import Literal

from unfrozen.errors import TopologyError

Kind = Literal["incidence", "adjacency", "coadjacency", "laplacian", "identity"]


@dataclass(frozen=True)
class Relation:
    """Which cells hear of which: the rows of a matrix, and its columns.

    Attributes:
        kind: of neighbourhood.
        target: rank of the rows, the cells that hear.
        source: rank of the columns, the cells they hear of.
        via: rank of the cells that neighbours share; of a Laplacian its one term, and none for
            both.
        signed: whether orientations count.

    Raises:
        TopologyError: ranks do not fit the kind.
    """

    kind: Kind
    target: int
    source: int
    via: int | None = None
    signed: bool = False

    def __post_init__(self) -> None:
        if min(self.target, self.source) < 0:
            raise TopologyError(f"ranks are 0 and above, not {self.target} and {self.source}")
        if (self.kind == "incidence") == (self.target == self.source):
            raise TopologyError(
                f"{self.kind} has no rows of rank {self.target} and columns of {self.source}: "
                "incidence joins two ranks, the others stay in one"
            )
        via = self.via
        fits = {
            "incidence": via is None,
            "identity": via is None,
            "adjacency": via is not None and via > self.target,
            "coadjacency": via is not None and 0 <= via < self.target,
            "laplacian": via is None or (via >= 0 and abs(via - self.target) == 1),
        }
        if not fits[self.kind]:
            raise TopologyError(f"cells of rank {self.target} have no {self.kind} by rank {via}")
        if self.kind == "laplacian" and not self.signed:
            raise TopologyError("a Hodge Laplacian counts orientations: signed=True")

    @property
    def T(self) -> "Relation":  # noqa: N802
        """The matrix with rows and columns exchanged: the same for all but incidence."""
        return replace(self, target=self.source, source=self.target)

    def __str__(self) -> str:
        """As papers write it, with the rank of the shared cells in full."""
        low, high = sorted((self.target, self.source))
        names = {
            "incidence": f"B({low},{high})" + ("ᵀ" if self.target == high else ""),
            "adjacency": f"A({low} by {self.via})",
            "coadjacency": f"coA({low} by {self.via})",
            "laplacian": f"L({low})" if self.via is None else f"L({low} by {self.via})",
            "identity": f"I({low})",
        }
        return ("±" if self.signed and self.kind != "laplacian" else "") + names[self.kind]


def incidence(low: int, high: int, *, signed: bool = False) -> Relation:
    """B_{low,high}: which cells of a lower rank lie within which of a higher one.

    Its rows are the lower rank, so that it takes a cochain of the higher rank to the lower; its
    transpose `.T` goes up.
    """
    if low >= high:
        raise TopologyError(f"incidence goes from a lower to a higher rank, not {low} to {high}")
    return Relation("incidence", low, high, signed=signed)


def adjacency(rank: int, *, via: int | None = None, signed: bool = False) -> Relation:
    """Cells of a rank that lie within a common one of a higher rank, the next by default.

    The literature's A_{r,k} counts from the rank: it is `adjacency(r, via=r + k)` here.
    """
    return Relation("adjacency", rank, rank, rank + 1 if via is None else via, signed)


def coadjacency(rank: int, *, via: int | None = None, signed: bool = False) -> Relation:
    """Cells of a rank in which a common one of a lower rank lies, the next by default.

    The literature's coA_{r,k} counts from the rank: it is `coadjacency(r, via=r - k)` here.
    """
    return Relation("coadjacency", rank, rank, rank - 1 if via is None else via, signed)


def laplacian(rank: int, *, via: int | None = None) -> Relation:
    """The Hodge Laplacian of a rank, or its lower or upper term (`via` the rank below or above)."""
    return Relation("laplacian", rank, rank, via, signed=True)


def identity(rank: int) -> Relation:
    """Each cell hears of itself."""
    return Relation("identity", rank, rank)
