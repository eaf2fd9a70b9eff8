"""Tensor diagrams: what they compute, how high they are, and what makes none."""

import pytest
import torch
from tests.topology.complexes import CUBE, SURFACES, TETRAHEDRON
from tests.topology.layers.cochains import alike, dense, seeded
from torch import nn

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import adjacency, identity, incidence
from unfrozen.topology.complex.batching import batch
from unfrozen.topology.layers import (
    Attention,
    Convolution,
    Diagram,
    Merge,
    Messages,
    MutualAttention,
    Split,
    check_equivariance,
    skip,
)

TORUS = SURFACES["torus"][0]
UP, HIGHER = incidence(0, 1).T, incidence(1, 2).T


def conv(relation, wide=4, narrow=4, seed=0):
    return Convolution(relation, wide, narrow, generator=seeded(seed))


def test_a_merge_node_is_beta_of_the_sum():
    h = alike(TORUS)
    one, other = conv(UP), conv(incidence(1, 2), seed=1)
    expected = torch.tanh(
        dense(TORUS, UP) @ h[0] @ one.weight + dense(TORUS, incidence(1, 2)) @ h[2] @ other.weight
    )
    for layer in (Merge(one, other, beta=torch.tanh), (one + other).then(nn.Tanh())):
        assert layer.reads == {0: 4, 2: 4}
        assert layer.writes == {1: 4}
        # There need be no cochain of the target's rank.
        torch.testing.assert_close(layer({0: h[0], 2: h[2]}, TORUS)[1], expected)


def test_ways_to_join():
    h = alike(TORUS)
    one, other = conv(adjacency(0)), conv(adjacency(0), 4, 2)
    a, b = one(h, TORUS)[0], other(h, TORUS)[0]
    both = Merge(one, other, how="concat", beta=nn.Linear(6, 5))
    assert both.writes == {0: 5}
    torch.testing.assert_close(both(h, TORUS)[0], both.beta["0"](torch.cat([a, b], 1)))
    mean = Merge(one, skip(0), how="mean")
    torch.testing.assert_close(mean(h, TORUS)[0], (a + h[0]) / 2)


def test_a_merge_node_of_parts_that_write_to_several_ranks():
    h = alike(TORUS)
    both = MutualAttention(incidence(0, 1), 4, 4, generator=seeded())
    own = conv(adjacency(0))
    layer = Merge(both, own, beta={0: torch.relu})
    found, arrived = layer(h, TORUS), both(h, TORUS)
    torch.testing.assert_close(found[0], torch.relu(arrived[0] + own(h, TORUS)[0]))
    torch.testing.assert_close(found[1], arrived[1])


def test_a_split_node_writes_to_each_rank_with_its_own_beta():
    h = alike(TORUS)
    up, far = conv(UP), conv(incidence(0, 2).T, 4, 3, seed=1)
    one, other = up.then(torch.relu), far.then(torch.tanh)
    for layer in (Split(one, other), one | other):
        assert layer.reads == {0: 4}
        assert layer.writes == {1: 4, 2: 3}
        found = layer({0: h[0]}, TORUS)
        torch.testing.assert_close(found[1], torch.relu(up(h, TORUS)[1]))
        torch.testing.assert_close(found[2], torch.tanh(far(h, TORUS)[2]))


def test_parts_follow_each_other_and_read_what_was_written_last():
    h = alike(TORUS)
    first, second, third = conv(UP), conv(HIGHER), conv(incidence(0, 1))
    layer = first >> second >> third
    assert isinstance(layer, Diagram)
    assert len(layer.steps) == 3
    assert layer.reads == {0: 4}
    one = first(h, TORUS)[1]
    found = layer({0: h[0]}, TORUS)
    torch.testing.assert_close(found[2], second({1: one}, TORUS)[2])
    # Rank 1 was written by the first part, and what was given of it no longer counts.
    torch.testing.assert_close(layer(h, TORUS)[0], third({1: one}, TORUS)[0])
    # Rank 0 is read as it was given before it is written.
    assert found[0].shape == (12, 4)


def test_height_is_that_of_the_longest_path():
    assert conv(UP).height == 1
    assert (conv(UP) >> conv(HIGHER)).height == 2
    # Parts that do not wait for each other stand side by side.
    assert (conv(UP) >> conv(incidence(0, 2).T)).height == 1
    # A merge node is as far as the farthest of its parts.
    assert ((conv(UP) >> conv(HIGHER)) + conv(incidence(0, 2).T)).height == 2
    assert Diagram(conv(UP), conv(HIGHER), height=2).height == 2
    assert (skip(0) >> conv(adjacency(0)) >> conv(UP)).height == 3
    # Attention between ranks reads the cell that hears as well.
    layer = conv(adjacency(1)) >> Attention(UP, 4, 4, generator=seeded())
    assert layer.height == 2


def test_parameters_are_found_and_saved():
    layer = (conv(UP).then(nn.PReLU()) | conv(adjacency(0))) >> conv(HIGHER)
    assert sorted(layer.state_dict()) == [
        "steps.0.branches.0.beta.1.weight", "steps.0.branches.0.branches.0.weight",
        "steps.0.branches.1.weight", "steps.1.weight",
    ]  # fmt: skip
    assert layer.double()(alike(TORUS, dtype=torch.float64), TORUS)[2].dtype == torch.float64


def test_a_batch_is_taken_as_one_complex():
    layer = (conv(UP) + conv(adjacency(1), seed=1)).then(torch.relu) >> Attention(
        HIGHER, 4, 4, heads=2, generator=seeded()
    )
    parts = [CUBE, TETRAHEDRON, TORUS]
    given = [alike(part, seed=seed) for seed, part in enumerate(parts)]
    whole = batch(parts)
    together = {rank: torch.cat([h[rank] for h in given]) for rank in (0, 1, 2)}
    found = layer(together, whole.complex)
    alone = [layer(h, part) for h, part in zip(given, parts, strict=True)]
    for rank in (1, 2):
        torch.testing.assert_close(found[rank], torch.cat([own[rank] for own in alone]))


def test_the_order_of_cells_does_not_matter():
    layer = (conv(UP) + conv(adjacency(1), seed=1)).then(torch.relu) >> Split(
        conv(HIGHER), conv(incidence(0, 1))
    )
    assert check_equivariance(layer, TORUS, alike(TORUS), seeded()) < 1e-5


def test_what_learns_is_learned():
    h, generator = alike(TORUS), seeded(3)
    layer = (conv(UP) + skip(1)).then(torch.tanh) >> Convolution(HIGHER, 4, 1, generator=generator)
    wanted = torch.randn(24, 1, generator=generator)
    optimizer = torch.optim.Adam(layer.parameters(), 0.05)
    losses = []
    for _ in range(60):
        loss = (layer(h, TORUS)[2] - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Merge(), "one part or more"),
        (lambda: Diagram(), "one part or more"),
        (lambda: conv(UP) >> nn.ReLU(), "ReLU is no part of a diagram"),
        (lambda: conv(UP) + nn.ReLU(), "ReLU is no part of a diagram"),
        (lambda: conv(UP) | torch.relu, "relu is no part of a diagram"),
        (lambda: Merge(conv(UP), how="max"), "'max': choose from sum, mean, concat"),
        (lambda: Split(conv(UP)), "two parts or more"),
        (lambda: Split(conv(UP), conv(adjacency(1))), "merge them instead"),
        (lambda: conv(UP) + conv(adjacency(1), 4, 3), "has 3, 4 features"),
        (lambda: conv(UP, 3) + conv(adjacency(0)), "branch 2 reads 4 features of rank 0"),
        (lambda: Merge(conv(UP), beta={0: torch.relu}), "beta for ranks .0., and .* write to .1."),
        (lambda: conv(UP).then(nn.Linear(3, 2)), "Linear does not take 4 features of rank 1"),
        (lambda: conv(UP).then(torch.sum), "sum makes no .cell, feature."),
        (lambda: conv(UP) >> conv(HIGHER, 3), "part 2 of a diagram reads 3 features of rank 1"),
        (lambda: Diagram(conv(UP), conv(UP, 3)), "part 2 of a diagram reads 3 features of rank 0"),
        (
            lambda: Diagram(conv(UP), conv(incidence(2, 3)), sources={0, 1, 2}),
            r"part 2 of a diagram reads rank 3, .* nothing was written; given are \[0, 1, 2\]",
        ),
        (lambda: Diagram(conv(UP), height=2), "has height 1, not 2"),
        (
            lambda: (conv(UP) + skip(1))({0: torch.ones(12, 4), 1: torch.ones(36, 1)}, TORUS),
            "has 1, 4 features",
        ),
        (
            lambda: (conv(UP) >> conv(HIGHER))({1: torch.ones(36, 4)}, TORUS),
            "reads a cochain of rank 0",
        ),
        (lambda: Messages(identity(0), width=0), "at least one feature"),
    ],
)
def test_what_makes_no_diagram_is_refused(make, told, unchecked):
    with pytest.raises(TopologyError, match=told):
        make()
