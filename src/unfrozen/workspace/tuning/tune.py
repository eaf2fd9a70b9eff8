"""Tune a language model in a workspace: measured, run, measured again, committed.

```
lm = LanguageModel.from_pretrained()
workspace = Workspace.init("reviews", lm.name, weights_hash(lm.model))
done = tune(workspace, lm, read_examples("train.jsonl"), read_examples("test.jsonl"))
done.before["accuracy"], done.after["accuracy"], done.entry
```
"""

import inspect
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from unfrozen.data.cache import atomic_write
from unfrozen.errors import WorkspaceError
from unfrozen.language.model import LanguageModel
from unfrozen.language.tuning import Example, Task
from unfrozen.learning.zeroth_order import MeZO, Noise
from unfrozen.learning.zeroth_order.precision import distances
from unfrozen.learning.zeroth_order.safety import Scale
from unfrozen.workspace.change import Change, check_name
from unfrozen.workspace.files import canonical, sha256
from unfrozen.workspace.fold import Fold
from unfrozen.workspace.kinds import RUN
from unfrozen.workspace.ledger import taken_names, unused_name
from unfrozen.workspace.log import Entry
from unfrozen.workspace.tuning.lora import Adapter, adapted
from unfrozen.workspace.tuning.measuring import Score, measured, scored
from unfrozen.workspace.tuning.preconditioning import exponents
from unfrozen.workspace.tuning.run import payload_of
from unfrozen.workspace.workspace import Workspace

Objective = Literal["loss", "accuracy", "f1", "score"]
Progress = Callable[[str, int, int], None]

# Steps between two times that an unfinished run is kept.
_KEEP = 20


@dataclass(frozen=True)
class TuneSettings:
    """How a model is tuned.

    Attributes:
        steps: how many.
        batch: examples a step.
        lr: step size at the start; it falls to nothing, evenly.
        eps: how far from the weights the loss is asked; None measures where rounding drowns the
            slope least.
        adapter: what is tuned beside the model; None tunes the model's own parameters.
        precondition: whether columns of adapters are divided by the size of what they read, so that
            a few large features do not drown the others.
        objective: what is made small: the loss; or accuracy, F1 or a score of what the model
            writes, with their signs turned.
        tokens: that it writes to be scored.
        noise: kind of it.
        samples: of the gradient, a step.
        sides: 2, or 1.
        scale: of steps; see `MeZO`.
        bfloat16: whether losses are computed in it; weights stay as they are.
        seed: of noise and batches.
    """

    steps: int = 400
    batch: int = 16
    lr: float = 1e-3
    eps: float | None = 1e-2
    adapter: Adapter | None = Adapter()  # noqa: RUF009 (it is frozen)
    precondition: bool = True
    objective: Objective = "loss"
    tokens: int = 8
    noise: Noise = "gaussian"
    samples: int = 1
    sides: int = 2
    scale: Scale = "none"
    bfloat16: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or self.tokens < 1:
            raise WorkspaceError("a run has at least one step, of at least one example and token")
        if self.eps is None and self.objective != "loss":
            raise WorkspaceError(
                f"{self.objective} has no slope to measure a distance by: give eps"
            )
        if self.objective not in get_args(Objective):
            known = ", ".join(get_args(Objective))
            raise WorkspaceError(f"an objective is {known}, not {self.objective!r}")


@dataclass(frozen=True)
class Tuned:
    """A run that was done.

    Attributes:
        change: with its measured effect.
        entry: in the log; None if it was only tried.
        before: measured on examples held out, in the workspace's state before.
        after: measured with the run.
        losses: at the weights before every step, on its batch.
        skipped: samples whose loss was not finite.
    """

    change: Change
    entry: Entry | None
    before: dict[str, float]
    after: dict[str, float]
    losses: list[float]
    skipped: int


def tune(
    workspace: Workspace,
    lm: LanguageModel,
    train: Sequence[Example],
    held_out: Sequence[Example],
    settings: TuneSettings = TuneSettings(),
    *,
    score: Score | None = None,
    name: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Tuned:
    """Tune by forward passes alone, and commit the run.

    An interrupted run goes on, exactly, when it is asked for again.  The model is left in the
    workspace's state.  To be able to take a run of the model's own parameters back, a copy of them
    is kept; adapters need none.

    Args:
        workspace: where it is committed.
        lm: its base model.
        train: examples to learn from.
        held_out: others, on which it is measured before and after.
        settings: of the run.
        score: of what the model writes, where that is the objective; its name and text are told
            in the change, and an unfinished run is gone on with for the same ones only.
        name: of the change.
        dry_run: commit nothing.
        progress: called with what is done, how many are done and of how many.
        interrupted: asked between two steps; if so, what is done is kept.

    Raises:
        KeyboardInterrupt: it was interrupted.
        WorkspaceError: the model is another, the name is taken, or there are too few examples.
        DataError: examples cannot be used.
        ModelError: there is nothing that adapters could stand beside, or texts are too long.
    """
    if (score is not None) != (settings.objective == "score"):
        raise WorkspaceError("give a score, and only then, where the objective is one")
    taken = taken_names(workspace)
    called = unused_name(f"tuned-{settings.objective}", taken) if name is None else name
    check_name(called)
    if called in taken:
        raise WorkspaceError(f"a change is called {called!r} already: give another name")
    workspace.apply(lm.model)
    first = 0 if settings.adapter is None else settings.adapter.first
    tasks = [Task(lm, each, bfloat16=settings.bfloat16, first=first) for each in (train, held_out)]
    if settings.batch > len(train):
        raise WorkspaceError(f"a batch of {settings.batch} is more than all {len(train)} examples")
    told = progress or (lambda what, done, total: None)

    def look(when: str) -> dict[str, float]:
        found = measured(tasks[1], lambda done, total: told(f"measuring {when}", done, total))
        if score is not None:
            found["score"] = scored(tasks[1], range(len(held_out)), score, settings.tokens)
        return found

    before = look("before")
    judge = None if score is None else _told(score)
    kept = workspace.path / "unfinished" / f"{_digest(workspace, train, settings, judge)}.pt"
    if settings.eps is None:
        settings = replace(settings, eps=_distance(workspace, lm, tasks[0], settings, kept, told))
    found = _exponents(lm, tasks[0], settings, kept)
    try:
        with _parameters(lm, settings, found) as parameters:
            run = _run(tasks[0], parameters, settings, score, kept, found, told, interrupted)
            optimizer, losses = run
            after = look("after")
    finally:
        workspace.apply(lm.model)
    change = Change(
        kind=RUN,
        name=called,
        base=workspace.base_hash,
        payload=payload_of(optimizer.record, settings.adapter, found),
        request={"examples": len(train), "data": _data_hash(train)}
        | ({} if judge is None else {"score": judge}),
        settings=asdict(settings),
        effect={"before": before, "after": after, "held out": len(held_out)},
    )
    entry = None
    if not dry_run:
        entry = workspace.show(workspace.commit(change))
        workspace.apply(lm.model)
    kept.unlink(missing_ok=True)
    return Tuned(change, entry, before, after, losses, optimizer.skipped)


def _distance(
    workspace: Workspace,
    lm: LanguageModel,
    task: Task,
    settings: TuneSettings,
    kept: Path,
    told: Progress,
) -> float:
    """The best of some distances; that of a run that is gone on with, where there is one."""
    if kept.exists():
        return torch.load(kept, weights_only=True)["eps"]
    batch = _batch(task, settings, 0)

    def exact() -> Tensor:
        task.bfloat16, own = False, task.bfloat16
        try:
            return task.loss(batch)
        finally:
            task.bfloat16 = own

    try:
        with _parameters(lm, settings, _exponents(lm, task, settings, kept)) as parameters:
            found = distances(
                parameters, lambda: task.loss(batch), exact, noise=settings.noise,
                seed=settings.seed,
                progress=lambda done, total: told("measuring distances", done, total),
            )  # fmt: skip
    finally:
        # Rounding has moved them a little.
        workspace.apply(lm.model)
    return found[0].eps


def _exponents(
    lm: LanguageModel, task: Task, settings: TuneSettings, kept: Path
) -> dict[str, Tensor] | None:
    """How large the features are that adapters read; those of a run that is gone on with."""
    if settings.adapter is None or not settings.precondition:
        return None
    if kept.exists():
        return torch.load(kept, weights_only=True)["exponents"]
    return exponents(lm, settings.adapter, task.prompts)


def _batch(task: Task, settings: TuneSettings, step: int) -> list[int]:
    draw = random.Random(f"{settings.seed} {step}")
    return draw.sample(range(len(task)), settings.batch)


def _run(
    task: Task,
    parameters: dict[str, Tensor],
    settings: TuneSettings,
    score: Score | None,
    kept: Path,
    found: dict[str, Tensor] | None,
    told: Progress,
    interrupted: Callable[[], bool],
) -> tuple[MeZO, list[float]]:
    assert settings.eps is not None
    optimizer = MeZO(
        parameters.items(), lr=settings.lr, eps=settings.eps, noise=settings.noise,
        samples=settings.samples, sides=settings.sides, scale=settings.scale, seed=settings.seed,
    )  # fmt: skip
    losses: list[float] = []
    if kept.exists():
        state = torch.load(kept, weights_only=True)
        optimizer.load_state_dict(state["optimizer"])
        losses = state["losses"]
        for done in optimizer.record.replay(parameters):
            told("going on", done, optimizer.steps)
    while optimizer.steps < settings.steps:
        t = optimizer.steps
        for group in optimizer.param_groups:
            group["lr"] = settings.lr * (1 - t / settings.steps)
        batch = _batch(task, settings, t)
        losses.append(optimizer.step(lambda b=batch: _ask(task, b, settings, score)))
        told("tuning", optimizer.steps, settings.steps)
        stopped = interrupted()
        if stopped or optimizer.steps % _KEEP == 0 or optimizer.steps == settings.steps:
            _keep(kept, optimizer, losses, found)
        if stopped:
            raise KeyboardInterrupt
    return optimizer, losses


def _ask(
    task: Task, batch: Sequence[int], settings: TuneSettings, score: Score | None
) -> Tensor | float:
    if score is not None:
        return -scored(task, batch, score, settings.tokens)
    if settings.objective == "loss":
        return task.loss(batch)
    return -(task.accuracy(batch) if settings.objective == "accuracy" else task.f1(batch))


def _keep(
    path: Path, optimizer: MeZO, losses: list[float], found: dict[str, Tensor] | None
) -> None:
    path.parent.mkdir(exist_ok=True)
    eps = optimizer.param_groups[0]["eps"]
    state = {"optimizer": optimizer.state_dict(), "losses": losses, "eps": eps, "exponents": found}
    with atomic_write(path) as temporary:
        torch.save(state, temporary)


@contextmanager
def _parameters(
    lm: LanguageModel, settings: TuneSettings, found: dict[str, Tensor] | None
) -> Iterator[dict[str, Tensor]]:
    if settings.adapter is not None:
        with adapted(lm.model, settings.adapter, found) as parameters:
            yield parameters
        return
    found = {n: p.detach() for n, p in lm.model.named_parameters() if p.is_floating_point()}
    if any(p.dtype not in (torch.float32, torch.float64) for p in found.values()):
        # A workspace adds changes up in float32 and rounds once; the run would round every move.
        raise WorkspaceError("a run of the model's own parameters needs them in float32")
    Fold.of(lm.model).lend(found)
    yield found


def _told(score: Score) -> str:
    """A score by its name, and by a hash of its text where that can be had."""
    name = (
        f"{getattr(score, '__module__', '')}.{getattr(score, '__qualname__', type(score).__name__)}"
    )
    try:
        text = inspect.getsource(score)
    except (OSError, TypeError):
        return name
    return f"{name} {sha256(text.encode())[:16]}"


def _digest(
    workspace: Workspace, train: Sequence[Example], settings: TuneSettings, judge: str | None
) -> str:
    """What an unfinished run depends on: the state that it began in, its examples and settings."""
    state = [change.id for change in workspace.changes()]
    told = {
        "state": state, "data": _data_hash(train), "settings": asdict(settings), "judge": judge,
    }  # fmt: skip
    return sha256(canonical(told).encode())[:16]


def _data_hash(examples: Sequence[Example]) -> str:
    rows = [example._asdict() for example in examples]
    return sha256(canonical({"examples": rows}).encode())[:16]
