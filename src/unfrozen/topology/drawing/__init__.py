"""Pictures of complexes."""

from unfrozen.topology.drawing.picture import draw

__all__ = ["draw"]
