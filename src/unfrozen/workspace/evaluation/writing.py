"""Facts written over a base in memory, batch after batch; nothing is committed anywhere."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from unfrozen.data.cache import atomic_write, write_json
from unfrozen.errors import MemoryShapeError, ModelError, WorkspaceError
from unfrozen.language.covariance import second_moments
from unfrozen.language.editing.batch import MemitSettings
from unfrozen.language.editing.edit import Edit
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.workspace.editing.methods import (
    BATCH_METHODS,
    METHODS,
    Progress,
    Settings,
    choose_batch_settings,
    choose_settings,
)
from unfrozen.workspace.editing.rewrite import make_editor, previous_keys
from unfrozen.workspace.evaluation.plan import Plan

_ENDED = "ended.json"
_REFERENCE = 100
_SINGULAR: type[RuntimeError] = torch.linalg.LinAlgError  # pyright: ignore[reportPrivateImportUsage]

Total = dict[str, Tensor]
"""Parameter name -> what all edits so far add to it."""


class Written(NamedTuple):
    """The states of a model along the number of facts written.

    Attributes:
        totals: number of facts -> what was added to each parameter; the last that could be
            written are among them.
        ended: why writing ended before all facts were written; None if it did not.
    """

    totals: dict[int, Total]
    ended: str | None


def settings_of(lm: LanguageModel, method: str) -> MemitSettings | Settings:
    """The settings that a method has for a model: see `unfrozen.workspace.editing`."""
    if method in BATCH_METHODS:
        return choose_batch_settings(lm, method).settings
    return choose_settings(lm, method).settings


def write_along(
    lm: LanguageModel,
    facts: Sequence[Fact],
    plan: Plan,
    settings: MemitSettings | Settings,
    folder: Path,
    progress: Progress | None = None,
) -> Written:
    """Write facts, each batch over the state that the ones before have left.

    Args:
        lm: the base model; it is left as it is.
        facts: in the order in which they are written.
        plan: with a method.
        settings: of the method.
        folder: where states are kept; what is there is not computed again.
        progress: called with what is being done.

    Raises:
        FactError: a fact cannot be edited as it stands.
        ModelError: nothing could be written.
        WorkspaceError: a state that was kept cannot be read.
    """
    counts = plan.measured_counts(len(facts))
    stops = plan.stops(len(facts))
    kept = {n: folder / f"{n:07d}.safetensors" for n in stops}
    done = max((n for n in stops if kept[n].exists()), default=0)
    ended = _read_end(folder / _ENDED)
    if done < stops[-1] and ended is None:
        writer = _writer(lm, facts, plan, settings, progress)
        total = _read(kept[done]) if done else {}
        for stop in (n for n in stops if n > done):
            if progress is not None:
                progress("Writing facts", done, stops[-1])
            try:
                writer(total, done, stop)
            except (ModelError, MemoryShapeError, _SINGULAR) as error:
                if not done:
                    raise
                # What is left of the model cannot be edited any more: that is a finding.
                ended = f"after {done} facts: {' '.join(str(error).split())}"
                write_json(folder / _ENDED, {"ended": ended})
                break
            with atomic_write(kept[stop]) as temporary:
                save_file({k: v.contiguous() for k, v in total.items()}, temporary)
            if done and done not in counts:
                kept[done].unlink()
            done = stop
        if progress is not None:
            progress("Writing facts", stops[-1], stops[-1])
    measured = [n for n in stops if n in counts or (n == done and ended is not None)]
    return Written({n: _read(kept[n]) for n in measured if kept[n].exists()}, ended)


def edited_values(lm: LanguageModel, total: Total) -> dict[str, Tensor]:
    """The values of the parameters that a total changes.

    Args:
        lm: the base model.
        total: what is added to it.
    """
    parameters = {name: lm.model.get_parameter(name).detach() for name in total}
    return {name: old + total[name].to(old) for name, old in parameters.items()}


@contextmanager
def holding(lm: LanguageModel, values: Mapping[str, Tensor]) -> Iterator[None]:
    """Parameters with other values, for the length of a block; the old ones come back to the bit.

    Args:
        lm: the model.
        values: parameter name -> its value.
    """
    parameters = {name: lm.model.get_parameter(name) for name in values}
    old = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    try:
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(values[name])
        yield
    finally:
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(old[name])


def _writer(
    lm: LanguageModel,
    facts: Sequence[Fact],
    plan: Plan,
    settings: MemitSettings | Settings,
    progress: Progress | None,
) -> Callable[[Total, int, int], None]:
    """A function that writes facts from one number to another into a total."""
    if isinstance(settings, MemitSettings):
        # Prefixes, second moments and norms are those of the base.
        editor = make_editor(lm, settings, plan.tokens, facts[:_REFERENCE], progress)

        def write_batch(total: Total, start: int, stop: int) -> None:
            with lm.edited(total):
                keys = previous_keys(lm, editor, facts[:start])
                edit = editor.edit(facts[start:stop], keys, progress)
            add_edit(total, edit)

        return write_batch
    method = METHODS[plan.method or ""]
    moment = None
    if method.whitens and plan.tokens is not None:
        layer = lm.layer(settings.layer or 0)
        report = progress and partial(progress, "Reading keys of the model's text")
        moment = second_moments(lm, [layer], plan.tokens, progress=report)[layer]
    edit_one = method.editor(lm, settings, moment)

    def write_each(total: Total, start: int, stop: int) -> None:
        for number in range(start, stop):
            report = progress and partial(progress, "Writing facts one by one", number, stop)
            if report is not None:
                report()
            with lm.edited(total):
                edit = edit_one(facts[number], report)
            add_edit(total, edit)

    return write_each


def add_edit(total: Total, edit: Edit) -> None:
    """Add an edit to a total, in place.

    Raises:
        ModelError: the edit holds NaN or infinity.
    """
    deltas = edit.deltas()
    if not all(delta.isfinite().all() for delta in deltas.values()):
        raise ModelError("the change holds NaN or infinity: the edit diverged")
    for name, delta in deltas.items():
        total[name] = total[name].to(delta) + delta if name in total else delta


def _read(path: Path) -> Total:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise WorkspaceError(f"cannot read the state {path} ({error}): remove it") from error


def _read_end(path: Path) -> str | None:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["ended"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkspaceError(f"cannot read {path} ({error}): remove it") from error
