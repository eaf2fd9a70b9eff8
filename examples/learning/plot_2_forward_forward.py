r"""Layers that judge themselves
============================

Forward-Forward (Hinton 2022) has no backward pass. A label is written into the image. Each layer
learns by itself to have much goodness, :math:`G = \sum_j y_j^2`, where the label is right, and
little where it is wrong. The loss compares the two (in the symmetric form of Lee and Song 2023):

.. math::

   L = \ln\!\left(1 + e^{-\alpha\,(G_{\text{right}} - G_{\text{wrong}})}\right).

A class is found by trying all labels.
"""

import matplotlib.pyplot as plt
import torch

from unfrozen.data.images import images
from unfrozen.learning.forward_forward import FitSettings, dense, fit

digits = images("digits")


def prepared(grey: torch.Tensor) -> torch.Tensor:
    """Ten features for the label, then the pixels."""
    return torch.cat([torch.zeros(len(grey), 10), grey.flatten(1).float() / 16], 1)


x, y = prepared(digits.train), digits.train_classes
asked, truth = prepared(digits.test), digits.test_classes
network = dense([74, 200, 200], classes=10)
fit(network, x, y, FitSettings(epochs=12))
print(f"by goodness {float((network.predict(asked) == truth).double().mean()):.3f} right")
one_pass = network.predict(asked, by="classifier")
print(f"by the classifier, in one pass, {float((one_pass == truth).double().mean()):.3f}")

# %%
# Goodness of every label, for the first test digits.

figure, panels = plt.subplots(2, 6, figsize=(8, 2.8), layout="constrained", height_ratios=(1, 1.2))
scores = network.scores(asked[:6])
for i in range(6):
    panels[0, i].imshow(digits.test[i], cmap="gray_r")
    panels[0, i].set(xticks=[], yticks=[])
    colours = ["#d55e00" if c == int(truth[i]) else "#999999" for c in range(10)]
    panels[1, i].bar(range(10), scores[i] - scores[i].min(), color=colours)
    panels[1, i].set(xticks=[0, 5, 9], yticks=[])
panels[1, 0].set_ylabel("goodness")

# %%
# **What to look at.** The right label (orange) has the most goodness; where a digit is written
# badly, others come near. No graph ever spanned two layers, so layers could learn one after the
# other, or on hardware that has no backward pass. On all of MNIST the full run erred on
# :claim:`forward-forward.error` % of the test digits, and the best rule of its kind on
# :claim:`forward-forward.best-local-error` %.
