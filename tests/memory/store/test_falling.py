"""Falling in a store against the network of the same patterns."""

import pytest
import torch
from matplotlib.figure import Figure
from tests.draws import normal32

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.hopfield import ModernHopfield
from unfrozen.memory.hopfield.plots import falling
from unfrozen.memory.store import TensorStore, fall


@pytest.mark.parametrize("beta", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("steps", [0, 1, 4, None])
def test_states_fall_as_in_the_network(beta, steps):
    patterns, queries = normal32(0, 100, 12), normal32(1, 5, 12)
    store, network = TensorStore(12), ModernHopfield(12, beta=beta, tolerance=1e-5)
    store.append(patterns)
    network.write(patterns)
    ours, theirs = fall(store, queries, beta, steps), network.retrieve(queries, steps)
    torch.testing.assert_close(ours.states, theirs.states, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.energies, network.energy(ours.trajectory), rtol=1e-4, atol=1e-4)
    assert bool((ours.energies.diff(dim=0) <= 1e-4).all())
    if steps is None:
        assert bool(ours.converged.all())
    else:
        assert len(ours.trajectory) <= steps + 1


def test_the_way_is_drawn():
    store = TensorStore(6)
    store.append(normal32(0, 20, 6))
    way = fall(store, normal32(1, 3, 6), 2.0)
    figure = falling(way, store.get(store.ids)[0], "a title")
    assert isinstance(figure, Figure)
    right = figure.axes[1]
    assert len(right.lines) == 3
    assert right.get_ylabel() == "energy"
    flat = TensorStore(1)  # a plane of one direction
    flat.append(normal32(0, 3, 1))
    assert isinstance(falling(fall(flat, normal32(1, 1, 1), 2.0), normal32(0, 3, 1)), Figure)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: fall(TensorStore(2), torch.zeros(1, 2), 1.0), "is not empty"),
        (lambda: fall(_filled(3), torch.zeros(1, 2), 1.0), "keeps keys alone"),
        (lambda: fall(_filled(None), torch.zeros(1, 2), 1.0, -1), "no or more steps"),
        (
            lambda: falling(ModernHopfield(2).retrieve(torch.zeros(1, 2)), torch.zeros(1, 2)),
            "trajectory=True",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(ask, message):
    with pytest.raises(MemoryShapeError, match=message):
        ask()


def _filled(values):
    store = TensorStore(2, values)
    store.append(torch.ones(1, 2), None if values is None else torch.ones(1, values))
    return store
