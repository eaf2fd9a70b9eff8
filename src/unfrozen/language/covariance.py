"""The second moment of a memory's keys over text, streamed, resumable and cached.

Text comes from any files, or from the model itself: by default the model writes it.  That corpus
is there on every machine and in every language the model speaks, has no licence, and samples the
very distribution whose values an edit should leave alone.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
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
from unfrozen.language.scale import share
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

    @property
    def rows(self) -> int:
        """How many rows a batch has."""
        return max(1, _BATCH_TOKENS // self.length)

    def batches(self, lm: LanguageModel, start: int) -> Iterator[Int[Tensor, "row time"]]:
        """Batches from number ``start`` on, without end."""
        first = torch.cat([lm.encode(o)[:, :1] for o in _OPENINGS])
        rows = self.rows
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
    workers: int = 1,
    address: str | None = None,
) -> dict[int, SecondMoment]:
    """The second moment of the keys of some layers, from the cache or streamed.

    All layers share one pass, which ends at the last of them.  Interrupted, it goes on where it
    stopped, with any number of workers: the sums of batches are added in the order of the batches,
    whoever computed them.

    Args:
        lm: the model.
        layers: of which layers.
        tokens: over how many tokens at least; fewer if the corpus ends before.
        corpus: the text.
        progress: called with tokens done and wanted.
        folder: where to keep the result; the cache by default.
        workers: how many processes compute batches: see `unfrozen.language.scale.share`.
        address: of the Ray cluster they are in.

    Returns:
        A second moment a layer.

    Raises:
        DataError: the corpus has no text.
        ModelError: there is no such layer.
        ScaleError: the work cannot be shared.

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
        name = _key(weights, missing, tokens, corpus.name)
        unfinished = folder / f"{name}.partial.safetensors"
        sums = _Sums(lm, missing, unfinished)
        if workers > 1 or address is not None:
            _share(lm, sums, tokens, corpus, progress, workers, address)
        _stream(lm, sums, tokens, corpus, progress)
        for layer, accumulator in sums.each.items():
            accumulator.finish().save(paths[layer])
        unfinished.unlink(missing_ok=True)
    return {i: SecondMoment.load(paths[i]).to(lm.device) for i in wanted}


class _Sums:
    """Sums over the batches so far, kept in a file after each of them."""

    def __init__(self, lm: LanguageModel, layers: Sequence[int], file: Path) -> None:
        self.file = file
        self.each = {i: SecondMomentAccumulator(lm.sites.key_width, lm.device) for i in layers}
        self.batches = self._resume() if file.exists() else 0

    @property
    def count(self) -> int:
        """How many tokens they are over."""
        return next(iter(self.each.values())).count

    def keep(self) -> None:
        """One more batch is in."""
        self.batches += 1
        state = {str(i): a.sum.cpu() for i, a in self.each.items()}
        count = torch.tensor([self.batches, self.count], device="cpu")
        with atomic_write(self.file) as temporary:
            save_file({**state, "progress": count}, temporary)

    def _resume(self) -> int:
        try:
            state = load_file(self.file)
            batches, count = (int(x) for x in state["progress"])
            for i, accumulator in self.each.items():
                accumulator.sum = state[str(i)].to(accumulator.sum)
                accumulator.count = count
        except Exception:  # a damaged checkpoint costs a restart, never a wrong result
            for accumulator in self.each.values():
                accumulator.sum.zero_()
                accumulator.count = 0
            return 0
        return batches


def _stream(
    lm: LanguageModel,
    sums: _Sums,
    tokens: int,
    corpus: Corpus,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Add batches until there are enough tokens."""
    batches = corpus.batches(lm, sums.batches)
    while sums.count < tokens:
        if progress is not None:
            progress(sums.count, tokens)
        ids = next(batches, None)
        if ids is None:
            break
        _add(lm, ids, sums.each)
        sums.keep()
    if sums.count == 0:
        raise DataError(f"the corpus ({corpus.name}) has no row of text long enough to use")
    if progress is not None:
        progress(tokens, tokens)


def _add(
    lm: LanguageModel, ids: Int[Tensor, "row time"], each: dict[int, SecondMomentAccumulator]
) -> None:
    keys = lm.run(ids, keep=("key",), stop_after=max(each)).kept["key"]
    for layer, accumulator in each.items():
        accumulator.update(keys[layer])


def _share(
    lm: LanguageModel,
    sums: _Sums,
    tokens: int,
    corpus: Corpus,
    progress: Callable[[int, int], None] | None,
    workers: int,
    address: str | None,
) -> None:
    """Add the batches that workers compute, in order."""
    if progress is not None:
        progress(sums.count, tokens)
    batches: dict[int, int | Tensor] = {}
    wanted = tokens - sums.count
    # Written where it is read, since that is most of the work; other text travels.
    written = corpus if isinstance(corpus, SelfGenerated) else None
    if written is not None:
        number = -(-wanted // (written.rows * written.length))
        batches = {n: n for n in range(sums.batches, sums.batches + number)}
    elif wanted > 0:
        for number, ids in enumerate(corpus.batches(lm, sums.batches), sums.batches):
            batches[number] = ids
            wanted -= ids.numel()
            if wanted <= 0:
                break
    early: dict[int, dict[int, SecondMomentAccumulator]] = {}
    keys = {f"batch {number}": number for number in batches}
    shared = share(
        {key: batches[number] for key, number in keys.items()},
        partial(_Batches, lm, tuple(sums.each), written),
        _Batches.sums,
        workers=workers,
        address=address,
    )
    with closing(shared):
        for key, found in shared:
            early[keys[key]] = found
            while sums.batches in early:
                for layer, part in early.pop(sums.batches).items():
                    sums.each[layer].add(part)
                sums.keep()
                if progress is not None:
                    progress(min(sums.count, tokens), tokens)


@dataclass(frozen=True)
class _Batches:
    """What a worker has to compute batches."""

    lm: LanguageModel
    layers: tuple[int, ...]
    written: SelfGenerated | None

    def sums(self, batch: int | Tensor) -> dict[int, SecondMomentAccumulator]:
        """Of a batch, or of the batch that is written under a number."""
        if self.written is not None and isinstance(batch, int):
            batch = next(self.written.batches(self.lm, batch))
        assert isinstance(batch, Tensor)
        width = self.lm.sites.key_width
        each = {i: SecondMomentAccumulator(width, self.lm.device) for i in self.layers}
        _add(self.lm, batch, each)
        return each


def _key(weights: str, layers: int | Sequence[int], tokens: int, corpus: str) -> str:
    text = json.dumps([1, weights, layers, tokens, corpus])
    return hashlib.sha256(text.encode()).hexdigest()[:24]
