"""A Hopfield network whose patterns are cells: a relation is recalled from some of its members.

A cell is stored as the sum of its members' codes, and asked for by the sum of those that are known.
Codes of one place each count common members: the cells that have all that are known have the
highest score, and sparse attention takes them alone and all alike.  What is read is then exactly,
for each node, the share of those cells that have it.  Random codes need fewer numbers and are near
to it.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.memory.hopfield.modern import ModernHopfield
from unfrozen.topology.complex import Cells

_SPARSEMAX = 2.0
# One common member more weighs this much: above 1, sparse attention takes only the best.
_BETA = 2.0


class Recalled(NamedTuple):
    """What some members recall.

    Attributes:
        shares: of the cells recalled, how many have each node.
        members: nodes that were not given, the likeliest first.
    """

    shares: Float[Tensor, "query node"]
    members: Int64[Tensor, "query missing"]


class CellMemory:
    """Stores cells, and recalls them by some of their members.

    Args:
        n_nodes: of which cells are sets.
        width: of the nodes' codes; none for one place each, which is exact.
        beta: how much a common member counts.
        alpha: of the attention: 2 for sparse, 1 for softmax.
        generator: draws codes of a width.

    Raises:
        TopologyError: codes of a width have no generator.

    Source: Ramsauer et al. 2021 and Hu et al. 2023 for the network.

    Example:
        >>> memory = CellMemory(5)
        >>> _ = memory.write(Cells.of([[0, 1, 2], [0, 3, 4]]))
        >>> memory.recall([[0, 4]], missing=1).members.tolist()
        [[3]]
    """

    def __init__(
        self,
        n_nodes: int,
        *,
        width: int | None = None,
        beta: float = _BETA,
        alpha: float = _SPARSEMAX,
        generator: torch.Generator | None = None,
    ) -> None:
        if width is None:
            self.codes = torch.eye(n_nodes)
        elif generator is None:
            raise TopologyError("random codes need a generator")
        else:
            drawn = torch.randn(n_nodes, width, generator=generator)
            self.codes = drawn / drawn.norm(dim=1, keepdim=True)
        self.network = ModernHopfield(
            self.codes.shape[1], n_nodes, beta=beta, alpha=alpha, similarity="dot"
        )

    def write(self, cells: Cells) -> int:
        """Store cells.

        Args:
            cells: sets of nodes.

        Returns:
            What `forget` takes.

        Raises:
            TopologyError: there are none, or a node is not there.
        """
        if not len(cells):
            raise TopologyError("there are no cells to store")
        rows = self._rows([cells[i].tolist() for i in range(len(cells))])
        return self.network.write(rows @ self.codes, rows)

    def forget(self, written: int) -> None:
        """Forget the cells of a write, as though they had never been stored."""
        self.network.forget(written)

    def recall(self, given: list[list[int]], *, missing: int = 1) -> Recalled:
        """What cells have besides some members.

        Args:
            given: known members, one list a query; in any number.
            missing: how many more are told.

        Raises:
            TopologyError: nothing is stored, a node is not there, or fewer nodes are left.
        """
        if not len(self.network.keys):
            raise TopologyError("the memory is empty: write() cells first")
        rows = self._rows(given)
        if missing < 1 or missing > len(self.codes) - int(rows.sum(1).max()):
            raise TopologyError(f"there are not {missing} nodes besides those that are given")
        shares = self.network.read(rows @ self.codes, steps=1)
        likely = (
            shares.masked_fill(rows > 0, -1.0).sort(dim=1, descending=True, stable=True).indices
        )
        return Recalled(shares, likely[:, :missing])

    def _rows(self, sets: list[list[int]]) -> Float[Tensor, "set node"]:
        """Which nodes each set has."""
        n = len(self.codes)
        nodes = [node for one in sets for node in one]
        if not all(sets) or min(nodes, default=-1) < 0 or max(nodes) >= n:
            raise TopologyError(f"sets are of one node or more, of 0 to {n - 1}")
        owners = torch.tensor([i for i, one in enumerate(sets) for _ in one])
        rows = self.codes.new_zeros(len(sets), n)
        rows[owners, torch.tensor(nodes)] = 1.0
        return rows
