"""What the base itself answers for; what its members share is in the contract tests."""

import pytest
import torch

from unfrozen.errors import MemoryShapeError
from unfrozen.memory import AssociativeMemory, HebbianMemory


@pytest.mark.parametrize("widths", [(0, 3), (3, 0), (-1, 2)])
def test_a_memory_needs_features(widths):
    with pytest.raises(MemoryShapeError, match="at least one feature"):
        HebbianMemory(*widths)


def test_a_memory_holds_floating_point_numbers():
    with pytest.raises(MemoryShapeError, match="floating-point"):
        HebbianMemory(2, 2, dtype=torch.int32)


def test_keys_alone_are_their_own_values():
    memory = HebbianMemory(3, 3, dtype=torch.float64)
    x = torch.eye(3, dtype=torch.float64)[:1]
    memory.write(x)
    torch.testing.assert_close(memory.read(x), x)


def test_a_member_without_energy_says_so():
    class Silent(HebbianMemory):
        energy = AssociativeMemory.energy

    with pytest.raises(MemoryShapeError, match="Silent has no energy"):
        Silent(2, 2).energy(torch.ones(2))
