"""Random tensors of tests, the same at every run."""

import torch

F64 = torch.float64


def normal(seed: int, *shape: int, dtype: torch.dtype = F64) -> torch.Tensor:
    """Standard normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def normal32(seed: int, *shape: int) -> torch.Tensor:
    """The same in float32."""
    return normal(seed, *shape, dtype=torch.float32)
