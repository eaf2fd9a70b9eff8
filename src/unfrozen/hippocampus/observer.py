"""An ideal observer: it knows all structures, and only has to find out where it is in which."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.worlds import Walk, WalkSettings, World, batch
from unfrozen.hippocampus.worlds.walks import policy


@torch.no_grad()
def observe(
    walks: Walk,
    worlds: Sequence[World],
    n_symbols: int,
    walking: WalkSettings = WalkSettings(),
    sees: bool = True,
) -> Float[Tensor, "b t symbol"]:
    """What nobody can foresee better: the posterior over worlds and places where a walk began.

    A walk does not say where it begins, nor in which world of its family.  What is possible there,
    and what is seen again, tells by and by.  Where structures look alike from everywhere, as a
    lattice does but for its walls, that makes no difference; in a family tree it does.

    Args:
        walks: to foresee; each began anywhere in any of the worlds with the same probability.
        worlds: that it may be in, whose symbols are drawn for each place on its own.
        n_symbols: how many there are.
        walking: how actions were chosen.
        sees: whether what is seen tells where it is: if not, actions alone do, as they do to
            whoever only integrates paths, and symbols are but remembered.

    Returns:
        Log-probabilities of the symbol at each step, before it is seen.

    Raises:
        MapError: there is no world, one of them has landmarks or places that look alike, or a walk
            is possible in none.
    """
    if not worlds or any(w.senses is not None or w.landmarks is not None for w in worlds):
        raise MapError("an observer takes one world or more, each place with a symbol of its own")
    every = batch(list(worlds))
    device = walks.places.device
    counts = torch.tensor([w.n_places for w in worlds])
    world = torch.repeat_interleave(torch.arange(len(worlds)), counts).to(device)
    place = torch.cat([torch.arange(int(n)) for n in counts]).to(device)
    table = every.neighbours.to(device)
    chances = policy(every).to(device)
    chances = torch.diff(chances, dim=2, prepend=torch.zeros_like(chances[..., :1]))
    b, t = walks.places.shape
    # Double precision: surprises of hypotheses that are nearly out add up over a walk.
    weight = (1.0 / counts.double()).to(device)[world].expand(b, -1) / len(worlds)
    place = place.expand(b, -1).clone()
    memory = torch.full((b, len(world), every.n_places), -1, dtype=torch.int16, device=device)
    found = []
    for now in range(t):
        action = walks.actions[:, now, None]
        if now:
            taken = action.clamp(min=0)
            leads = table[world, place, taken]
            chance = chances[world, place, taken].double()
            if walking.straight and now > 1:
                before = walks.actions[:, now - 1, None]
                goes_on = table[world, place, before] >= 0
                chance = torch.where(
                    goes_on,
                    (1 - walking.straight) * chance + walking.straight * (action == before),
                    chance,
                )
            weight = weight * chance * (leads >= 0)
            place = leads.clamp(min=0)
        weight = weight / _total(weight)
        seen = memory.gather(2, place[..., None])[..., 0].long()
        known = torch.where(seen >= 0, weight, 0)
        guess = ((1 - known.sum(1, keepdim=True)).clamp(min=0) / n_symbols).expand(b, n_symbols)
        found.append(guess.scatter_add(1, seen.clamp(min=0), known).log())
        symbol = walks.symbols[:, now, None]
        if sees:
            weight = weight * torch.where(seen >= 0, (seen == symbol).double(), 1 / n_symbols)
            weight = weight / _total(weight)
        memory.scatter_(2, place[..., None], symbol[..., None].expand(*place.shape, 1).short())
    return torch.stack(found, 1).float()


def _total(weight: Tensor) -> Tensor:
    total = weight.sum(1, keepdim=True)
    if bool((total <= 0).any()):
        raise MapError("a walk is possible in none of the worlds")
    return total
