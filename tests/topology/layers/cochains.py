"""What tests of layers share: cochains, and matrices of a complex as dense ones."""

import torch

from unfrozen.topology.complex import Complex, Relation


def seeded(seed=0):
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


def cochains(complex_: Complex, width=4, seed=0, dtype=torch.float32):
    """Random features of every rank; each rank has one more than that below."""
    generator = seeded(seed)
    return {
        rank: torch.randn(complex_.n_cells(rank), width + rank, generator=generator).to(dtype)
        for rank in complex_.ranks
    }


def alike(complex_: Complex, width=4, seed=0, dtype=torch.float32):
    """Random features of every rank, as many of each."""
    own = cochains(complex_, width + 9, seed, dtype)
    return {rank: h[:, :width].contiguous() for rank, h in own.items()}


def dense(complex_: Complex, relation: Relation, dtype=torch.float32):
    """A matrix with its zeros."""
    return torch.from_numpy(complex_.neighbourhood(relation).scipy().toarray()).to(dtype)
