"""Work shared among processes and machines by Ray, an extra that only such work imports."""

from unfrozen.language.scale.clusters import cluster
from unfrozen.language.scale.sharing import share

__all__ = ["cluster", "share"]
