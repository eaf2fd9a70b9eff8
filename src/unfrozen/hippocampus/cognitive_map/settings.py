"""How a cognitive map tells places and worlds apart."""

from dataclasses import dataclass

# Shares of the way from how like neighbours are to being the same: where a place that looks right
# is taken to be met, where any is, and where one that looks otherwise than remembered has changed
# and is no other.
DRAWS, FORESEES, CHANGES = 0.12, 0.25, 0.6


@dataclass(frozen=True)
class MapSettings:
    """How a map tells places and worlds apart.

    Attributes:
        threshold: cosine of keys from which two codes are one place; by default so much above that
            of neighbours as was chosen on worlds set apart.
        draws: share of the way from neighbours' likeness to sameness from which a place that looks
            right is taken to be met.  Low ones mend codes that drift; codes that do not drift need
            none, and are then safe from far places that happen to be alike.
        sure: probability from which the map decides which world it is in.  The higher it is, the
            fewer new worlds are taken for old ones, and the later old ones are known again.
        lost: surprises, with no place met as foreseen in between, after which it no longer believes
            where it is: since the first of them it was somewhere else.
    """

    threshold: float | None = None
    draws: float = DRAWS
    sure: float = 0.97
    lost: int = 3


STANDARD = MapSettings()
"""For most models."""
