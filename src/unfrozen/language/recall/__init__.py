"""Texts as patterns: embedded by a language model, kept in a store, recalled by likeness."""

from unfrozen.language.recall.embedding import Embedding
from unfrozen.language.recall.texts import Recalled, TextMemory

__all__ = ["Embedding", "Recalled", "TextMemory"]
