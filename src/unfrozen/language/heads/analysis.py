"""Which fixed points a transformer's heads use: how many patterns carry 0.90 of their weight.

Attention is one step of a modern Hopfield network (`unfrozen.memory.hopfield.modern`).  A head
whose weight is spread over most of its patterns is near the global average; one whose weight is on
a few is near a single pattern; between the two it is in a metastable state.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import DataError, ModelError
from unfrozen.language.covariance import Corpus, SelfGenerated
from unfrozen.language.model import LanguageModel
from unfrozen.memory.diagnostics import MASS, effective_patterns

CLASSES = {"I": 1 / 2, "II": 1 / 8, "III": 1 / 32, "IV": 0.0}
"""Class -> the share of the patterns that its heads need more of.

I averages over more than half of what it sees; II and III are metastable, wide and narrow; IV is
near a single pattern.

Source: Ramsauer et al. 2021, section 4 (256, 64 and 16 of 512).
"""
LENGTH = 256


@dataclass(frozen=True)
class Heads:
    """The heads of a model, by layer.

    Attributes:
        model: its name.
        corpus: what it read.
        length: tokens of a row; half of them, from the middle on, were asked.
        queries: how many positions were asked.
        patterns: median number of patterns that carry `MASS` of a head's weight.
        share: the same as a share of the patterns that the position sees; decides the class.
        first: mean weight on the first position, where heads with nothing to say look.
        classes: I to IV, see `CLASSES`.
    """

    model: str
    corpus: str
    length: int
    queries: int
    patterns: tuple[tuple[float, ...], ...]
    share: tuple[tuple[float, ...], ...]
    first: tuple[tuple[float, ...], ...]
    classes: tuple[tuple[str, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON, with a format number."""
        return {"format": 1, "mass": MASS, **asdict(self)}


def classify(share: float) -> str:
    """The class of a head that needs this share of its patterns."""
    return next(name for name, least in CLASSES.items() if share > least or least == 0)


@torch.no_grad()
def analyse_heads(
    lm: LanguageModel,
    rows: int = 16,
    corpus: Corpus | None = None,
    *,
    mass: float = MASS,
    progress: Callable[[int, int], None] | None = None,
) -> Heads:
    """Count the patterns that each head needs, over text.

    A decoder's positions see what stands before them, so only those in the second half of a row
    are asked, and classes go by the share of what they see.

    Args:
        lm: the model.
        rows: of text at most.
        corpus: the text; written by the model itself by default, `LENGTH` tokens a row.
        mass: share of the weight that counts as all of it.
        progress: called with rows done and wanted.

    Raises:
        DataError: the corpus has no text.
        ModelError: the model does not show its attention, or the numbers make no sense.

    Source: Ramsauer et al. 2021, section 4 and appendix A.5.
    """
    if rows < 1 or not 0 < mass < 1:
        raise ModelError(f"rows are positive and mass is below 1, not {rows} and {mass}")
    corpus = SelfGenerated(length=LENGTH) if corpus is None else corpus
    counts: list[Tensor] = []
    shares: list[Tensor] = []
    first: list[Tensor] = []
    length = 0
    with _shown(lm):
        for done, row in enumerate(_rows(lm, corpus, rows)):
            if progress is not None:
                progress(done, rows)
            length = len(row)
            asked = range(length // 2, length)
            weights = _weights(lm, row)
            found = [effective_patterns(w[:, asked], mass) for w in weights]
            seen = torch.arange(1, length + 1, device=row.device)[asked]
            counts.append(torch.stack(found).cpu())
            shares.append((torch.stack(found) / seen).cpu())
            first.append(torch.stack([w[:, asked, 0].mean(1) for w in weights]).cpu())
    if not counts:
        raise DataError(f"the corpus ({corpus.name}) has no row of text long enough to use")
    if progress is not None:
        progress(rows, rows)
    share = torch.cat(shares, 2).median(2).values
    return Heads(
        model=lm.name,
        corpus=corpus.name,
        length=length,
        queries=sum(c.shape[2] for c in counts),
        patterns=_table(torch.cat(counts, 2).double().median(2).values),
        share=_table(share),
        first=_table(torch.stack(first).mean(0)),
        classes=tuple(tuple(classify(s) for s in layer) for layer in share.tolist()),
    )


def _rows(lm: LanguageModel, corpus: Corpus, rows: int) -> Iterator[Tensor]:
    left = rows
    for batch in corpus.batches(lm, 0):
        yield from batch[:left]
        left -= len(batch)
        if left <= 0:
            return


def _weights(lm: LanguageModel, row: Tensor) -> list[Float[Tensor, "head time seen"]]:
    shown = lm.model(input_ids=row[None], output_attentions=True, use_cache=False).attentions
    weights = [w[0].float() for w in shown or () if w is not None]
    if len(weights) != lm.n_layers or any(w.shape[1] != w.shape[2] for w in weights):
        raise ModelError(f"{lm.name} does not show the attention of its {lm.n_layers} layers")
    return weights


@contextmanager
def _shown(lm: LanguageModel) -> Iterator[None]:
    """Attention computed in the way that shows its weights, for the length of a block."""
    config = lm.model.config
    before = config._attn_implementation
    try:
        lm.model.set_attn_implementation("eager")
    except (ValueError, AttributeError) as error:
        raise ModelError(f"{lm.name} cannot show its attention: {error}") from error
    try:
        yield
    finally:
        lm.model.set_attn_implementation(before or "eager")


def _table(tensor: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(x, 6) for x in row) for row in tensor.tolist())
