"""What a window makes, and what it is trained on: predictions, agreement of codes, little activity.

Only steps to places that were visited before in the walk count, as no other can be foreseen.

Source: Whittington et al. 2020, STAR Methods, the free energy with fixed deviations.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from unfrozen.hippocampus.tem.schedules import Strengths
from unfrozen.hippocampus.tem.settings import TemSettings


class Outputs(NamedTuple):
    """What a window makes of each step.

    Predictions are logits of symbols.  Those from the path are made before the symbol is seen.

    Attributes:
        from_place: prediction from p, which has seen the symbol.
        from_code: from p retrieved by g, which has been corrected by memory.
        from_path: from p retrieved by g as the action has moved it: tests of zero-shot inference.
        code: g.
        path: g as the generative model moves it; the prior at a walk's start.
        place: p.
        place_of_code: p retrieved by g.
        place_of_path: p retrieved by the moved g.
        place_of_senses: p retrieved by what is seen.
    """

    from_place: Float[Tensor, "b t symbol"]
    from_code: Float[Tensor, "b t symbol"]
    from_path: Float[Tensor, "b t symbol"]
    code: Float[Tensor, "b t cell"]
    path: Float[Tensor, "b t cell"]
    place: Float[Tensor, "b t place"]
    place_of_code: Float[Tensor, "b t place"]
    place_of_path: Float[Tensor, "b t place"]
    place_of_senses: Float[Tensor, "b t place"]


class Losses(NamedTuple):
    """Terms of the loss, weighted: their sum is what is descended.

    Attributes:
        from_place: cross-entropy of what is seen, from p.
        from_code: from p retrieved by g.
        from_path: from p retrieved by the moved g.
        place_of_code: squared distance of p from what g retrieves.
        place_of_senses: of p from what is retrieved by what is seen.
        path: of g from the moved g.
        code_penalty: of activity of g.
        place_penalty: of p.
        object_penalty: of object-vector cells.
    """

    from_place: Float[Tensor, ""]
    from_code: Float[Tensor, ""]
    from_path: Float[Tensor, ""]
    place_of_code: Float[Tensor, ""]
    place_of_senses: Float[Tensor, ""]
    path: Float[Tensor, ""]
    code_penalty: Float[Tensor, ""]
    place_penalty: Float[Tensor, ""]
    object_penalty: Float[Tensor, ""]

    @property
    def total(self) -> Float[Tensor, ""]:
        """Their sum."""
        return torch.stack(list(self)).sum()


def mean_of_known(values: Float[Tensor, "b t"], known: Bool[Tensor, "b t"]) -> Float[Tensor, ""]:
    """The mean over walks of each step, then over steps; a step that none knows counts as zero.

    So few walks that know a place weigh as much as many: early in a walk each of them counts more.
    """
    weights = known.to(values)
    return ((values * weights).sum(0) / weights.sum(0).clamp(min=1)).mean()


def halved_square(one: Tensor, other: Tensor) -> Tensor:
    """|one - other|^2 / 2, the log-likelihood of unit deviation."""
    return 0.5 * (one - other).square().sum(-1)


def losses(
    outputs: Outputs,
    symbols: Int[Tensor, "b t"],
    known: Bool[Tensor, "b t"],
    strengths: Strengths,
    settings: TemSettings,
) -> Losses:
    """All terms of a window.

    Args:
        outputs: of the window.
        symbols: what was seen.
        known: whether the place was visited before in this walk.
        strengths: of the update.
        settings: of the model.
    """

    def mean(values: Tensor) -> Tensor:
        return mean_of_known(values, known)

    def surprise(logits: Tensor) -> Tensor:
        return mean(F.cross_entropy(logits.movedim(-1, 1), symbols, reduction="none"))

    n, s = strengths, settings
    objects = s.code_sizes[0] if s.objects else 0
    squares = outputs.code.square()
    senses = halved_square(outputs.place, outputs.place_of_senses)
    absolute = outputs.place.abs().sum(-1)
    return Losses(
        surprise(outputs.from_place),
        surprise(outputs.from_code),
        surprise(outputs.from_path),
        n.ties * mean(halved_square(outputs.place, outputs.place_of_code)),
        n.ties * n.trust * mean(senses),
        n.ties * mean(halved_square(outputs.code, outputs.path)),
        n.code_penalty * s.code_penalty * mean(squares[..., objects:].sum(-1)),
        n.place_penalty * s.place_penalty * mean(absolute),
        n.object_penalty * s.object_penalty * mean(squares[..., :objects].sum(-1)),
    )
