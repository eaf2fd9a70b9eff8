"""Edit: rewrite one fact in a workspace, with what the model says before and after."""

from unfrozen.workbench.jobs.table import Handle
from unfrozen.workbench.models import Models, State, Where
from unfrozen.workbench.pages.knowledge.asking import answer
from unfrozen.workbench.pages.knowledge.schemas import AnswerOut, EditIn, EditOut

_TOP, _TOKENS = 8, 20


def make(models: Models, name: str, model: str | None, handle: Handle) -> dict[str, str]:
    """Make a workspace over a model."""
    from unfrozen.data.models import weights_hash
    from unfrozen.errors import WorkbenchError
    from unfrozen.workbench.places import HERE, inside
    from unfrozen.workspace import Fold, Workspace

    folder = inside(models.home, name)
    if name == HERE or (models.home / "workspace.json").exists():
        raise WorkbenchError(f"{models.home} is a workspace: start the workbench in its parent")
    lm = models.open(Where(model=model), handle).lm
    base = Fold.of(lm.model).base_hash(weights_hash)
    Workspace.init(folder, lm.name, base)
    return {"workspace": name}


def edit(models: Models, asked: EditIn, handle: Handle) -> EditOut:
    """Rewrite a fact, and measure it before and after."""
    from unfrozen.language.covariance import DEFAULT_TOKENS
    from unfrozen.language.facts import Fact, as_template
    from unfrozen.workspace import Fold
    from unfrozen.workspace.editing import choose_settings, edit_fact

    fact = Fact(
        subject=asked.subject,
        prompt=as_template(asked.prompt, asked.subject),
        target_true=asked.true,
        target_new=asked.to,
        paraphrases=tuple(asked.paraphrases),
        neighbours=tuple(asked.neighbours),
    )
    state = models.open(Where(workspace=asked.workspace), handle)
    workspace = state.needed()
    chosen = choose_settings(state.lm, asked.method, asked.layer)
    before = _say(state, fact.text, "before")
    done = edit_fact(
        workspace,
        state.lm,
        fact,
        asked.method,
        settings=chosen.settings,
        tokens=None if asked.identity else DEFAULT_TOKENS,
        dry_run=asked.dry_run,
        progress=handle.report,
    )
    fold = Fold.of(state.lm.model)
    standing = fold.changes
    fold.set([*(c for c in standing if c.id != done.change.id), done.change])
    try:
        after = _say(state, fact.text, "after")
    finally:
        fold.set(standing)
    return EditOut(
        entry=None if done.entry is None else done.entry.number,
        name=done.change.name,
        bytes=done.change.bytes,
        layer=chosen.layer,
        source=chosen.source,
        prompt=fact.text,
        true=done.fact.target_true or "",
        new=done.fact.target_new or "",
        before=done.before.to_json(),
        after=done.after.to_json(),
        answers=(before, after),
    )


def _say(state: State, prompt: str, name: str) -> AnswerOut:
    with state.recalling() as lm:
        return answer(lm, prompt, name, _TOP, _TOKENS)
