"""Retrieval, written out with matrices made at every step and every state kept by autograd."""

import pytest
import torch
from tests.draws import normal

from unfrozen.hippocampus.tem.window.attractor import (
    Iteration,
    activate,
    block_mask,
    hierarchy,
    iterations,
)
from unfrozen.hippocampus.tem.window.retrieval import Attractor, recollect
from unfrozen.memory.linear.hebbian import BlockMask

SIZES = (2, 3, 1)
WIDTH = sum(SIZES)


def masked(free=0):
    mask = block_mask(SIZES, hierarchy(len(SIZES), free))
    return BlockMask(*(each.double() for each in mask))


# All cells move to the end and reach all; slow streams stop early; and they do with a stream of
# objects, which all streams reach.
ATTRACTORS = {
    "free": Attractor((Iteration(WIDTH, 1),) * 3, 0.8, 0.9, 0.5),
    "hierarchy": Attractor(iterations(SIZES, (4, 2, 1)), 0.8, 0.9, 0.5, masked()),
    "objects": Attractor(iterations(SIZES, (3, 3, 2)), 0.8, 0.95, 0.4, masked(1)),
    "one step": Attractor(iterations(SIZES, (1, 1, 1)), 0.7, 1.0, 1.0, masked()),
    "forgets": Attractor(iterations(SIZES, (4, 2, 1)), 0.8, 0.0, 0.5, masked()),
}


def plain(queries, place, base, how):
    """One step after the other, with M itself."""
    dense = 1.0 if how.mask is None else how.mask.dense()
    memory, found = base, []
    for query, p in zip(queries, place, strict=True):
        h = query
        for rows, _ in how.steps:
            new = activate(how.kappa * h + h @ memory.mT)
            h = torch.cat([new[..., :rows], h[..., rows:]], -1)
        recalled = h[:, 0]
        outer = (p - recalled)[:, :, None] * (p + recalled)[:, None]
        memory = how.decay * memory + how.rate * outer * dense
        found.append(h)
    return torch.stack(found)


def drawn(how, t=5, b=3, q=2, seed=0):
    queries = activate(0.6 * normal(seed, t, b, q, WIDTH)).requires_grad_()
    place = (0.5 * normal(seed + 1, t, b, WIDTH)).requires_grad_()
    base = 0.4 * normal(seed + 2, b, WIDTH, WIDTH)
    return queries, place, base if how.mask is None else base * how.mask.dense()


@pytest.mark.parametrize("name", ATTRACTORS)
@pytest.mark.parametrize(("t", "b", "q"), [(5, 3, 2), (4, 2, 1), (1, 1, 1), (2, 1, 3)])
def test_it_is_the_loop_and_so_are_its_gradients(name, t, b, q):
    how = ATTRACTORS[name]
    queries, place, base = drawn(how, t, b, q)
    found, expected = recollect(queries, place, base, how), plain(queries, place, base, how)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    weights = normal(9, *found.shape)
    ours, theirs = (
        torch.autograd.grad((weights * each).sum(), (queries, place), allow_unused=True)
        for each in (found, expected)
    )
    for one, other in zip(ours, theirs, strict=True):
        # What the last step writes is read by none.
        other = torch.zeros_like(one) if other is None else other
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ATTRACTORS)
def test_gradients_are_finite_differences(name):
    how = ATTRACTORS[name]
    queries, place, base = drawn(how, t=4, b=2, seed=11)
    assert torch.autograd.gradcheck(lambda q, p: recollect(q, p, base, how), (queries, place))


def test_gradients_can_be_asked_for_again():
    how = ATTRACTORS["hierarchy"]
    queries, place, base = drawn(how)
    total = recollect(queries, place, base, how).square().sum()
    once = torch.autograd.grad(total, (queries, place), retain_graph=True)
    again = torch.autograd.grad(total, (queries, place))
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))


def test_other_queries_change_nothing():
    how = ATTRACTORS["hierarchy"]
    queries, place, base = drawn(how)
    both, first = (
        recollect(queries, place, base, how),
        recollect(queries[:, :, :1], place, base, how),
    )
    torch.testing.assert_close(both[:, :, :1], first)


def test_nothing_is_remembered_where_there_is_no_gradient():
    how = ATTRACTORS["hierarchy"]
    queries, place, base = drawn(how)
    kept = [each.detach().clone() for each in (queries, place, base)]
    with torch.no_grad():
        found = recollect(queries, place, base, how)
    assert not found.requires_grad
    assert torch.equal(found, recollect(queries, place, base, how).detach())
    assert all(torch.equal(a, b) for a, b in zip(kept, (queries, place, base), strict=True))


def test_it_stays_in_the_dtype_of_the_base():
    how = ATTRACTORS["free"]
    queries, place, base = (each.detach().float() for each in drawn(how))
    found = recollect(queries, place, base, how)
    assert found.dtype == torch.float32
    torch.testing.assert_close(
        found.double(), plain(*drawn(how), how).detach(), atol=1e-5, rtol=1e-5
    )
