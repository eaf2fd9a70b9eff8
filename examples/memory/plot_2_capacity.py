r"""How many patterns does a network hold?
======================================

Hopfield's network of 1982 stores patterns of signs in one matrix, :math:`W = \sum_\mu x_\mu
x_\mu^\top`, and breaks down above :math:`0.138\,d` of them. Krotov and Hopfield (2016, equation 2)
keep the patterns and raise the overlap to a power,

.. math::

   E(s) = -\sum_\mu F(x_\mu \cdot s), \qquad F(z) = z^n,

so that the capacity grows as :math:`d^{\,n-1}`. With :math:`F = \exp` it is :math:`2^{d/2}`
(Demircigil et al. 2017), and with real states that is the modern network.
"""

import matplotlib.pyplot as plt
import torch

from unfrozen.memory import ClassicalHopfield, DenseHopfield

d = 64
counts = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
makers = {
    "classical (Hebb)": lambda: ClassicalHopfield(d, order="synchronous"),
    "dense, degree 3": lambda: DenseHopfield(d, degree=3, order="synchronous"),
    "dense, degree 4": lambda: DenseHopfield(d, degree=4, order="synchronous"),
    "exponential": lambda: DenseHopfield(d, degree=None, order="synchronous"),
}

# %%
# Each network is filled, shown its own patterns with a tenth of the signs turned, and asked once.

generator = torch.Generator().manual_seed(0)
recalled: dict[str, list[float]] = {name: [] for name in makers}
for n in counts:
    patterns = torch.randn(n, d, generator=generator).sign()
    noise = torch.rand(n, d, generator=generator) < 0.1
    damaged = torch.where(noise, -patterns, patterns)[:200]
    for name, make in makers.items():
        memory = make()
        memory.write(patterns)
        found = memory.retrieve(damaged, steps=1).states
        recalled[name].append(float((found == patterns[:200]).all(1).double().mean()))

for name, shares in recalled.items():
    held = max([n for n, share in zip(counts, shares, strict=True) if share > 0.9], default=0)
    print(f"{name}: nine of ten come back whole up to {held} patterns")

# %%
figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
for (name, shares), marker in zip(recalled.items(), "os^D", strict=True):
    axes.semilogx(counts, shares, marker=marker, label=name)
axes.axvline(0.138 * d, color="grey", linestyle=":", label="0.138 d")
axes.set(xlabel="patterns stored", ylabel="share recalled whole", title=f"d = {d} signs")
axes.legend(fontsize=8)

# %%
# **What to look at.** Curves break at very different loads, although a state has 64 signs in all of
# them. The price is that patterns themselves are kept, where Hebb's matrix has one size whatever it
# holds. The full run found a capacity of :claim:`hopfield.classical-capacity` patterns a neuron for
# the classical network, and :claim:`hopfield.dense-exponent` of the predicted exponent for dense
# ones.
