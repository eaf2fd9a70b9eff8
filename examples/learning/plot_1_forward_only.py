r"""Learn by forward passes alone
=============================

MeZO (Malladi et al. 2023, algorithm 1) asks the loss on both sides of the weights along a random
direction :math:`z` and moves along it:

.. math::

   g = \frac{L(\theta + \epsilon z) - L(\theta - \epsilon z)}{2\epsilon}, \qquad
   \theta \leftarrow \theta - \eta\, g\, z.

The direction comes back from its seed, so nothing is kept beside the weights, and a run is a list
of scalars :math:`g`. Any function of the weights will do: here the share of digits that a network
gets wrong, which has no gradient.
"""

import copy

import matplotlib.pyplot as plt
import torch

from unfrozen.data.images import images
from unfrozen.learning.zeroth_order import MeZO

digits = images("digits")
x, y = digits.train.flatten(1).float() / 16, digits.train_classes
model = torch.nn.Linear(64, 10, device="meta").to_empty(device="cpu")
torch.nn.init.zeros_(model.weight)
torch.nn.init.zeros_(model.bias)
start = copy.deepcopy(model.state_dict())
optimizer = MeZO(model.named_parameters(), lr=0.05, eps=0.3, scale="rms", seed=0)


def wrong() -> float:
    """What is to be made small."""
    return float((model(x).argmax(1) != y).double().mean())


losses = [optimizer.step(wrong) for _ in range(1000)]
print(f"wrong at first {losses[0]:.2f}, after {optimizer.steps} steps {losses[-1]:.2f}")

# %%
# The run is its record: seeds and scalars. Replayed from the first weights, it gives the last to
# the bit.

end = copy.deepcopy(model.state_dict())
model.load_state_dict(start)
for _ in optimizer.record.replay(dict(model.named_parameters())):
    pass
print("the same weights again:", all(torch.equal(end[k], v) for k, v in model.state_dict().items()))

# %%
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.plot(losses, color="#0072b2", linewidth=0.8)
axes.set(xlabel="step", ylabel="share of digits wrong", ylim=(0, 1))

# %%
# **What to look at.** The line falls fast at first, though each step sees one direction of 650, and
# slowly later. On a language model the full run came to an accuracy of :claim:`mezo.accuracy` on
# film reviews, with :claim:`mezo.memory-share` of the model's memory beyond inference.
