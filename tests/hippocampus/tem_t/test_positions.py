"""Position codes against what they are meant to be: rotations, and one step after the other."""

import pytest
import torch

from unfrozen.errors import MapError
from unfrozen.hippocampus.tem_t import FreePositions, RotaryPositions

ACTIONS = torch.tensor([[-1, 0, 1, 2, 3, 3, 0], [-1, 2, 2, 1, 0, 1, 3]])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


CODES = {
    "linear": lambda: FreePositions(4, 12, "linear", generator=generator()),
    "unnormalised": lambda: FreePositions(4, 12, "linear", False, generator()),
    "relu": lambda: FreePositions(4, 12, "relu", generator=generator()),
    "tanh": lambda: FreePositions(4, 12, "tanh", False, generator()),
    "rotary": lambda: RotaryPositions(4, 12, generator()),
}


@pytest.mark.parametrize("name", sorted(CODES))
def test_codes_along_a_walk_are_those_of_one_step_after_the_other(name):
    positions = CODES[name]().double()
    again = ACTIONS.clone()
    again[1, 3] = -1
    for actions in (ACTIONS, again):
        along = positions.along(actions)
        codes = positions.start(2)
        for t in range(actions.shape[1]):
            codes = positions.step(codes, actions[:, t])
            torch.testing.assert_close(along[:, t], codes, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", sorted(CODES))
def test_a_walk_that_begins_forgets_what_was_before(name):
    positions = CODES[name]()
    codes = positions.along(ACTIONS)[:, -1]
    begun = positions.step(codes, torch.tensor([-1, 0]))
    torch.testing.assert_close(begun[0], positions.start(1)[0])
    assert not torch.allclose(begun[1], positions.start(1)[0])


def test_free_codes_are_products_with_matrices():
    positions = CODES["unnormalised"]().double()
    code = positions.start(1)[0]
    for action in ACTIONS[0, 1:].tolist():
        code = code @ positions.matrices[action]
    torch.testing.assert_close(positions.along(ACTIONS)[0, -1], code)


def test_matrices_begin_as_rotations():
    matrices = CODES["linear"]().matrices
    identity = torch.eye(12).expand(4, 12, 12)
    torch.testing.assert_close(matrices @ matrices.mT, identity, atol=1e-5, rtol=0)
    assert (torch.linalg.det(matrices) > 0.99).all()
    assert not torch.allclose(matrices, identity, atol=0.05)


def test_rotary_codes_turn_every_plane_by_the_sum_of_its_angles():
    positions = RotaryPositions(4, 6, generator())
    code = positions.along(ACTIONS)[0, -1]
    angle = positions.angles[ACTIONS[0, 1:]].sum(0)
    plane = torch.complex(*code.chunk(2))
    torch.testing.assert_close(plane, torch.exp(1j * angle))


def test_the_order_of_actions_does_not_matter_to_rotary_codes_but_does_to_free_ones():
    actions = torch.tensor([[-1, 0, 1, 2], [-1, 2, 1, 0]])
    rotary, free = (CODES[name]().along(actions)[:, -1] for name in ("rotary", "linear"))
    torch.testing.assert_close(rotary[0], rotary[1])
    assert (free[0] - free[1]).abs().max() > 1e-2


@pytest.mark.parametrize("name", ["linear", "relu", "rotary"])
def test_codes_keep_their_size_along_walks(name):
    actions = torch.randint(4, (2, 300), generator=generator(5))
    codes = CODES[name]().along(actions)
    size = codes.square().mean(-1)
    wanted = 0.5 if name == "rotary" else 1.0
    torch.testing.assert_close(size, torch.full_like(size, wanted), atol=1e-3, rtol=0)


def test_relu_codes_are_never_negative():
    assert (CODES["relu"]().along(ACTIONS) >= 0).all()


@pytest.mark.parametrize("name", sorted(CODES))
def test_gradients_are_those_of_differences(name):
    positions = CODES[name]().double()
    parameters = tuple(positions.parameters())

    def last(*_):
        return positions.along(ACTIONS[:, :4])[:, -1]

    assert torch.autograd.gradcheck(last, parameters, atol=1e-6)


def test_settling_leaves_a_settled_code():
    below = CODES["relu"]().settle(torch.tensor([-1.0, 2.0]))
    torch.testing.assert_close(below, torch.tensor([0.0, 2**0.5]), atol=1e-4, rtol=0)
    for name in ("linear", "relu", "rotary"):
        positions = CODES[name]()
        codes = positions.along(ACTIONS)
        torch.testing.assert_close(positions.settle(codes), codes, atol=1e-4, rtol=0)
        moved = positions.settle(codes * 3)
        torch.testing.assert_close(moved, codes, atol=1e-4, rtol=0)


def test_codes_that_make_no_sense_are_refused(unchecked):
    with pytest.raises(MapError, match="linear, relu, tanh"):
        FreePositions(4, 12, "gelu")
    with pytest.raises(MapError, match="even"):
        RotaryPositions(4, 11)
    with pytest.raises(MapError, match="needs an action"):
        FreePositions(0, 12)
