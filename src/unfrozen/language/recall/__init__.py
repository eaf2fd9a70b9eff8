"""Memory beside a model: texts recalled by likeness, facts and documents while the model reads."""

from unfrozen.language.recall.documents import DocumentMemory, DocumentSettings
from unfrozen.language.recall.embedding import Embedding
from unfrozen.language.recall.encoded import EncodedDocument, EncodedFacts
from unfrozen.language.recall.facts import FactMemory, RecallSettings
from unfrozen.language.recall.files import load_memory, save_memory
from unfrozen.language.recall.texts import Recalled, TextMemory

__all__ = [
    "DocumentMemory",
    "DocumentSettings",
    "Embedding",
    "EncodedDocument",
    "EncodedFacts",
    "FactMemory",
    "RecallSettings",
    "Recalled",
    "TextMemory",
    "load_memory",
    "save_memory",
]
