import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import lambertw

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.diagnostics import (
    _lambert,
    attractors,
    basins,
    effective_patterns,
    needed_separation,
    retrieval_bound,
    separations,
    spherical_capacity,
)
from unfrozen.memory.hopfield import ClassicalHopfield, ModernHopfield

F64 = torch.float64


def normal(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


@given(n=st.integers(2, 8), d=st.integers(1, 6), seed=st.integers(0, 99))
def test_separations_by_brute_force(n, d, seed):
    x = normal(seed, n, d)
    expected = [
        float(x[i] @ x[i]) - max(float(x[i] @ x[j]) for j in range(n) if j != i) for i in range(n)
    ]
    assert separations(x).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(("radius", "width", "base"), [(3.0, 20, 3.1546), (1.0, 75, 1.3718)])
def test_the_papers_examples_of_capacity(radius, width, base):
    assert spherical_capacity(1.0, radius, width, 0.001).base == pytest.approx(base, abs=2e-4)


@given(st.floats(-600, 600))
def test_lamberts_function_is_that_of_scipy(log_x):
    if log_x < 700:
        assert _lambert(log_x) == pytest.approx(float(lambertw(math.exp(log_x)).real), rel=1e-9)


@given(n=st.integers(2, 40), seed=st.integers(0, 200), noise=st.floats(0, 0.05))
def test_one_step_is_as_near_as_the_bound_says(n, seed, noise):
    d, beta = 16, 2.0
    patterns = torch.nn.functional.normalize(normal(seed, n, d), dim=1) * math.sqrt(d - 1)
    largest = float(patterns.norm(dim=1).max())
    memory = ModernHopfield(d, beta=beta, dtype=F64)
    memory.write(patterns)
    step = normal(seed + 1, n, d)
    queries = patterns + noise * step / step.norm(dim=1, keepdim=True)
    errors = (memory.update(queries) - patterns).norm(dim=1)
    rests = memory.retrieve(patterns).states
    distance = torch.maximum((queries - patterns).norm(dim=1), (rests - patterns).norm(dim=1))
    bound = retrieval_bound(separations(patterns), distance, n, beta, largest)
    assert bool((errors <= bound + 1e-12).all())
    well = separations(patterns) >= needed_separation(n, beta, largest)
    assert bool((errors[well] <= bound[well] + 1e-12).all())


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=12), st.floats(0.1, 1.0))
def test_effective_patterns_by_brute_force(weights, mass):
    w = torch.tensor(weights, dtype=F64)
    w = w / w.sum()
    total, count = 0.0, 0
    for one in sorted(w.tolist(), reverse=True):
        if total >= mass - 1e-12:
            break
        total, count = total + one, count + 1
    assert abs(int(effective_patterns(w, mass)) - count) <= (abs(total - mass) < 1e-9)


def test_attractors_are_patterns_groups_or_the_average():
    apart = torch.eye(4, dtype=F64) * 6
    group = apart[0] + 0.05 * normal(0, 3, 4)
    patterns = torch.cat([apart[1:], group])
    sharp = ModernHopfield(4, beta=1.0, dtype=F64)
    sharp.write(patterns)
    found = attractors(sharp, patterns)
    assert [a.regime for a in found] == ["metastable", *["single pattern"] * 3]
    assert found[0].share == pytest.approx(0.5)
    assert found[0].patterns == 3
    assert {a.pattern for a in found[1:]} == {0, 1, 2}
    flat = ModernHopfield(4, beta=1e-6, dtype=F64)
    flat.write(patterns)
    (only,) = attractors(flat, patterns)
    assert (only.regime, only.share) == ("global average", 1.0)
    torch.testing.assert_close(only.state, patterns.mean(0), rtol=1e-3, atol=1e-3)


def test_attractors_of_signs_have_no_weights():
    memory = ClassicalHopfield(50)
    patterns = normal(0, 3, 50).sign().float()
    memory.write(patterns)
    found = attractors(memory, patterns)
    assert [a.patterns for a in found] == [None] * 3
    assert {a.pattern for a in found} == {0, 1, 2}
    assert all(a.distance == 0 for a in found)


@pytest.mark.parametrize("binary", [True, False])
def test_basins_shrink_with_the_distance(binary):
    patterns = normal(0, 6, 60)
    memory = ModernHopfield(60, beta=2.0, dtype=F64)
    if binary:
        patterns, memory = patterns.sign(), ClassicalHopfield(60, dtype=F64)
    memory.write(patterns)
    state = torch.get_rng_state()
    found = basins(memory, [0.0, 0.05, 0.5], samples=10)
    assert torch.equal(torch.get_rng_state(), state)
    assert found.shape == (3, 6)
    assert float(found[0].min()) == 1
    assert float(found[1].mean()) > 0.9
    assert float(found[2].mean()) < (0.3 if binary else 1.01)
    assert torch.equal(found, basins(memory, [0.0, 0.05, 0.5], samples=10))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(MemoryShapeError, match="two patterns"):
        separations(torch.ones(1, 3))
    with pytest.raises(MemoryShapeError, match="positive beta"):
        spherical_capacity(0.0, 1.0, 3, 0.1)
    for look in (lambda m: attractors(m, torch.ones(1, 3)), lambda m: basins(m, [0.1])):
        with pytest.raises(MemoryShapeError, match="empty memory"):
            look(ModernHopfield(3))
