"""Light through a multimode fibre: a fixed transform for between the layers of a network."""

from unfrozen.learning.optics.ends import Camera, Modulator
from unfrozen.learning.optics.fibre import Fibre, FibreSettings, RandomMedium
from unfrozen.learning.optics.guide import Absorber, Grid, Guide, gaussian
from unfrozen.learning.optics.propagation import Span, propagate

__all__ = [
    "Absorber",
    "Camera",
    "Fibre",
    "FibreSettings",
    "Grid",
    "Guide",
    "Modulator",
    "RandomMedium",
    "Span",
    "gaussian",
    "propagate",
]
