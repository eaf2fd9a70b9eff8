"""Knowledge graphs as cells to be found: each triple is a set of three."""

import numpy as np

from unfrozen.data.knowledge_graphs import KnowledgeGraph
from unfrozen.topology.tasks.completion import Completion

MEMBERS = (0, 2)
"""What is asked of a triple as a rule: its subject, and its object."""


def triples_as_cells(graph: KnowledgeGraph) -> Completion:
    """Triples as sets of a subject, a relation and an object.

    A set has no direction, and an entity may be related to itself.  So an entity is two nodes, one
    as subject and one as object, and a relation is a node: nodes are all subjects, all relations,
    all objects.  Cells of rank 1 join the two nodes of an entity.

    Args:
        graph: triples.
    """
    n, many = len(graph.entities), len(graph.relations)
    first = np.array([0, n, n + many])
    parts = (graph.train, graph.validation, graph.test)
    entity = np.arange(n)
    return Completion(
        graph.name,
        np.repeat([0, 1, 2], [n, many, n]),
        *(part.numpy() + first for part in parts),
        context={1: np.stack([entity, n + many + entity], 1)},
    )
