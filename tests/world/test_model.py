"""Rollouts, against powers of a matrix."""

import pytest
import torch

from unfrozen.errors import WorldError
from unfrozen.world.model import Dynamics, FunctionDynamics, rollout

F64 = torch.float64


def test_a_linear_model_is_rolled_out_by_powers():
    g = torch.Generator().manual_seed(0)
    A, B = torch.randn(3, 3, generator=g, dtype=F64) / 2, torch.randn(3, 2, generator=g, dtype=F64)
    model = FunctionDynamics(lambda x, u: x @ A.T + u @ B.T)
    assert isinstance(model, Dynamics)
    x, u = torch.randn(4, 3, generator=g, dtype=F64), torch.randn(4, 5, 2, generator=g, dtype=F64)
    u.requires_grad_()
    found = rollout(model, x, u)
    for t in range(5):
        expected = x @ torch.matrix_power(A, t + 1).T + sum(
            u[:, k] @ (torch.matrix_power(A, t - k) @ B).T for k in range(t + 1)
        )
        torch.testing.assert_close(found[:, t], expected)
    (slope,) = torch.autograd.grad(found[:, 4].sum(), u)
    expected = (torch.matrix_power(A, 4) @ B).sum(0).expand(4, 2)
    torch.testing.assert_close(slope[:, 0], expected)


def test_what_does_not_fit_is_refused(unchecked):
    model = FunctionDynamics(lambda x, u: x)
    with pytest.raises(WorldError, match="as many rows"):
        rollout(model, torch.zeros(2, 3), torch.zeros(3, 1, 1))
    with pytest.raises(WorldError, match="at least one step"):
        rollout(model, torch.zeros(2, 3), torch.zeros(2, 0, 1))
    with pytest.raises(WorldError, match="keeps the shape"):
        rollout(FunctionDynamics(lambda x, u: x[:, :1]), torch.zeros(2, 3), torch.zeros(2, 1, 1))
