"""Learn by forward passes alone
=============================

Any function of the weights will do as a closure: here the share of digits that a network gets
wrong, which has no gradient.
"""

import torch

from unfrozen.data.images import images
from unfrozen.learning.zeroth_order import MeZO

digits = images("digits")
x, y = digits.train.flatten(1).float() / 16, digits.train_classes
model = torch.nn.Linear(64, 10)
torch.nn.init.zeros_(model.weight)
optimizer = MeZO(model.named_parameters(), lr=0.2, eps=0.3, scale="rms", seed=0)


def wrong() -> float:
    """What is to be made small."""
    return float((model(x).argmax(1) != y).double().mean())


losses = [optimizer.step(wrong) for _ in range(1000)]
print(f"wrong at first {losses[0]:.2f}, after {optimizer.steps} steps {losses[-1]:.2f}")
