r"""The memory of the Tolman-Eichenbaum Machine
===========================================

TEM (Whittington et al. 2020) binds what is seen to where it is in a Hebbian matrix that fades,
:math:`M_t = \lambda M_{t-1} + \eta\, p_t p_t^\top`, and reads it by letting a state fall into it.
Kept as a list of its writes, it is attention without a softmax (Ba et al. 2016, section 2):

.. math::

   M_t\,q = \sum_{s<t} \eta\,\lambda^{t-1-s}\; v_s\,(k_s \cdot q).

The TEM-transformer of 2022 is the same with a softmax around the dot products. How much does that
change?
"""

import matplotlib.pyplot as plt
import torch

from unfrozen.memory.hopfield.modern import recall
from unfrozen.memory.linear import hebbian

d, decay, rate = 32, 0.99, 1.0
generator = torch.Generator().manual_seed(0)


def unit(*shape: int) -> torch.Tensor:
    """Random directions."""
    drawn = torch.randn(*shape, generator=generator)
    return drawn / drawn.norm(dim=-1, keepdim=True)


# %%
# First, the list and the matrix are the same memory.

base = torch.zeros(1, d, d)
keys, values = unit(1, 40, d), unit(1, 40, d)
matrix = base.clone()
for key, value in zip(keys[0], values[0], strict=True):
    matrix = decay * matrix + rate * torch.outer(value, key)[None]
left = hebbian.fading(torch.tensor([40]), 40, decay, rate, keys)
query = unit(1, 1, d)
listed = hebbian.read(base, hebbian.Writes(keys, values), query, left)
print("largest difference:", float((listed - query @ matrix.mT).abs().max()))

# %%
# Then both are filled, and asked with keys that are a little off. An answer is right if it is
# nearer to its own value than to any other.

counts = [4, 8, 16, 32, 64, 128, 256]
shares: dict[str, list[float]] = {"Hebbian matrix": [], "softmax": []}
for n in counts:
    keys, values = unit(1, n, d), unit(1, n, d)
    asked = keys + 0.5 * unit(1, n, d)
    fresh = hebbian.fading(torch.tensor([n]), n, 1.0, 1.0, keys)
    answers = {
        "Hebbian matrix": hebbian.read(base, hebbian.Writes(keys, values), asked, fresh)[0],
        "softmax": recall(asked, keys, values, beta=20.0).values[0],
    }
    for name, answer in answers.items():
        nearest = torch.cdist(answer, values[0]).argmin(1)
        shares[name].append(float((nearest == torch.arange(n)).double().mean()))

for name, row in shares.items():
    print(
        f"{name}: " + ", ".join(f"{n}: {share:.2f}" for n, share in zip(counts, row, strict=True))
    )

# %%
figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
for (name, row), marker in zip(shares.items(), "os", strict=True):
    axes.semilogx(counts, row, marker=marker, label=name)
axes.axvline(d, color="grey", linestyle=":", label="d")
axes.set(xlabel="pairs stored", ylabel="share answered right", ylim=(0, 1.05))
axes.legend()

# %%
# **What to look at.** The matrix crosstalks as the number of pairs nears its width; the softmax
# keeps them apart. That is why the TEM-transformer trains so much faster. TEM itself mends
# crosstalk with an attractor, whose steps are reads of the same list: an update at the paper's size
# took :claim:`tem.speedup` times as long in the PyTorch port as here.
