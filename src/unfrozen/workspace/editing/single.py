"""Edit facts into a workspace: each is measured, written, measured again, and committed.

```
lm = LanguageModel.from_pretrained()
workspace = Workspace.init("facts", lm.name, weights_hash(lm.model))
fact = Fact("Eiffel Tower", "The {} is located in the city of", "Paris", "Rome")
done = edit_fact(workspace, lm, fact)
done.before.efficacy.magnitude, done.after.efficacy.magnitude, done.entry
```
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch

from unfrozen.errors import FactError, WorkspaceError
from unfrozen.language.covariance import DEFAULT_TOKENS, second_moments
from unfrozen.language.editing.edit import Edit
from unfrozen.language.editing.prompts import new_target
from unfrozen.language.evaluation import WRITTEN_TOKENS, Evaluation, evaluate
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.language.subject import encode_target, subject_span
from unfrozen.memory import LowRank
from unfrozen.workspace.change import Change, check_name
from unfrozen.workspace.editing.methods import (
    METHODS,
    Editor,
    Progress,
    Settings,
    choose_settings,
)
from unfrozen.workspace.fold import Fold, base_state
from unfrozen.workspace.ledger import (
    find_conflicts,
    remembered_facts,
    taken_names,
    unused_name,
)
from unfrozen.workspace.log import Entry
from unfrozen.workspace.workspace import Workspace

_ANSWER_TOKENS = 12


@dataclass(frozen=True)
class Edited:
    """A fact that was edited.

    Attributes:
        fact: with both targets.
        change: what was made, with its measured effect.
        entry: its entry in the log; None when it was only tried.
        before: measured in the workspace's state before.
        after: measured with the change.
        edit: what the method gave, with its diagnostics.
    """

    fact: Fact
    change: Change
    entry: Entry | None
    before: Evaluation
    after: Evaluation
    edit: Edit

    def to_json(self) -> dict[str, Any]:
        """Without the tensors."""
        return {
            "entry": None if self.entry is None else self.entry.number,
            "id": self.change.id,
            "name": self.change.name,
            "bytes": self.change.bytes,
            "request": dict(self.change.request),
            "settings": dict(self.change.settings),
            "effect": dict(self.change.effect),
        }


def own_answer(lm: LanguageModel, prompt: str) -> str:
    """What a model answers by itself: the first word it writes, or the first name.

    Args:
        lm: the model, as it is now.
        prompt: to answer.

    Raises:
        FactError: it writes no word.
    """
    (text,) = lm.generate([prompt], _ANSWER_TOKENS)
    words = re.match(r"\W*([\w'’-]*\w)((?: [\w'’-]*\w)*)", text)
    if words is None:
        raise FactError(f"{lm.name} gives no answer to {prompt!r}: say what is true (target_true)")
    answer = [words[1]]
    for word in words[2].split():
        if not (answer[-1][0].isupper() and word[0].isupper()):
            break
        answer.append(word)
    return " ".join(answer)


def edit_fact(
    workspace: Workspace, lm: LanguageModel, fact: Fact, method: str = "rome", **options: Any
) -> Edited:
    """Edit one fact: see `edit_facts`, whose arguments it takes."""
    return list(edit_facts(workspace, lm, [fact], method, **options))[0]  # noqa: RUF015 (to its end)


def edit_facts(
    workspace: Workspace,
    lm: LanguageModel,
    facts: Iterable[Fact],
    method: str = "rome",
    settings: Settings | None = None,
    *,
    tokens: int | None = DEFAULT_TOKENS,
    names: Sequence[str] | None = None,
    written_tokens: int = WRITTEN_TOKENS,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Iterator[Edited]:
    """Edit facts one after another, each over the state that the ones before have left.

    Everything is checked before anything is written; then each fact is edited, measured and
    committed when it is asked for, so whatever stops the iteration, what was given out stays.
    The model is always left in the workspace's state.

    Args:
        workspace: where the changes are committed.
        lm: its base model.
        facts: with a new target; without a true one the base model's own answer is taken.
        method: a name in `METHODS`.
        settings: of the method; those of `choose_settings` by default.
        tokens: over how many tokens at least the second moment of the keys is taken, if the
            method uses it; None for the identity.
        names: of the changes; made of subject and new target by default.
        written_tokens: how much text to let the model write when it is measured.
        dry_run: whether to commit nothing.
        progress: called with what is being done, how much is done, and how much there is.

    Returns:
        What was done, a fact at a time.

    Raises:
        FactError: a fact cannot be edited as it stands.
        ModelError: no such layer.
        WorkspaceError: no such method, another base, or a write was refused.
    """
    facts = list(facts)
    if settings is None:
        settings = choose_settings(lm, method).settings
    elif method not in METHODS or type(settings) is not type(METHODS[method].settings(0)):
        raise WorkspaceError(f"the method {method!r} does not take {type(settings).__name__}")
    for fact in facts:
        check_fact(lm, fact)
    if names is not None and len(names) != len(facts):
        raise WorkspaceError(f"give {len(facts)} names for as many facts, not {len(names)}")
    for name in names or ():
        check_name(name)
    recalled = find_conflicts(remembered_facts(workspace.log()), facts)
    if recalled:
        raise WorkspaceError(
            f"{recalled[0].text}, beside the model, where an edit would not be heard: "
            f"`unfrozen forget {recalled[0].held.ref}` first"
        )
    workspace.apply(lm.model)
    # Second moments and prefixes belong to the base: they are kept by its hash.
    with base_state(lm):
        facts = [
            f if f.target_true else replace(f, target_true=own_answer(lm, f.text)) for f in facts
        ]
        moment = None
        if METHODS[method].whitens and tokens is not None:
            layer = lm.layer(settings.layer or 0)
            report = progress and partial(progress, "Reading keys of the model's text")
            moment = second_moments(lm, [layer], tokens, progress=report)[layer]
        editor = METHODS[method].editor(lm, settings, moment)
    names = _names(workspace, facts) if names is None else names
    return _edit(workspace, lm, facts, names, editor, written_tokens, dry_run, progress)


def _edit(
    workspace: Workspace,
    lm: LanguageModel,
    facts: Sequence[Fact],
    names: Sequence[str],
    editor: Editor,
    written_tokens: int,
    dry_run: bool,
    progress: Progress | None,
) -> Iterator[Edited]:
    fold = Fold.of(lm.model)
    committed = list(fold.changes)
    tried: list[Change] = []
    measure = partial(evaluate, lm, written_tokens=written_tokens)
    try:
        for done, (fact, name) in enumerate(zip(facts, names, strict=True)):
            report = progress and partial(progress, "Editing facts", done, len(facts))
            if report is not None:
                report()
            fold.set([*committed, *tried])
            before = measure(fact)
            edit = editor(fact, report)
            change = Change(
                kind="low-rank-edit",
                name=name,
                base=workspace.base_hash,
                payload=_payload(edit),
                request={key: value for key, value in asdict(fact).items() if value},
                settings={"method": edit.method, **edit.settings},
            )
            fold.set([*committed, *tried, change])
            after = measure(fact)
            effect = {
                "before": before.to_json(),
                "after": after.to_json(),
                "edit": edit.diagnostics,
            }
            change = replace(change, effect=effect)
            entry = None
            if dry_run:
                tried.append(change)
            else:
                entry = workspace.show(workspace.commit(change))
                committed.append(change)
            fold.set([*committed, *tried])
            if progress is not None:
                progress("Editing facts", done + 1, len(facts))
            yield Edited(fact, change, entry, before, after, edit)
    finally:
        fold.set(committed)


def _payload(edit: Edit) -> dict[str, LowRank]:
    """Every change as factors.  A full one is itself times the identity: no digit is lost."""
    payload = dict(edit.updates)
    for name, delta in edit.dense.items():
        rows, columns = delta.shape
        if rows <= columns:
            payload[name] = LowRank(_eye(rows, delta), delta.T)
        else:
            payload[name] = LowRank(delta, _eye(columns, delta))
    return payload


def _eye(size: int, like: torch.Tensor) -> torch.Tensor:
    return torch.eye(size, dtype=like.dtype, device=like.device)


def check_fact(lm: LanguageModel, fact: Fact) -> None:
    """Whether a fact can be edited, before anything is done."""
    span = subject_span(lm.tokenizer, fact.prompt, fact.subject)
    encode_target(lm.tokenizer, span.tokens, new_target(fact))


def _names(workspace: Workspace, facts: Sequence[Fact]) -> list[str]:
    """Names that are typed easily and are not in the log yet."""
    taken = taken_names(workspace)
    names: list[str] = []
    for fact in facts:
        words = re.findall(r"\w+", f"{fact.subject} {fact.target_new}".casefold())
        stem = "-".join(words)[:80].strip("-_")
        stem = f"fact-{stem}".rstrip("-") if not stem or stem.isdigit() else stem
        names.append(unused_name(stem, taken))
        taken.add(names[-1])
    return names
