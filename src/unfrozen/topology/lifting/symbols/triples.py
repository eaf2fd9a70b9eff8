"""Knowledge graphs as complexes: entities are nodes, and what is said of two of them is an edge."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.lifting.base.sets import Located


@dataclass(frozen=True, eq=False)
class Knowledge:
    """A complex of triples, and where each triple is in it.

    Attributes:
        complex: entities as nodes; each pair of which something is said as a cell of rank 1.
        cell: of each triple.  It has rank 1, or rank 0 where an entity is related to itself: that
            set of one is the entity.
        along: whether a triple goes from the first node of its cell to the second.
        relation: of each triple.
        n_relations: how many there are.
    """

    complex: Complex
    cell: Located
    along: Bool[np.ndarray, " triple"]
    relation: Int64[np.ndarray, " triple"]
    n_relations: int

    def counts(self, rank: int = 1) -> Float[Tensor, "cell relation_both_ways"]:
        """How often each relation holds of each cell.

        Column r counts the triples of relation r along the cell, column r + `n_relations` those
        against it.

        Args:
            rank: 1 for pairs, 0 for entities related to themselves.
        """
        own = self.cell.rank == rank
        column = self.relation[own] + self.n_relations * ~self.along[own]
        shape = (self.complex.n_cells(rank), 2 * self.n_relations)
        where = torch.from_numpy(self.cell.row[own] * shape[1] + column)
        counted = torch.bincount(where, minlength=shape[0] * shape[1])
        return counted.view(shape).to(self.complex.device, torch.get_default_dtype())


def knowledge(
    triples: Int64[Tensor, "triple 3"],
    n_entities: int | None = None,
    n_relations: int | None = None,
    *,
    nodes: Float[Tensor, "entity _"] | None = None,
    features: bool = False,
) -> Knowledge:
    """Triples of head, relation and tail as a complex of rank 1.

    A set has one rank and is there once: all that is said of two entities, whichever way, is one
    cell, directed as the first triple of them.  Relations are no nodes but features of the cells.
    Nothing is lost: `cell`, `along` and `relation` tell of every triple where it went.

    Args:
        triples: numbers of entities and relations.
        n_entities: how many there are; by default as many as are named or have features.
        n_relations: likewise.
        nodes: features of the entities.
        features: whether cells get their `counts` as features, which take twice as many numbers a
            cell as there are relations.

    Raises:
        TopologyError: there are no triples, or a number is not that of an entity or relation.

    Example:
        >>> known = knowledge(torch.tensor([[0, 0, 1], [1, 1, 0], [1, 0, 2], [2, 0, 2]]))
        >>> known.complex
        Complex(3 nodes, 2 of rank 1)
        >>> known.cell.rank, known.cell.row, known.along
        (array([1, 1, 1, 0]), array([0, 0, 1, 2]), array([ True, False,  True,  True]))
    """
    rows = triples.detach().cpu().numpy()
    if not len(rows):
        raise TopologyError("a knowledge graph has a triple or more")
    head, relation, tail = rows.T
    entities, relations = int(max(head.max(), tail.max())) + 1, int(relation.max()) + 1
    if n_entities is None:
        n_entities = entities if nodes is None else len(nodes)
    n_relations = relations if n_relations is None else n_relations
    if rows.min() < 0 or entities > n_entities or relations > n_relations:
        raise TopologyError(
            f"triples are of entities 0 to {n_entities - 1} and relations 0 to {n_relations - 1}: "
            "head, relation, tail"
        )
    pair = np.flatnonzero(head != tail)
    keys = np.minimum(head, tail)[pair] * n_entities + np.maximum(head, tail)[pair]
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    tails_of = pair[first[order]]
    edges = np.stack([head[tails_of], tail[tails_of]], 1)
    rank, row = np.zeros(len(rows), np.int64), head.copy()
    rank[pair], row[pair] = 1, place[which]
    along = np.ones(len(rows), bool)
    along[pair] = edges[row[pair], 0] == head[pair]
    complex = Complex(  # noqa: A001
        {1: edges}, n_nodes=n_entities, features={} if nodes is None else {0: nodes}
    )
    if nodes is not None:
        complex = complex.to(nodes.device)  # noqa: A001
    found = Knowledge(complex, Located(rank, row), along, relation.copy(), n_relations)
    if not features:
        return found
    featured = complex.with_features(1, found.counts())
    return Knowledge(featured, found.cell, along, found.relation, n_relations)
