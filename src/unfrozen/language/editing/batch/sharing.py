"""The search for the values of many facts, shared among threads or workers."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch.utils._python_dispatch import _get_current_dispatch_mode

from unfrozen.language.architecture.grouped import needs_plain
from unfrozen.language.editing.search import Values, copy_for_search, search_precision
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.language.scale import share
from unfrozen.language.scale.trimming import give_back

if TYPE_CHECKING:
    from unfrozen.language.editing.batch.memit import Memit

Progress = Callable[[int, int], None]
"""Called with how many facts are done, and how many there are."""


def search_pieces(
    editor: "Memit",
    facts: Sequence[Fact],
    pieces: Sequence[Sequence[int]],
    progress: Progress | None = None,
) -> Values:
    """The values that an editor finds, pieces side by side in threads where cores are many.

    A core by itself computes a small model's passes faster than its share of several would.  Each
    thread hooks a copy of the model; the copies share one set of weights.

    Args:
        editor: whose model and settings are taken.
        facts: with new targets.
        pieces: numbers of facts, each in one piece.
        progress: called as facts are done.

    Returns:
        A value a fact, in the order of ``facts``.

    Raises:
        ModelError: a loss is not finite.
    """
    lm, dtype = editor.lm, search_precision(editor.lm)
    cores = torch.get_num_threads()
    # Nothing above the last layer is written to, so a copy in less precision stays true.
    copies = [copy_for_search(lm, dtype)]
    # What counts operations sees those of its own thread only.
    counted = _get_current_dispatch_mode() is not None
    alone = counted or lm.device.type != "cpu" or needs_plain(copies[0].model, dtype)
    threads = 1 if alone else min(cores, len(pieces))
    copies += [copy_for_search(copies[0], dtype) for _ in range(threads - 1)]
    done = [0] * len(pieces)
    lock, stopped = threading.Lock(), threading.Event()

    def search(number: int, copy: LanguageModel) -> Values:
        def told(n: int) -> None:
            if stopped.is_set():
                raise CancelledError
            with lock:
                done[number] = n
                if progress is not None:
                    progress(sum(done), len(facts))

        return editor.search(copy, [facts[i] for i in pieces[number]], told)

    if progress is not None:
        progress(0, len(facts))
    # The longest ones first, so that no thread is left with one at the end.
    order = list(reversed(range(len(pieces))))
    if threads == 1:
        found = {number: search(number, copies[0]) for number in order}
    else:
        found = _in_threads(search, order, copies, cores // threads, stopped)
    copies.clear()
    give_back()
    numbers = torch.tensor([i for piece in pieces for i in piece], device=lm.device)
    return Values.concatenate([found[n] for n in range(len(pieces))]).at(numbers.argsort())


def _in_threads(
    search: Callable[[int, LanguageModel], Values],
    order: Sequence[int],
    copies: Sequence[LanguageModel],
    cores: int,
    stopped: threading.Event,
) -> dict[int, Values]:
    """Each piece by whichever thread is free, of so many cores each."""
    free = list(copies)

    def run(number: int) -> Values:
        torch.set_num_threads(cores)
        copy = free.pop()
        try:
            return search(number, copy)
        finally:
            free.append(copy)

    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(len(copies)) as pool:
            try:
                waiting = {number: pool.submit(run, number) for number in order}
                done, _ = wait(waiting.values(), return_when=FIRST_EXCEPTION)
                for failed in (future for future in done if future.exception()):
                    failed.result()
                return {number: future.result() for number, future in waiting.items()}
            except BaseException:
                stopped.set()
                pool.shutdown(cancel_futures=True)
                raise
    finally:
        torch.set_num_threads(before)


def share_values(
    editor: "Memit",
    facts: Sequence[Fact],
    pieces: Sequence[Sequence[int]],
    progress: Progress | None = None,
) -> Values:
    """The values that an editor finds, each piece of the facts searched by one of its workers.

    Pieces do not meet, and what is a piece here is one of a worker's too: values are those of one
    process, to the last bit if a piece is given as many cores.  They are not anchored.

    Args:
        editor: whose model, settings and workers are taken; the model travels once, as it is now.
        facts: with new targets.
        pieces: numbers of facts, each in one piece.
        progress: called as facts are done.

    Returns:
        A value a fact, in the order of ``facts``.

    Raises:
        ModelError: a loss is not finite.
        ScaleError: the search cannot be shared.
    """
    keys = {
        f"piece {number} of the facts (from {facts[piece[0]].subject!r} on)": piece
        for number, piece in enumerate(pieces, 1)
    }
    found: dict[int, Values] = {}
    shared = share(
        {key: [facts[i] for i in piece] for key, piece in keys.items()},
        partial(type(editor), editor.lm, editor.settings, None, editor.prefixes),
        _search_piece,
        workers=editor.workers,
        address=editor.address,
    )
    if progress is not None:
        progress(0, len(facts))
    with closing(shared):
        for key, values in shared:
            for place, number in enumerate(keys[key]):
                found[number] = values.at(torch.tensor([place], device=editor.lm.device))
            if progress is not None:
                progress(len(found), len(facts))
    return Values.concatenate([found[i] for i in range(len(facts))])


def _search_piece(editor: "Memit", facts: Sequence[Fact]) -> Values:
    return search_pieces(editor, facts, [range(len(facts))])
