"""Memories beside a model as files: safetensors, with what was remembered as JSON in the header."""

import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from unfrozen.data.cache import atomic_write
from unfrozen.data.models import weights_hash
from unfrozen.errors import DataError
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.language.recall.documents import DocumentMemory, DocumentSettings
from unfrozen.language.recall.encoded import EncodedDocument, EncodedFacts
from unfrozen.language.recall.facts import FactMemory, RecallSettings

FORMAT = 1
_KEY = "unfrozen"


def save_memory(memory: FactMemory | DocumentMemory, path: str | Path) -> Path:
    """Write what a memory holds to one file, whole or not at all.

    Args:
        memory: of facts or of documents.
        path: the file.

    Raises:
        DataError: the disk is full or refuses.
    """
    header: dict[str, Any] = {
        "format": FORMAT,
        "model": memory.lm.name,
        "weights": weights_hash(memory.lm.model),
        "settings": asdict(memory.settings),
        "prose": list(memory.prose),
    }
    tensors: dict[str, Tensor] = {}
    if isinstance(memory, FactMemory):
        held = memory.encoded()
        header |= {"kind": "facts", "facts": [fact.to_json() for fact in held.facts]}
        tensors = held.tensors()
    else:
        documents = memory.encoded()
        header |= {"kind": "documents", "documents": [one.name for one in documents]}
        for i, one in enumerate(documents):
            tensors |= {f"{i}.{name}": tensor for name, tensor in one.tensors().items()}
    plain = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_write(path) as temporary:
        told = {_KEY: json.dumps(header, ensure_ascii=False)}
        safetensors.torch.save_file(plain, temporary, metadata=told)
    return Path(path)


def load_memory(
    path: str | Path, lm: LanguageModel, *, any_weights: bool = False
) -> FactMemory | DocumentMemory:
    """Read a memory that `save_memory` wrote.

    Args:
        path: the file.
        lm: the model that it was made beside.
        any_weights: whether the model's weights may be others than they were when it was saved:
            edited since, or in another precision.  What is recalled may then be less exact.

    Raises:
        DataError: there is no such file, it is damaged, or of another model.
    """
    try:
        with safetensors.safe_open(str(path), "pt") as file:
            header = json.loads((file.metadata() or {}).get(_KEY, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise DataError(f"{path} holds no memory: {error}") from error
    if header.get("format") != FORMAT:
        raise DataError(f"{path} holds no memory of format {FORMAT}")
    if header.get("model") != lm.name:
        raise DataError(f"{path} was made beside {header.get('model')}, not beside {lm.name}")
    if not any_weights and header.get("weights") != weights_hash(lm.model):
        raise DataError(
            f"{path} was made beside other weights of {lm.name}: load those, or pass "
            "any_weights=True"
        )
    if header.get("kind") == "facts":
        memory = FactMemory(lm, RecallSettings(**header["settings"]), header["prose"])
        facts = [Fact.from_json(one) for one in header["facts"]]
        if facts:
            memory.add(EncodedFacts.of(facts, tensors))
        return memory
    documents = DocumentMemory(lm, DocumentSettings(**header["settings"]), header["prose"])
    parts: dict[int, dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in tensors.items():
        number, _, what = name.partition(".")
        parts[int(number)][what] = tensor
    documents.add(
        [EncodedDocument.of(name, parts[i]) for i, name in enumerate(header["documents"])]
    )
    return documents
