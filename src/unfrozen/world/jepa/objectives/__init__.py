"""Objectives of joint embedding: prediction, and what keeps latents from collapse."""

from unfrozen.world.jepa.objectives.sigreg import (
    SigregSettings,
    draw_directions,
    gaussian_level,
    sigreg,
)
from unfrozen.world.jepa.objectives.table import (
    OBJECTIVES,
    TERMS,
    Losses,
    Objective,
    Outlook,
    Target,
    named,
)
from unfrozen.world.jepa.objectives.terms import (
    ahead,
    covariance,
    follow,
    inverse_dynamics,
    place,
    prediction,
    starts,
    time_similarity,
    variance,
)

__all__ = [
    "OBJECTIVES",
    "TERMS",
    "Losses",
    "Objective",
    "Outlook",
    "SigregSettings",
    "Target",
    "ahead",
    "covariance",
    "draw_directions",
    "follow",
    "gaussian_level",
    "inverse_dynamics",
    "named",
    "place",
    "prediction",
    "sigreg",
    "starts",
    "time_similarity",
    "variance",
]
