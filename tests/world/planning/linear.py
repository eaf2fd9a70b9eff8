"""A linear system with quadratic costs, whose best plans are known."""

import numpy as np
import scipy.linalg
import torch

from unfrozen.world.costs import Effort, Goal, TotalCost
from unfrozen.world.model import FunctionDynamics

F64 = torch.float64
# A point in a plane, pushed: places and velocities.
A = np.block([[np.eye(2), 0.5 * np.eye(2)], [np.zeros((2, 2)), 0.8 * np.eye(2)]])
B = np.vstack([0.125 * np.eye(2), 0.5 * np.eye(2)])
R = 0.3
MODEL = FunctionDynamics(
    lambda x, u: x @ torch.as_tensor(A.T, dtype=x.dtype) + u @ torch.as_tensor(B.T, dtype=x.dtype)
)


def cost():
    return TotalCost((Goal(torch.zeros(4, dtype=F64)), Effort(weight=R)))


def starts(b, seed=0):
    return torch.randn(b, 4, generator=torch.Generator().manual_seed(seed), dtype=F64)


def riccati(horizon):
    """The matrix of the least cost to go, and the first gain, by the finite recursion."""
    P = np.eye(4)
    for step in range(horizon):
        K = np.linalg.solve(R * np.eye(2) + B.T @ P @ B, B.T @ P @ A)
        P = np.eye(4) * (step < horizon - 1) + A.T @ P @ A - A.T @ P @ B @ K
    return torch.tensor(P), torch.tensor(K)


def least(x, horizon):
    """The least cost of plans from each start; the start itself costs nothing."""
    P, _ = riccati(horizon)
    return torch.einsum("bi,ij,bj->b", x, P, x)


def gain():
    """The stationary gain: u = -K x."""
    P = scipy.linalg.solve_discrete_are(A, B, np.eye(4), R * np.eye(2))
    return torch.tensor(np.linalg.solve(R * np.eye(2) + B.T @ P @ B, B.T @ P @ A))
