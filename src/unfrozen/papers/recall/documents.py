"""Documents remembered: perplexity of how they go on, bare, remembered, and in the context."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.data.elements import element_prose
from unfrozen.data.manuals import manual_chapters
from unfrozen.language.evaluation import perplexity
from unfrozen.language.model import LanguageModel
from unfrozen.language.recall import DocumentMemory

# The longest chapters are those on whose beginnings the settings were chosen.
_CHOSEN = 4
_PROSE = slice(1, None, 12)


def measure_documents(
    lm: LanguageModel, number: int, read: int, held_out: int
) -> dict[str, list[dict[str, Any]] | float | int]:
    """Remember the beginnings of documents, and ask how they go on.

    Args:
        lm: the model.
        number: of documents.
        read: tokens of each that are remembered.
        held_out: tokens after them that are not.
    """
    texts = {}
    for name, text in list(manual_chapters().items())[_CHOSEN:]:
        ids = lm.encode(text)[0]
        if len(ids) >= read + held_out and len(texts) < number:
            texts[name] = ids[: read + held_out]
    known = {name: str(lm.tokenizer.decode(ids[:read])) for name, ids in texts.items()}
    together = DocumentMemory(lm)
    together.remember(known)
    found = []
    for name, ids in texts.items():
        rest = ids[read:]
        alone = DocumentMemory(lm)
        alone.remember({name: known[name]})
        one = {"name": name, "bare": loss(lm, rest), "context": loss(lm, ids, read)}
        with alone.attached():
            one["remembered"] = loss(lm, rest)
        with together.attached():
            one["together"] = loss(lm, rest)
        found.append(one)
    prose = element_prose()[_PROSE]
    before = perplexity(lm, prose)
    with together.attached():
        after = perplexity(lm, prose)
    return {
        "documents": found,
        "tokens": read * len(texts),
        "bytes": together.bytes / max(len(texts), 1) / read,
        "prose": after / before,
    }


@torch.no_grad()
def loss(lm: LanguageModel, ids: Int[Tensor, " time"], start: int = 0) -> float:
    """Mean negative log-probability of tokens after the first at ``start``, in nats a token."""
    logits: Float[Tensor, "1 time vocabulary"] | None = lm.run(
        ids[None], read=torch.arange(start, len(ids) - 1, device=ids.device)[None]
    ).logits
    assert logits is not None
    logs = logits[0].float().log_softmax(-1)
    return -float(logs.gather(1, ids[start + 1 :, None]).mean())
