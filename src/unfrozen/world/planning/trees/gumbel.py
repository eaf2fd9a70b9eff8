"""Gumbel MuZero: planning that improves on its prior with any number of simulations.

Danihelka et al. 2022.  At the root, actions are drawn without replacement by the Gumbel-top-k trick
and those left over are halved; below it, visits follow the improved policy

    pi' = softmax(logits + sigma(completed q)),   sigma(q) = (c_visit + max_b n(b)) c_scale q

(eqs. 8, 11 and 14), with q completed by a mixed value where there was no visit (eqs. 10, 33).
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.planning.trees.search import Searched, SearchSettings, grow
from unfrozen.world.planning.trees.tree import Recurrent, Root, View, allowed


@dataclass(frozen=True, kw_only=True)
class GumbelSettings(SearchSettings):
    """How to search.

    Attributes:
        considered: at most so many actions are drawn at the root.
        visit: c_visit.
        scale: c_scale; 0.1 as for Atari, larger values trust the search more against the prior.
        noise: what the Gumbel noise is multiplied by; 0 searches without chance.
        normalise: whether values are moved to [0, 1] by the least and greatest of a node before
            sigma, so that rewards of any size will do.
    """

    considered: int = 16
    visit: float = 50.0
    scale: float = 0.1
    noise: float = 1.0
    normalise: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.considered < 1 or min(self.visit, self.scale, self.noise) < 0:
            raise WorldError("at least one action is considered, and no constant is negative")


def gumbel(
    root: Root,
    recurrent: Recurrent,
    settings: GumbelSettings = GumbelSettings(),
    *,
    generator: torch.Generator | None = None,
) -> Searched:
    """Search by sequential halving at the root and by the improved policy below.

    Args:
        root: what is known of the states to plan from.
        recurrent: what actions lead to.
        settings: how much and how to search.
        generator: draws the Gumbel noise; each row has its own.

    Raises:
        WorldError: shapes do not fit.
    """
    logits = root.prior_logits.to(root.value)
    uniform = torch.rand(
        logits.shape, generator=generator, dtype=torch.float64, device=logits.device
    )
    drawn = -(-uniform.clamp(min=1e-300).log()).log()
    noisy = logits + (settings.noise * drawn).to(logits)
    plan = _schedules(min(settings.considered, logits.shape[1]), settings.simulations)
    number = allowed(logits).sum(1).clamp(max=len(plan) - 1)
    # Row by row, how often the actions to be tried next have been tried.
    schedule = plan.to(logits.device)[number]
    done = 0

    def choose(view: View, depth: int) -> Tensor:
        nonlocal done
        if depth:
            return select(view, settings)
        due = view.visits == schedule[:, done, None]
        done += 1
        return _best(noisy + sigma(view, settings), due & allowed(view.prior_logits))

    tree = grow(root, recurrent, settings, choose)
    view = tree.view(tree.roots)
    scaled = sigma(view, settings)
    most = view.visits == view.visits.max(1, keepdim=True).values
    action = _best(noisy + scaled, most & allowed(view.prior_logits))
    policy = (view.prior_logits + scaled).softmax(1)
    return Searched(action, policy, view.visits, completed(view), view.value, tree)


def select(view: View, settings: GumbelSettings) -> Int[Tensor, " b"]:
    """Below the root: the action that brings the visits nearest to the improved policy (eq. 14)."""
    policy = (view.prior_logits + sigma(view, settings)).softmax(1)
    score = policy - view.visits / (1 + view.visits.sum(1, keepdim=True))
    return _best(score, view.going)


def completed(view: View) -> Float[Tensor, "b action"]:
    """Values of the children; of those without visits, the mixed value (eqs. 10 and 33).

    v_mix = (v + sum_b n(b) * sum_seen pi q / sum_seen pi) / (1 + sum_b n(b)).
    """
    seen = view.visits > 0
    prior = torch.where(seen, view.prior_logits.softmax(1), 0.0)
    # A prior of nothing at all is still tried if nothing else can be.
    prior = torch.where(seen, prior.clamp(min=torch.finfo(prior.dtype).tiny), 0.0)
    total = view.visits.sum(1)
    weighed = (prior * view.q).sum(1) / prior.sum(1).clamp(min=torch.finfo(prior.dtype).tiny)
    mixed = (view.raw_value + total * weighed) / (1 + total)
    return torch.where(seen, view.q, mixed[:, None])


def sigma(view: View, settings: GumbelSettings) -> Float[Tensor, "b action"]:
    """The completed values as they are added to logits (eq. 8)."""
    q = completed(view)
    if settings.normalise:
        low, high = q.min(1, keepdim=True).values, q.max(1, keepdim=True).values
        q = (q - low) / (high - low).clamp(min=1e-8)
    return (settings.visit + view.visits.max(1, keepdim=True).values) * settings.scale * q


def halving(considered: int, simulations: int) -> list[int]:
    """Sequential halving: at each simulation, how often the actions to be tried were tried before.

    All considered actions are tried equally often, then the better half of them, and so on, each
    phase with its share of the simulations; the last two are kept to the end (Danihelka et al.
    2022, figure 1; Karnin et al. 2013).

    Example:
        >>> halving(4, 8)
        [0, 0, 0, 0, 1, 1, 2, 2]
    """
    if considered < 2:
        return list(range(simulations))
    phases = math.ceil(math.log2(considered))
    found: list[int] = []
    tried, left = 0, considered
    while len(found) < simulations:
        for _ in range(max(1, simulations // (phases * left))):
            found += [tried] * left
            tried += 1
        left = max(2, left // 2)
    return found[:simulations]


def _schedules(considered: int, simulations: int) -> Tensor:
    """A row for each number of actions that are considered; that of none is not used."""
    return torch.tensor([halving(max(1, m), simulations) for m in range(considered + 1)])


def _best(score: Tensor, among: Tensor) -> Tensor:
    return score.masked_fill(~among, -math.inf).argmax(1)
