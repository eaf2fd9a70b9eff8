r"""Five queries among thirty patterns
==================================

A modern Hopfield network stores patterns as the rows of a matrix :math:`X`. A state :math:`\xi` has
the energy (Ramsauer et al. 2021, equation 2)

.. math::

   E(\xi) = -\tfrac{1}{\beta}\ln\sum_i e^{\beta x_i\cdot\xi} + \tfrac12\,\xi\cdot\xi + \text{const},

which is low near a pattern. Its descent by the concave-convex procedure is one line (equation 3):

.. math::

   \xi \leftarrow X^\top \operatorname{softmax}(\beta X \xi).
"""

import torch

from unfrozen.memory import ModernHopfield
from unfrozen.memory.hopfield.plots import falling

generator = torch.Generator().manual_seed(0)
patterns = torch.randn(30, 16, generator=generator)
memory = ModernHopfield(16, beta=1.0)
memory.write(patterns)

# %%
# Damaged patterns are the queries. Each falls down the energy until it rests.

queries = 0.6 * patterns[:5] + 0.5 * torch.randn(5, 16, generator=generator)
fall = memory.retrieve(queries, trajectory=True)
print("updates until at rest:", fall.steps.tolist())
distances = (fall.states - patterns[:5]).norm(dim=1).tolist()
print("distance from the pattern:", [round(distance, 3) for distance in distances])
figure = falling(fall, patterns)

# %%
# One update is attention: queries are states, keys and values are the stored patterns, and
# :math:`\beta` stands where a transformer has :math:`1/\sqrt{d}`.

once = memory.retrieve(queries, steps=1).states
attention = torch.nn.functional.scaled_dot_product_attention(
    queries[None], patterns[None], patterns[None], scale=1.0
)[0]
print("largest difference from attention:", float((once - attention).abs().max()))

# %%
# **What to look at.** Energies only fall, and states end at a pattern in a few updates. Lower
# ``beta`` to 0.2: the wells of neighbouring patterns merge, and states end at means of several. In
# the full run of the paper the largest difference from attention was
# :claim:`hopfield.attention-error`.
