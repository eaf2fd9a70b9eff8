"""Objectives by name: which terms with which weights, and what predictions aim at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.jepa.objectives import terms
from unfrozen.world.jepa.objectives.sigreg import SigregSettings, draw_directions, sigreg

Target = Literal["same", "stopped", "average"]


class Outlook(NamedTuple):
    """What a model makes of windows, as far as objectives ask.

    Attributes:
        latents: z.
        predicted: ẑ, k steps ahead of each start s.
        targets: what they aim at.
        actions: between steps of the windows.
        guessed: actions that are told from the latents before and after.
        tokens: of map codes, where structure is apart; samples are last but one.
        looked: where each head reads the map, at each latent; one head's times after another's.
        active: where something is seen of the dynamics; None unless that is an image, as the map.
    """

    latents: Float[Tensor, "b t d"]
    predicted: Float[Tensor, "b s k d"]
    targets: Float[Tensor, "b s k d"]
    actions: Float[Tensor, "b t1 a"]
    guessed: Float[Tensor, "b t1 a"]
    tokens: Float[Tensor, "n b m"] | None = None
    looked: Float[Tensor, "b ht n"] | None = None
    active: Float[Tensor, "b ht n"] | None = None


class Losses(NamedTuple):
    """What an objective finds.

    Attributes:
        total: weighted sum.
        terms: each by name, without its weight; those of weight 0 are left out.
    """

    total: Float[Tensor, ""]
    terms: dict[str, Float[Tensor, ""]]


@dataclass(frozen=True)
class Objective:
    """What a model is trained for.

    Attributes:
        name: by which it is asked for.
        told: what it is.
        weights: of terms, by name.
        target: what predictions aim at: the "same" latents, with the gradient through both sides;
            those "stopped"; or those of the "average" encoder, which follows the other.
        tau: share that the average encoder keeps at each step.
        sigreg: how latents are compared with a Gaussian.
    """

    name: str
    told: str
    weights: Mapping[str, float] = field(default_factory=dict)
    target: Target = "same"
    tau: float = 0.996
    sigreg: SigregSettings = SigregSettings()

    def __post_init__(self) -> None:
        for term, weight in self.weights.items():
            if term not in TERMS:
                raise WorldError(f"there is no term {term!r}: choose from {', '.join(TERMS)}")
            if not 0 <= weight < float("inf"):
                raise WorldError(f"the weight of {term} is a number of 0 or more, not {weight}")
        if not 0 <= self.tau <= 1:
            raise WorldError(f"a moving average keeps a share of 0 to 1, not {self.tau}")

    def weighted(self, **weights: float) -> "Objective":
        """The same with other weights of some terms.

        Raises:
            WorldError: there is no such term, or a weight is negative.

        Example:
            >>> named("sigreg").weighted(inverse=1.0).weights["inverse"]
            1.0
        """
        return replace(self, weights={**self.weights, **weights})

    def losses(self, outlook: Outlook, generator: torch.Generator) -> Losses:
        """Weighted sum of all terms, and each of them.

        Args:
            outlook: what a model made of windows.
            generator: draws directions.

        Raises:
            WorldError: there are too few samples for a statistic.
        """
        found = {
            name: TERMS[name](outlook, self, generator)
            for name, weight in self.weights.items()
            if weight
        }
        total = outlook.latents.new_zeros(())
        for name, value in found.items():
            total = total + self.weights[name] * value
        return Losses(total, found)


Term = Callable[[Outlook, Objective, torch.Generator], Float[Tensor, ""]]


def _regular(samples: Tensor, objective: Objective, generator: torch.Generator) -> Tensor:
    settings = objective.sigreg
    directions = draw_directions(samples.shape[-1], settings.directions, generator, samples)
    return sigreg(samples, directions, settings)


def _of_map(statistic: Callable[[Tensor], Tensor]) -> Term:
    """A statistic of map codes, place by place over the structures of a batch; 0 without them."""

    def term(outlook: Outlook, objective: Objective, generator: torch.Generator) -> Tensor:
        tokens = outlook.tokens
        return outlook.latents.new_zeros(()) if tokens is None else statistic(tokens)

    return term


def _map_sigreg(outlook: Outlook, objective: Objective, generator: torch.Generator) -> Tensor:
    if outlook.tokens is None:
        return outlook.latents.new_zeros(())
    return _regular(outlook.tokens, objective, generator)


def _place(outlook: Outlook, objective: Objective, generator: torch.Generator) -> Tensor:
    if outlook.looked is None or outlook.active is None:
        return outlook.latents.new_zeros(())
    return terms.place(outlook.looked, outlook.active)


TERMS: dict[str, Term] = {
    "prediction": lambda o, s, g: terms.prediction(o.predicted, o.targets),
    # Time step by time step, so that a latent cannot vary by telling the time alone.
    "variance": lambda o, s, g: terms.variance(o.latents.transpose(0, 1)),
    "covariance": lambda o, s, g: terms.covariance(o.latents.transpose(0, 1)),
    "sigreg": lambda o, s, g: _regular(o.latents.transpose(0, 1), s, g),
    # Within each window: what stays the same throughout it does not count.
    "time_variance": lambda o, s, g: terms.variance(o.latents),
    "time_similarity": lambda o, s, g: terms.time_similarity(o.latents),
    "inverse": lambda o, s, g: terms.inverse_dynamics(o.guessed, o.actions),
    "map_variance": _of_map(terms.variance),
    "map_covariance": _of_map(terms.covariance),
    "map_sigreg": _map_sigreg,
    "place": _place,
}
"""Name -> term."""

OBJECTIVES: dict[str, Objective] = {
    o.name: o
    for o in (
        Objective(
            "sigreg",
            "an isotropic Gaussian: one weight, no teacher (LeJEPA, LeWM)",
            {"prediction": 1.0, "sigreg": 0.1},
        ),
        Objective(
            "vicreg",
            "variance, covariance, similarity in time and inverse dynamics (PLDM)",
            {"prediction": 1.0, "variance": 16.0, "covariance": 8.0, "time_similarity": 12.0,
             "inverse": 1.0},
        ),
        Objective(
            "ema",
            "targets of a slow copy and nothing else, which collapses where worlds are simple",
            {"prediction": 1.0},
            target="average",
        ),
    )
}  # fmt: skip
"""Name -> objective."""


def named(name: str) -> Objective:
    """An objective by its name.

    Raises:
        WorldError: there is none of that name.
    """
    if name not in OBJECTIVES:
        raise WorldError(f"there is no objective {name!r}: choose from {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]
