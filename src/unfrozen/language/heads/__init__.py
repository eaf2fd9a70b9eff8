"""Attention heads as the Hopfield networks that they are: which of them average, which choose."""

from unfrozen.language.heads.analysis import CLASSES, Heads, analyse_heads

__all__ = ["CLASSES", "Heads", "analyse_heads"]
