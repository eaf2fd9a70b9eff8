"""Small problems to search, as the functions that a search asks for."""

import itertools

import torch

from unfrozen.world.planning.trees import Outcome, Root

F64 = torch.float64


def bandit(logits, rewards, value=None):
    """One step: the action's reward, and the end."""
    b = len(logits)

    def recurrent(action, embedding):
        reward = rewards[torch.arange(b), action]
        return Outcome(reward, torch.zeros(b, dtype=F64), torch.zeros_like(logits),
                       torch.zeros(b, dtype=F64), embedding)  # fmt: skip

    value = torch.zeros(b, dtype=F64) if value is None else value
    return Root(logits, value, torch.zeros(b, 1, dtype=F64)), recurrent


class Branching:
    """Trees of a depth with a reward at every edge; a state is (depth, number among its level)."""

    def __init__(self, rows, actions, depth, seed):
        g = torch.Generator().manual_seed(seed)
        self.rows, self.actions, self.depth = rows, actions, depth
        self.rewards = [
            torch.rand(rows, actions ** (d + 1), generator=g, dtype=F64) for d in range(depth)
        ]

        wide = actions**depth
        pad = torch.nn.functional.pad
        self.table = torch.stack([pad(r, (0, wide - r.shape[1])) for r in self.rewards])

    def root(self):
        logits = torch.zeros(self.rows, self.actions, dtype=F64)
        zero = torch.zeros(self.rows, dtype=F64)
        return Root(logits, zero, torch.zeros(self.rows, 2, dtype=torch.long))

    def recurrent(self, action, state):
        depth, number = state.unbind(1)
        number = number * self.actions + action
        rows = torch.arange(self.rows)
        reward = self.table[depth, rows, number]
        ended = depth + 1 >= self.depth
        return Outcome(
            reward,
            torch.where(ended, 0.0, 1.0).to(F64),
            torch.zeros(self.rows, self.actions, dtype=F64),
            torch.zeros(self.rows, dtype=F64),
            torch.stack([depth + 1, number], 1),
        )

    def best(self):
        """Brute force: the best sum from each first action, [rows, actions]."""
        found = torch.full((self.rows, self.actions), -torch.inf, dtype=F64)
        for way in itertools.product(range(self.actions), repeat=self.depth):
            total, number = torch.zeros(self.rows, dtype=F64), 0
            for d, action in enumerate(way):
                number = number * self.actions + action
                total = total + self.rewards[d][:, number]
            found[:, way[0]] = torch.maximum(found[:, way[0]], total)
        return found
