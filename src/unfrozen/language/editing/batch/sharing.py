"""The search for the values of many facts, shared among workers."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from unfrozen.language.editing.search import Values
from unfrozen.language.facts import Fact
from unfrozen.language.scale import share

if TYPE_CHECKING:
    from unfrozen.language.editing.batch.memit import Memit


def share_values(
    editor: "Memit",
    facts: Sequence[Fact],
    parts: Sequence[Sequence[int]],
    progress: Callable[[str, int, int], None] | None = None,
) -> Values:
    """The values that an editor finds, each part of the facts searched by one of its workers.

    Parts do not meet, and what is a part here is one pass of a worker's search: values are those
    of one process, to the last bit if it computes with as many threads.  They are not anchored.

    Args:
        editor: whose model, settings and workers are taken; the model travels once, as it is now.
        facts: with new targets.
        parts: numbers of facts, each in one part.
        progress: called as facts are done.

    Returns:
        A value a fact, in the order of ``facts``.

    Raises:
        ModelError: a loss is not finite.
        ScaleError: the search cannot be shared.
    """
    settings = replace(editor.settings, anchor=False)
    keys = {
        f"part {number} of the facts (from {facts[part[0]].subject!r} on)": part
        for number, part in enumerate(parts, 1)
    }
    found: dict[int, Values] = {}
    shared = share(
        {key: [facts[i] for i in part] for key, part in keys.items()},
        partial(type(editor), editor.lm, settings, None, editor.prefixes),
        type(editor).values,
        workers=editor.workers,
        address=editor.address,
    )
    if progress is not None:
        progress("Searching values", 0, len(facts))
    with closing(shared):
        for key, values in shared:
            for place, number in enumerate(keys[key]):
                found[number] = values.at(torch.tensor([place], device=editor.lm.device))
            if progress is not None:
                progress("Searching values", len(found), len(facts))
    return Values.concatenate([found[i] for i in range(len(facts))])
