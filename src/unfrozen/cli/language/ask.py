"""``unfrozen ask``: what a model says next, in a workspace's state and in its base's."""

import json as jsons
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unfrozen.cli.console import emit_json, output, print_table
from unfrozen.cli.opening import JsonOption, ModelOption, WorkspaceOption, load_state, state_text

if TYPE_CHECKING:
    from unfrozen.language.model import LanguageModel
    from unfrozen.papers.claim import Table

EXAMPLES = {
    "ask": (
        'unfrozen ask "The Eiffel Tower is in the city of"            the state of this workspace',
        'unfrozen ask "The Eiffel Tower is in the city of" --base     and what the base says',
        'unfrozen ask "The capital of France is" --model gpt2         a model, without workspace',
        "unfrozen ask                                                 prompts, a line each",
    )
}


def ask(
    prompt: Annotated[
        str | None, typer.Argument(help="Text to go on from; without it, lines are read.")
    ] = None,
    workspace: WorkspaceOption = None,
    model: ModelOption = None,
    top: Annotated[int, typer.Option(min=1, max=1000, help="How many next tokens.")] = 5,
    tokens: Annotated[int, typer.Option(min=0, help="How many tokens to write.")] = 20,
    base: Annotated[bool, typer.Option("--base", help="Show the base beside the state.")] = False,
    json: JsonOption = None,
) -> None:
    """Show the likeliest next tokens of a prompt, and how the model goes on.

    The model is the one of the workspace, in its present state, with what it remembers; outside of
    any workspace, or with --model, it is the model as it was published.
    """
    from unfrozen.errors import ModelError

    if prompt is not None and not prompt.strip():
        raise ModelError("the prompt is empty: give it a word")
    lm, found = load_state(workspace, model)
    from unfrozen.workspace.remembering import Memories, memories_of

    memories = Memories() if found is None else memories_of(found, lm)
    top = min(top, lm.sites.vocabulary)
    console = output(json)
    told = state_text(lm, found)
    answers = []
    for text in _lines() if prompt is None else [prompt]:
        with memories.attached():
            states = {"state": _answer(lm, text, top, tokens)}
        if base and found is not None:
            from unfrozen.workspace import Fold

            changes = Fold.of(lm.model).changes
            Fold.of(lm.model).set([])
            states["base"] = _answer(lm, text, top, tokens)
            Fold.of(lm.model).set(changes)
        answers.append({"prompt": text, "model": told, **states})
        print_table(_table(text, told, states), console)
        for name, answer in states.items():
            if tokens:
                label = "It goes on" if name == "state" else "The base goes on"
                written = " ".join(answer["continuation"].split())
                console.print(f"{label}: {written}", markup=False, soft_wrap=True)
        console.print()
    if json is not None:
        emit_json(json, answers if prompt is None else answers[0])


def _answer(lm: "LanguageModel", prompt: str, top: int, tokens: int) -> dict[str, Any]:
    """As JSON: the next tokens, and the continuation."""
    likely = [{"token": t.text, "probability": t.probability} for t in lm.top(prompt, top)]
    written = lm.generate([prompt], tokens)[0] if tokens else ""
    return {"top": likely, "continuation": written}


def _table(prompt: str, told: str, states: dict[str, dict[str, Any]]) -> "Table":
    from unfrozen.papers.claim import Table

    columns = ["next token", "probability"]
    columns += ["of the base", "its probability"] if "base" in states else []
    pairs = zip(*(answer["top"] for answer in states.values()), strict=True)
    rows = tuple(
        tuple(
            cell
            for one in row
            # Quoted, since most tokens begin with a space and some are nothing else.
            for cell in (jsons.dumps(one["token"], ensure_ascii=False), f"{one['probability']:.4f}")
        )
        for row in pairs
    )
    return Table(f"{prompt} … ({told})", tuple(columns), rows)


def _lines() -> Iterator[str]:
    """Prompts from stdin, with a sign that one is awaited where somebody types."""
    typed = sys.stdin.isatty()
    while True:
        if typed:
            sys.stderr.write("prompt> ")
            sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.rstrip("\n")
