"""Sequences and knowledge graphs as complexes."""

from unfrozen.topology.lifting.symbols.sequences import windows
from unfrozen.topology.lifting.symbols.triples import Knowledge, knowledge

__all__ = ["Knowledge", "knowledge", "windows"]
