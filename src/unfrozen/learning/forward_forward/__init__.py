"""Learning by two forward passes, and other rules whose losses are a layer's own."""

from unfrozen.learning.forward_forward.contrastive import ContrastiveLayer, contrastive
from unfrozen.learning.forward_forward.convolution import Waves, convolutional
from unfrozen.learning.forward_forward.fit import Epoch, FitSettings, epochs, fit
from unfrozen.learning.forward_forward.layer import GoodnessLayer
from unfrozen.learning.forward_forward.local import LocalNetwork
from unfrozen.learning.forward_forward.mono_forward import ProjectionLayer, mono_forward
from unfrozen.learning.forward_forward.network import ForwardForward, dense
from unfrozen.learning.forward_forward.recurrent import TopDown

__all__ = [
    "ContrastiveLayer",
    "Epoch",
    "FitSettings",
    "ForwardForward",
    "GoodnessLayer",
    "LocalNetwork",
    "ProjectionLayer",
    "TopDown",
    "Waves",
    "contrastive",
    "convolutional",
    "dense",
    "epochs",
    "fit",
    "mono_forward",
]
