"""Trace: the heat maps of a fact, one kind of restoration after another as they are done."""

from typing import TYPE_CHECKING, Any

from unfrozen.workbench.jobs.table import Handle
from unfrozen.workbench.models import Models
from unfrozen.workbench.pages.knowledge.schemas import MapOut, TraceIn, TraceOut

if TYPE_CHECKING:
    from unfrozen.language.model import LanguageModel
    from unfrozen.language.tracing import Trace

_DIGITS = 6


def trace(models: Models, asked: TraceIn, handle: Handle) -> dict[str, Any]:
    """Trace a prompt; each map is shown as soon as it is there."""
    from unfrozen.language.facts import as_template
    from unfrozen.language.tracing import TraceSettings
    from unfrozen.language.tracing import trace as run

    template = as_template(asked.prompt, asked.subject)
    state = models.open(asked.where, handle)
    token = None
    if asked.answer is not None:
        token = _first_token(state.lm, template, asked.subject, asked.answer)
    maps: list[MapOut] = []
    told: dict[str, Any] = {}
    for number, kind in enumerate(asked.kinds):

        def report(done: int, total: int, before: int = number) -> None:
            whole = total * len(asked.kinds)
            handle.report("Restoring states", before * total + done, whole)

        # The same seed draws the same noise, so that the maps are those of one trace.
        settings = TraceSettings(samples=asked.samples, kinds=(kind,), seed=asked.seed)
        found = run(state.lm, template, asked.subject, settings, answer=token, progress=report)
        maps.append(_map(found, kind))
        told = _told(found, state.text, maps).model_dump()
        handle.publish(told)
    return told


def _map(found: "Trace", kind: str) -> MapOut:
    def rows(tensor: Any) -> list[list[float]]:
        return [[round(x, _DIGITS) for x in row] for row in tensor.tolist()]

    return MapOut(kind=kind, effect=rows(found.effects[kind]), deviation=rows(found.spread[kind]))


def _told(found: "Trace", state: str, maps: list[MapOut]) -> TraceOut:
    return TraceOut(
        state=state,
        prompt=found.prompt,
        subject=found.subject,
        answer=found.answer,
        tokens=list(found.tokens),
        subject_span=found.subject_span,
        clean=found.clean,
        corrupted=found.corrupted,
        samples=len(found.corrupted_samples),
        window=found.window,
        maps=maps,
    )


def _first_token(lm: "LanguageModel", template: str, subject: str, answer: str) -> int:
    """The token that an answer begins with."""
    from unfrozen.language.subject import encode_target

    ids = lm.encode(template.replace("{}", subject))[0].tolist()
    return encode_target(lm.tokenizer, ids, answer)[0]
