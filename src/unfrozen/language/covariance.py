"""The second moment of a memory's keys over text, streamed, resumable and cached.

Text comes from any files, or from the model itself: by default the model writes it.  That corpus
is there on every machine and in every language the model speaks, has no licence, and samples the
very distribution whose values an edit should leave alone.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Int
from safetensors.torch import load_file, save_file
from torch import Tensor

from unfrozen.data.cache import atomic_write, cache_folder
from unfrozen.data.models import weights_hash
from unfrozen.errors import DataError
from unfrozen.language.model import LanguageModel
from unfrozen.memory import SecondMoment, SecondMomentAccumulator

DEFAULT_TOKENS = 24_576
"""Sixteen times the width of a small model's keys: full rank, and a minute on a laptop."""

# One common word to begin each row with: the rest is the model's.
_OPENINGS = (
    *("The", "A", "In", "It", "He", "She", "When", "This", "For", "If", "My", "One", "There"),
    *("We", "You", "How", "After", "On", "As", "What", "Most", "From", "To", "Many"),
)
_BATCH_TOKENS = 8192


@runtime_checkable
class Corpus(Protocol):
    """Text as batches of token ids; the same batches in the same order every time."""

    @property
    def name(self) -> str:
        """Names its content: goes into the key of the cache."""
        ...

    def batches(self, lm: LanguageModel, start: int) -> Iterator[Int[Tensor, "row time"]]:
        """Batches from number ``start`` on."""
        ...


@dataclass(frozen=True)
class SelfGenerated:
    """Text that the model writes, sampled from its whole distribution.

    Attributes:
        seed: of the sampling; batch b depends on (seed, b) only.
        length: tokens of a row.
    """

    seed: int = 0
    length: int = 64

    @property
    def name(self) -> str:
        """Names its content."""
        return f"self-generated, seed {self.seed}, rows of {self.length}"

    def batches(self, lm: LanguageModel, start: int) -> Iterator[Int[Tensor, "row time"]]:
        """Batches from number ``start`` on, without end."""
        first = torch.cat([lm.encode(o)[:, :1] for o in _OPENINGS])
        rows = max(1, _BATCH_TOKENS // self.length)
        batch = start
        while True:
            generator = torch.Generator(lm.device).manual_seed(self.seed * 1_000_003 + batch)
            pick = [(batch * rows + i) % len(first) for i in range(rows)]
            ids = first[pick]
            yield torch.cat([ids, lm.continue_ids(ids, self.length - 1, generator, top_k=0)], 1)
            batch += 1


class TextCorpus:
    """Text files, or all text files of folders.

    Args:
        paths: files or folders.
        length: tokens of a row.

    Raises:
        DataError: there is nothing to read.
    """

    def __init__(self, paths: Sequence[Path | str], length: int = 128) -> None:
        self.length = length
        self.files: list[Path] = []
        for path in map(Path, paths):
            if not path.exists():
                raise DataError(f"there is no text at {path}")
            found = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
            self.files += [
                p for p in found if path.is_file() or p.suffix in (".txt", ".md", ".rst")
            ]
        if not self.files:
            raise DataError(f"no .txt, .md or .rst file in {', '.join(map(str, paths))}")

    @property
    def name(self) -> str:
        """A hash of the content."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return f"text {digest.hexdigest()[:16]}, rows of {self.length}"

    def batches(self, lm: LanguageModel, start: int) -> Iterator[Int[Tensor, "row time"]]:
        """Batches from number ``start`` on, until the text ends."""
        rows = max(1, _BATCH_TOKENS // self.length)
        waiting: list[int] = []
        number = 0
        for file in self.files:
            text = file.read_text(encoding="utf-8", errors="replace")
            for at in range(0, len(text), 1 << 16):
                waiting += lm.tokenizer(text[at : at + (1 << 16)], add_special_tokens=False)[
                    "input_ids"
                ]
                while len(waiting) >= rows * self.length:
                    if number >= start:
                        block = torch.tensor(waiting[: rows * self.length], device=lm.device)
                        yield block.reshape(rows, self.length)
                    del waiting[: rows * self.length]
                    number += 1
        whole = len(waiting) // self.length
        if whole and number >= start:
            yield torch.tensor(waiting[: whole * self.length], device=lm.device).reshape(whole, -1)


def second_moments(
    lm: LanguageModel,
    layers: Sequence[int],
    tokens: int = DEFAULT_TOKENS,
    corpus: Corpus = SelfGenerated(),
    *,
    progress: Callable[[int, int], None] | None = None,
    folder: Path | None = None,
) -> dict[int, SecondMoment]:
    """The second moment of the keys of some layers, from the cache or streamed.

    All layers share one pass, which ends at the last of them.  Interrupted, it goes on where it
    stopped.

    Args:
        lm: the model.
        layers: of which layers.
        tokens: over how many tokens at least; fewer if the corpus ends before.
        corpus: the text.
        progress: called with tokens done and wanted.
        folder: where to keep the result; the cache by default.

    Returns:
        A second moment a layer.

    Raises:
        DataError: the corpus has no text.
        ModelError: there is no such layer.

    Source: Meng et al. 2022, appendix E.5; the published code takes 100,000 documents, of which
    less than a hundredth is enough.
    """
    if tokens < 1:
        raise DataError(f"a second moment needs at least one token, not {tokens}")
    wanted = sorted({lm.layer(layer) for layer in layers})
    folder = folder or cache_folder() / "second-moments"
    weights = weights_hash(lm.model)
    paths = {i: folder / f"{_key(weights, i, tokens, corpus.name)}.safetensors" for i in wanted}
    missing = [i for i in wanted if not paths[i].exists()]
    if missing:
        partial = folder / f"{_key(weights, missing, tokens, corpus.name)}.partial.safetensors"
        for layer, moment in _stream(lm, missing, tokens, corpus, partial, progress).items():
            moment.save(paths[layer])
        partial.unlink(missing_ok=True)
    return {i: SecondMoment.load(paths[i]).to(lm.device) for i in wanted}


def _stream(
    lm: LanguageModel,
    layers: Sequence[int],
    tokens: int,
    corpus: Corpus,
    partial: Path,
    progress: Callable[[int, int], None] | None,
) -> dict[int, SecondMoment]:
    sums = {i: SecondMomentAccumulator(lm.sites.key_width, lm.device) for i in layers}
    done = _resume(partial, sums)
    batches = corpus.batches(lm, done)
    while sums[layers[0]].count < tokens:
        if progress is not None:
            progress(sums[layers[0]].count, tokens)
        ids = next(batches, None)
        if ids is None:
            break
        keys = lm.run(ids, keep=("key",), stop_after=max(layers)).kept["key"]
        for i in layers:
            sums[i].update(keys[i])
        done += 1
        state = {str(i): a.sum.cpu() for i, a in sums.items()}
        count = torch.tensor([done, sums[layers[0]].count], device="cpu")
        with atomic_write(partial) as temporary:
            save_file({**state, "progress": count}, temporary)
    if sums[layers[0]].count == 0:
        raise DataError(f"the corpus ({corpus.name}) has no row of text long enough to use")
    if progress is not None:
        progress(tokens, tokens)
    return {i: a.finish() for i, a in sums.items()}


def _resume(partial: Path, sums: dict[int, SecondMomentAccumulator]) -> int:
    if not partial.exists():
        return 0
    try:
        state = load_file(partial)
        batches, count = (int(x) for x in state["progress"])
        for i, accumulator in sums.items():
            accumulator.sum = state[str(i)].to(accumulator.sum)
            accumulator.count = count
    except Exception:  # a damaged checkpoint costs a restart, never a wrong result
        for accumulator in sums.values():
            accumulator.sum.zero_()
            accumulator.count = 0
        return 0
    return batches


def _key(weights: str, layers: int | Sequence[int], tokens: int, corpus: str) -> str:
    text = json.dumps([1, weights, layers, tokens, corpus])
    return hashlib.sha256(text.encode()).hexdigest()[:24]
