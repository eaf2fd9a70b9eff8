"""SIGReg against integrals by scipy, expectations in closed form, and its symmetries."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from unfrozen.errors import WorldError
from unfrozen.world.jepa.objectives import (
    SigregSettings,
    draw_directions,
    gaussian_level,
    sigreg,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def by_quadrature(projected, largest=3.0):
    """n ∫ exp(-t²/2) |ecf - exp(-t²/2)|² dt over both halves, to the precision of quad."""

    def integrand(t):
        ecf = np.exp(1j * t * projected).mean()
        return math.exp(-t * t / 2) * abs(ecf - math.exp(-t * t / 2)) ** 2

    value, _ = integrate.quad(integrand, -largest, largest, epsabs=1e-12, limit=500)
    return len(projected) * value


@pytest.mark.parametrize("kind", ["gaussian", "uniform", "collapsed", "shifted"])
def test_it_is_the_integral(kind):
    z = torch.randn(40, 6, generator=seeded(), dtype=torch.float64)
    z = {
        "gaussian": z,
        "uniform": 2 * torch.rand(40, 6, generator=seeded(), dtype=torch.float64),
        "collapsed": 1e-3 * z,
        "shifted": z + 1.5,
    }[kind]
    directions = draw_directions(6, 5, seeded(1), z)
    expected = np.mean([by_quadrature(column) for column in (z @ directions).T.numpy()])
    fine = float(sigreg(z, directions, SigregSettings(knots=20_001)))
    assert fine == pytest.approx(expected, rel=1e-6)
    # Seventeen knots are as good as it takes.
    assert float(sigreg(z, directions)) == pytest.approx(expected, rel=0.02)
    assert float(sigreg(z.float(), directions.float())) == pytest.approx(
        float(sigreg(z, directions)), rel=1e-4
    )


def test_gaussian_samples_come_to_the_expectation():
    # 2 ∫_0^3 exp(-t²/2) (1 - exp(-t²)) dt in closed form, by error functions.
    erf = math.erf
    closed = 2 * (
        math.sqrt(math.pi / 2) * erf(3 / math.sqrt(2))
        - math.sqrt(math.pi / 6) * erf(3 * math.sqrt(1.5))
    )
    assert gaussian_level(SigregSettings(knots=20_001)) == pytest.approx(closed, rel=1e-7)
    assert gaussian_level() == pytest.approx(closed, rel=0.01)
    generator = seeded(2)
    for n in (10, 300):
        groups = torch.randn(400, n, 8, generator=generator)
        found = float(sigreg(groups, draw_directions(8, 16, generator, groups)))
        assert found == pytest.approx(gaussian_level(), rel=0.1)


def test_what_is_no_gaussian_lies_above_and_ever_more_so():
    generator = seeded(3)
    directions = draw_directions(4, 64, generator, torch.zeros(1))

    def level(latents):
        return float(sigreg(latents, directions)) / gaussian_level()

    for n, least in ((100, 20.0), (1000, 200.0)):
        assert level(torch.zeros(n, 4)) > least
    wide = math.sqrt(3) * (2 * torch.rand(4000, 4, generator=generator) - 1)
    assert level(wide) > 3
    stretched = torch.randn(1000, 4, generator=generator) * torch.tensor([2.0, 1, 1, 0.2])
    assert level(stretched) > 10


def test_rotation_changes_nothing_on_average():
    generator = seeded(4)
    z = torch.rand(64, 5, generator=generator)
    rotation = torch.linalg.qr(torch.randn(5, 5, generator=generator)).Q
    directions = draw_directions(5, 4000, generator, z)
    before, after = sigreg(z, directions), sigreg(z @ rotation, directions)
    assert float(after) == pytest.approx(float(before), rel=0.02)
    # Exactly so, if directions turn too.
    together = sigreg(z @ rotation, rotation.T @ directions)
    assert float(together) == pytest.approx(float(before), rel=1e-4)


def test_the_gradient_is_that_of_finite_differences():
    z = torch.randn(3, 7, 4, generator=seeded(5), dtype=torch.float64, requires_grad=True)
    directions = draw_directions(4, 3, seeded(6), z)
    assert torch.autograd.gradcheck(lambda z: sigreg(z, directions), z)
    assert torch.autograd.gradcheck(
        lambda z: sigreg(z, directions, SigregSettings(knots=6, largest=2.0)), z
    )


def test_groups_are_compared_each_by_itself():
    z = torch.randn(3, 2, 9, 4, generator=seeded(7))
    directions = draw_directions(4, 8, seeded(8), z)
    each = [float(sigreg(z[i, j], directions)) for i in range(3) for j in range(2)]
    assert float(sigreg(z, directions)) == pytest.approx(float(np.mean(each)), rel=1e-5)


@given(st.integers(1, 12), st.integers(1, 20), st.integers(0, 5))
def test_directions_are_unit_and_the_generators_own(width, number, seed):
    like = torch.zeros(1, dtype=torch.float64)
    drawn = draw_directions(width, number, seeded(seed), like)
    assert drawn.dtype == torch.float64
    assert torch.allclose(drawn.norm(dim=0), torch.ones(number, dtype=torch.float64), atol=1e-6)
    assert torch.equal(drawn, draw_directions(width, number, seeded(seed), like))


def test_what_does_not_fit_is_refused(unchecked):
    directions = draw_directions(4, 8, seeded(), torch.zeros(1))
    with pytest.raises(WorldError, match="two samples or more of 4 features"):
        sigreg(torch.zeros(9, 5), directions)
    with pytest.raises(WorldError, match="two samples"):
        sigreg(torch.zeros(1, 4), directions)
    with pytest.raises(WorldError, match="two knots"):
        SigregSettings(knots=1)
