"""Ask: the likeliest next tokens, and how the model goes on."""

from typing import TYPE_CHECKING

from unfrozen.workbench.jobs.table import Handle
from unfrozen.workbench.models import Models
from unfrozen.workbench.pages.knowledge.schemas import AnswerOut, AskIn, AskOut, TokenOut

if TYPE_CHECKING:
    from unfrozen.language.model import LanguageModel


def answer(lm: "LanguageModel", prompt: str, state: str, top: int, tokens: int) -> AnswerOut:
    """What a model says next.

    Args:
        lm: the model, in its state.
        prompt: to go on from.
        state: what to call it.
        top: how many next tokens.
        tokens: how many to write.
    """
    likely = lm.top(prompt, min(top, lm.sites.vocabulary))
    written = lm.generate([prompt], tokens)[0] if tokens else ""
    told = [TokenOut(text=t.text, probability=t.probability) for t in likely]
    return AnswerOut(state=state, top=told, written=written)


def ask(models: Models, asked: AskIn, handle: Handle) -> AskOut:
    """Ask a state, and the base beside it if that is wanted and another."""
    from unfrozen.workspace.fold import base_state

    state = models.open(asked.where, handle)
    handle.report("Asking", 0, 1)
    with state.recalling() as lm:
        said = answer(lm, asked.prompt, state.text, asked.top, asked.tokens)
    base = None
    if asked.base and state.workspace is not None:
        with base_state(state.lm):
            base = answer(state.lm, asked.prompt, f"base {state.lm.name}", asked.top, asked.tokens)
    return AskOut(prompt=asked.prompt, answer=said, base=base)
