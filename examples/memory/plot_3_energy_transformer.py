r"""A transformer block that goes downhill
======================================

The Energy Transformer (Hoover et al. 2023) has one block, applied again and again. Tokens :math:`x`
are normalised to :math:`g` (equation 1), attention and a Hopfield network each give :math:`g` an
energy (equations 3 and 5), and every step moves against the slope of their sum (equation 6):

.. math::

   E^{ATT} = -\tfrac1\beta\sum_{h}\sum_C \ln\sum_{B\ne C} e^{\beta K_{hB}\cdot Q_{hC}},
   \qquad \tau\,\frac{dx}{dt} = -\frac{\partial (E^{ATT} + E^{HN})}{\partial g}.

The energy cannot rise, whatever the weights: the LayerNorm is itself the gradient of a convex
function.
"""

import matplotlib.pyplot as plt
import torch

from unfrozen.data.images import images
from unfrozen.energy import EnergyTransformer
from unfrozen.energy.tasks import ImageCompletion

generator = torch.Generator().manual_seed(0)
with torch.random.fork_rng():
    torch.manual_seed(0)
    block = EnergyTransformer(48, heads=4, head_width=16, steps=6)
    model = ImageCompletion(8, 2, block, 48)

# %%
# Random weights first. The energy of random tokens falls at every step.

way = block.descend(torch.randn(6, 16, 48, generator=generator), trajectory=True)
rises = way.energies.diff(dim=0) > 0
print("steps after which the energy was higher:", int(rises.sum()), "of", rises.numel())

# %%
# Then the block learns to fill in hidden patches of digits. Hidden tokens start alike, and the
# descent makes of them what fits the others.

digits = images("digits")
train = digits.train[:, None].float() / 16
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
for _ in range(120):
    batch = train[torch.randint(len(train), (48,), generator=generator)]
    hidden = torch.rand(48, 16, generator=generator) < 0.5
    loss = model.error(batch, hidden)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

asked = digits.test[:6, None].float() / 16
hidden = torch.rand(6, 16, generator=generator) < 0.5
with torch.no_grad():
    filled = torch.where(hidden[..., None], model(asked, hidden), model.patches(asked))
    energies = block.descend(model.tokens(model.patches(asked), hidden), trajectory=True).energies
shown = torch.where(hidden[..., None], 0.5, model.patches(asked))
print(f"mean squared error of hidden patches: {float(model.error(asked, hidden)):.3f}")

# %%
figure = plt.figure(figsize=(8, 4.6), layout="constrained")
grid = figure.add_gridspec(3, 8)
for row, (name, pictures) in enumerate(
    (("seen", model.pictures(shown)), ("filled in", model.pictures(filled)), ("true", asked))
):
    for column in range(4):
        axes = figure.add_subplot(grid[row, column])
        axes.imshow(pictures[column, 0], cmap="gray", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        if column == 0:
            axes.set_ylabel(name)
axes = figure.add_subplot(grid[:, 4:])
axes.plot(energies.detach())
axes.set(xlabel="step", ylabel="energy of a picture", title="Six digits being completed")

# %%
# **What to look at.** The lines only fall, before and after training: learning shapes the energy,
# and thinking is going down it. Beside a plain block of as many parameters the error of hidden
# patches was lower by :claim:`energy-transformer.completion` of it, in the paper's full run.
