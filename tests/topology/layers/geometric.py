"""PyTorch Geometric, whose import warns of what it uses."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch_geometric import nn

__all__ = ["nn"]
