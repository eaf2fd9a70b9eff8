"""Tasks on complexes, with their ground truth: what is to be told, and what is to be found.

- Expressivity, exact: `expressivity` over strongly regular graphs, `skip_links`.
- Classes of complexes: graphs, `bianchi_graphs`, meshes (`unfrozen.topology.tasks.meshes`), with
  tuned graph baselines beside networks on cells (`unfrozen.topology.tasks.classification`).
- What pairs cannot say: `parities` on Steiner systems, `zero_sum`.
- Complexes that are seen in part: `masked_coboundary`, `Completion`, cell prediction and a memory
  of cells (`unfrozen.topology.tasks.cells`).
"""

from unfrozen.topology.tasks.bianchi import BIANCHI, BianchiSettings, bianchi_graphs, bianchi_parts
from unfrozen.topology.tasks.cochains import MaskedCochain, complete, in_span, masked_coboundary
from unfrozen.topology.tasks.completion import (
    Candidates,
    Completion,
    explained_by_pairs,
    pair_counts,
    zero_sum,
)
from unfrozen.topology.tasks.labelled import (
    CellLabelled,
    Labelled,
    Parts,
    from_graphs,
    standardised,
    with_ones,
)
from unfrozen.topology.tasks.ranking import Ranked, Ranks, auc, chance, ranked, ranks
from unfrozen.topology.tasks.refinement import (
    Refined,
    cellular,
    expressivity,
    immediate,
    refine,
    strongly_regular_failures,
    unseparated,
)
from unfrozen.topology.tasks.steiner import Parities, bose, graph_ceiling, parities
from unfrozen.topology.tasks.strongly_regular import (
    FAMILIES,
    SKIPS,
    circular_skip_links,
    skip_links,
    strongly_regular,
)

__all__ = [
    "BIANCHI",
    "FAMILIES",
    "SKIPS",
    "BianchiSettings",
    "Candidates",
    "CellLabelled",
    "Completion",
    "Labelled",
    "MaskedCochain",
    "Parities",
    "Parts",
    "Ranked",
    "Ranks",
    "Refined",
    "auc",
    "bianchi_graphs",
    "bianchi_parts",
    "bose",
    "cellular",
    "chance",
    "circular_skip_links",
    "complete",
    "explained_by_pairs",
    "expressivity",
    "from_graphs",
    "graph_ceiling",
    "immediate",
    "in_span",
    "masked_coboundary",
    "pair_counts",
    "parities",
    "ranked",
    "ranks",
    "refine",
    "skip_links",
    "standardised",
    "strongly_regular",
    "strongly_regular_failures",
    "unseparated",
    "with_ones",
    "zero_sum",
]
