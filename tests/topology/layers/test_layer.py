"""What all layers have in common: composing, reading, and first weights."""

import math
from typing import Literal

import pytest
import torch
from tests.topology.layers.cochains import seeded

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import adjacency, incidence
from unfrozen.topology.layers import Convolution, Diagram, Layer, Merge, Split
from unfrozen.topology.layers.layer import check_choice, check_reflexive, glorot, read


def conv(relation):
    return Convolution(relation, 4, 4, generator=seeded())


def test_operators_compose_and_do_not_nest():
    up, near, far = conv(incidence(0, 1).T), conv(adjacency(1)), conv(incidence(0, 2).T)
    assert list((up >> near >> near).steps) == [up, near, near]
    assert list((up >> (near >> near)).steps) == [up, near, near]
    summed = up + near + conv(incidence(1, 2))
    assert type(summed) is Merge
    assert len(summed.branches) == 3
    assert len(summed.then(torch.relu).branches) == 3
    # What has a nonlinearity of its own stays a part.
    assert len((summed.then(torch.relu) + near).branches) == 2
    assert type(up | far) is Split
    assert type(up >> near) is Diagram


def test_a_layer_of_ones_own_is_a_part_like_any_other():
    class Double(Layer):
        def __init__(self):
            super().__init__()
            self.reads, self.writes = {0: None}, {0: None}

        def forward(self, cochains, complex_):
            return {0: 2 * cochains[0]}

        def trace(self, sketch, at, into):
            from unfrozen.topology.layers import Arrow

            head = into[0] if 0 in into else sketch.cochain(0)
            sketch.arrows.append(Arrow(at[0], head, "2", "doubled"))
            return {0: head}

    from unfrozen.topology.complex import Complex

    path = Complex({1: [[0, 1], [1, 2]]})
    near = conv(adjacency(0))
    layer = Double() >> near
    h = {0: torch.eye(3, 4)}
    torch.testing.assert_close(layer(h, path)[0], 2 * near(h, path)[0])
    assert layer.height == 2
    assert "2, doubled" in layer.draw()


def test_what_is_read_is_checked():
    h = torch.ones(3, 2)
    assert read({0: h}, 0, 2, "it") is h
    assert read({0: h}, 0, None, "it") is h
    with pytest.raises(TopologyError, match=r"it reads a cochain of rank 1, .* of ranks 0"):
        read({0: h}, 1, 2, "it")
    with pytest.raises(TopologyError, match="those given are of ranks none"):
        read({}, 1, 2, "it")
    with pytest.raises(TopologyError, match=r"it reads 3 features of rank 0, .* is .3, 2."):
        read({0: h}, 0, 3, "it")
    with pytest.raises(TopologyError, match=r"reads .cell, feature. of rank 0, .* is .3."):
        read({0: h[:, 0]}, 0, None, "it")


def test_first_weights_are_uniform_within_the_bounds_of_glorot_and_bengio():
    drawn = glorot((300, 500), seeded(), None, torch.float64).detach()
    bound = math.sqrt(6 / 800)
    assert drawn.dtype == torch.float64
    assert float(drawn.abs().max()) == pytest.approx(bound, rel=1e-3)
    assert float(drawn.var()) == pytest.approx(bound**2 / 3, rel=0.02)
    assert torch.equal(drawn, glorot((300, 500), seeded(), "cpu", torch.float64))
    assert glorot((2, 3), seeded(), "meta", None).is_meta


def test_words_and_ranks_are_checked():
    check_choice("it", "a", Literal["a", "b"])
    with pytest.raises(TopologyError, match="it is 'c': choose from a, b"):
        check_choice("it", "c", Literal["a", "b"])
    check_reflexive(adjacency(0))
    with pytest.raises(TopologyError, match="no cell hears of itself"):
        check_reflexive(incidence(0, 1))
