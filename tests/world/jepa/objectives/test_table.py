"""The table of objectives: sums of its terms, and each term over the samples it is meant for."""

import pytest
import torch

from unfrozen.errors import WorldError
from unfrozen.world.jepa.objectives import (
    OBJECTIVES,
    TERMS,
    Objective,
    Outlook,
    draw_directions,
    named,
    sigreg,
    variance,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def outlook(b=6, t=5, d=4, k=2, tokens=True):
    g = seeded(9)
    z = torch.randn(b, t, d, generator=g)
    predicted, targets = (torch.randn(b, 2, k, d, generator=g) for _ in range(2))
    actions, guessed = (torch.randn(b, t - 1, 2, generator=g) for _ in range(2))
    return Outlook(
        z, predicted, targets, actions, guessed,
        torch.randn(3, b, d, generator=g) if tokens else None,
    )  # fmt: skip


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_the_loss_is_the_weighted_sum_of_terms_that_have_a_weight(name):
    objective = named(name).weighted(inverse=0.5, map_variance=2.0, time_variance=0.0)
    found = objective.losses(outlook(), seeded())
    assert set(found.terms) == {n for n, w in objective.weights.items() if w}
    expected = sum(objective.weights[n] * float(v) for n, v in found.terms.items())
    assert float(found.total) == pytest.approx(expected, rel=1e-5)
    again = objective.losses(outlook(), seeded())
    assert float(again.total) == float(found.total)


def test_latents_that_tell_the_time_alone_have_collapsed():
    # Every window is alike, though its latents vary much in time.
    z = torch.randn(1, 5, 4, generator=seeded()).expand(6, 5, 4) * 10
    told = outlook()._replace(latents=z)
    every = Objective("all", "", dict.fromkeys(TERMS, 1.0))
    found = every.losses(told, seeded()).terms
    assert float(found["variance"]) == pytest.approx(0.99)
    assert float(found["sigreg"]) > 3 * float(every.losses(outlook(), seeded()).terms["sigreg"])
    # Those that tell their window alone have, in time.
    still = torch.randn(6, 1, 4, generator=seeded()).expand(6, 5, 4) * 10
    found = every.losses(told._replace(latents=still), seeded()).terms
    assert float(found["time_variance"]) == pytest.approx(0.99)
    assert float(found["variance"]) < 0.01


def test_maps_are_regularised_apart():
    told = outlook()
    objective = Objective("map", "", {"map_sigreg": 1.0, "map_variance": 1.0})
    found = objective.losses(told, seeded(4)).terms
    directions = draw_directions(4, 64, seeded(4), told.tokens)
    assert float(found["map_sigreg"]) == pytest.approx(float(sigreg(told.tokens, directions)))
    assert float(found["map_variance"]) == pytest.approx(float(variance(told.tokens)))
    assert float(objective.losses(outlook(tokens=False), seeded()).total) == 0


def test_what_is_not_there_is_refused():
    with pytest.raises(WorldError, match="choose from sigreg, vicreg, ema"):
        named("barlow")
    with pytest.raises(WorldError, match="no term 'coverage'"):
        named("sigreg").weighted(coverage=1.0)
    with pytest.raises(WorldError, match="weight of sigreg"):
        named("sigreg").weighted(sigreg=-1.0)
    with pytest.raises(WorldError, match="share of 0 to 1"):
        Objective("ema", "", tau=2.0)
