r"""Ten classes, one after the other
================================

A network that learns new classes by gradient overwrites the old ones. A memory that is written to
does not. The accuracy matrix :math:`R_{ij}`, accuracy on task :math:`j` after task :math:`i`
(Lopez-Paz and Ranzato 2017), tells both what is known in the end and what was forgotten (Chaudhry
et al. 2018):

.. math::

   A = \frac1T\sum_j R_{Tj}, \qquad
   F = \frac1{T-1}\sum_{j<T}\ \max_{i<T} R_{ij} - R_{Tj}.
"""

import matplotlib.pyplot as plt

from unfrozen.learning.continual import class_incremental, make, run

stream = class_incremental("digits", 5, seed=0)
learners = {
    "fine-tuning": make("fine-tuning", stream.inputs, seed=0),
    "replay": make("replay", stream.inputs, seed=0, limit=60_000),
    "hopfield": make("hopfield", stream.inputs, seed=0, limit=60_000),
}
found = {name: run(learner, stream, seed=0) for name, learner in learners.items()}
for name, each in found.items():
    print(
        f"{name}: knows {each.average_accuracy:.3f} in the end, forgot {each.forgetting:.3f}, "
        f"keeps {each.bytes[-1]:,} bytes, takes {sum(each.seconds):.1f} s"
    )

# %%
figure, panels = plt.subplots(1, 3, figsize=(8.4, 3), layout="constrained")
for axes, (name, each) in zip(panels, found.items(), strict=True):
    picture = axes.imshow(each.matrix, cmap="cividis", vmin=0, vmax=1)
    axes.set(title=name, xlabel="asked about task", xticks=range(5), yticks=range(5))
panels[0].set_ylabel("after task")
figure.colorbar(picture, ax=panels, label="accuracy")

# %%
# **What to look at.** A row is what is known after a task. Fine-tuning knows the last task only.
# Replay practises old images beside new ones. The Hopfield memory writes prototypes, each image
# once, without a gradient. On ten tasks of MNIST and Fashion-MNIST, with 500 kB each, the full run
# found that such a learner forgets :claim:`continual.forgetting` points.
