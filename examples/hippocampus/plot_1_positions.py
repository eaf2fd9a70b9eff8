r"""Foreseeing through steps never taken
====================================

The TEM-transformer (Whittington et al. 2022) is attention whose position code is moved by actions
instead of counting tokens. A code :math:`e_t` follows the walk (equation 7), and what is seen is
asked from a memory of earlier codes and symbols (equation 5):

.. math::

   e_{t+1} = f(e_t W_{a_t}), \qquad
   \hat x_t = \operatorname{softmax}(\beta\, e_t E^\top)\, X .

Two ways to one place end in one code. So what was seen there is foreseen along a step that was
never taken in either direction, in a world met for the first time.
"""

import matplotlib.pyplot as plt
import torch

from unfrozen.hippocampus.tem_t import trained
from unfrozen.hippocampus.worlds import batch, draw_symbols, named, novelty, walk

model = trained("grid")  # comes with the package
generator = torch.Generator().manual_seed(0)
grid = named("grid")
worlds = batch([grid.draw(generator) for _ in range(8)])
symbols = draw_symbols(worlds, model.settings.n_symbols, generator)
path = walk(worlds, symbols, 150, generator, grid.walk)
with torch.no_grad():
    found = model(path.symbols, path.actions)

# %%
# Three kinds of steps: to places never seen, which no model can foresee; to known places by known
# steps; and to known places by steps never taken.

right = found.logits.argmax(-1) == path.symbols
new = novelty(path)
for name, some in {
    "places never seen": ~new.known,
    "known places, any step": new.known,
    "known places, steps never taken": new.new_pair,
}.items():
    print(f"{name}: {float(right[some].double().mean()):.3f} of {int(some.sum())} foreseen")

# %%
# The codes of one walk, and the weights of the memories that each step asked.

figure, (left, middle) = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
codes = model.key(found.codes[0]).detach()
left.imshow(codes @ codes.T, cmap="cividis", vmin=-1, vmax=1)
left.set(xlabel="step", ylabel="step", title="likeness of position codes")
middle.imshow(found.weights[0] ** 0.5, cmap="cividis")
middle.set(xlabel="step remembered", ylabel="step that asks", title="weights (square root)")

# %%
# **What to look at.** Off the diagonal, single cells are bright: the walk was there before. The
# weights pick the same cells, and nothing in the symbols could have told where: they are drawn anew
# for each world. Accuracy at steps never taken is the measure (in the full run
# :claim:`tem-t.zero-shot`).
