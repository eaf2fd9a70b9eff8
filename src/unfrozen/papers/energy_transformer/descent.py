"""Whether the energy falls at every step, with and without training."""

from dataclasses import dataclass

import torch

from unfrozen.energy import EnergyTransformer
from unfrozen.energy.tasks import ImageCompletion
from unfrozen.papers.energy_transformer import completion


@dataclass(frozen=True)
class Falls:
    """Energies along descents.

    Attributes:
        name: of the weights.
        steps: how many were taken, over all samples.
        rises: after how many of them the energy was higher, beyond rounding.
        largest: the largest rise, by the range of the energy on its way.
        energies: of one sample.
    """

    name: str
    steps: int
    rises: int
    largest: float
    energies: tuple[float, ...]


@torch.no_grad()
def falls(model: ImageCompletion, pictures: torch.Tensor, hidden: torch.Tensor) -> list[Falls]:
    """Descents of trained weights, and of random ones of several sizes, for sixty steps."""
    tokens = model.tokens(model.patches(pictures), hidden)
    block = model.block
    assert isinstance(block, EnergyTransformer)
    found = [_falls("trained", block, tokens)]
    for scale in (0.1, 1.0, 3.0):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            fresh = completion.energy_block()
        for weight in (fresh.attention.key, fresh.attention.query, fresh.hopfield.memories):
            weight.mul_(scale)
        found.append(_falls(f"random, times {scale}", fresh, tokens))
    return found


def _falls(name: str, block: EnergyTransformer, tokens: torch.Tensor) -> Falls:
    # Double precision: rounding is then far below any rise that counts.
    double = completion.energy_block(60, torch.float64)
    double.load_state_dict(block.state_dict())
    energies = double.descend(tokens.double(), trajectory=True).energies
    assert energies is not None
    gaps = energies.diff(dim=0) / (energies.amax(0) - energies.amin(0)).clamp(min=1e-12)
    return Falls(
        name=name,
        steps=gaps.numel(),
        rises=int((gaps > 1e-12).sum()),
        largest=float(gaps.max().clamp(min=0)),
        energies=tuple(energies[:, 0].tolist()),
    )
