"""``unfrozen demo``: find a fact in a real language model, rewrite it, measure it, take it back."""

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unfrozen.cli.console import output, print_table, progress
from unfrozen.cli.opening import ModelOption, reporter

if TYPE_CHECKING:
    from torch import Tensor

    from unfrozen.language.facts import Fact
    from unfrozen.language.model import LanguageModel
    from unfrozen.papers.claim import Table
    from unfrozen.workspace import Workspace

EXAMPLES = {
    "demo": (
        "unfrozen demo                             some minutes; all it makes is in ./demo",
        "unfrozen demo --out tour --seed 1         elsewhere, with other noise",
    )
}

_SUBJECT, _TRUE, _NEW = "Eiffel Tower", "Paris", "Rome"
_PROMPT = "The {} is located in the city of"
_PARAPHRASES = (
    "You can visit the Eiffel Tower in the city of",
    "Where is the Eiffel Tower? It is in the city of",
    "The Eiffel Tower stands in the heart of",
)
_NEIGHBOURS = (
    "The Louvre is located in the city of",
    "The Louvre Museum is located in the city of",
    "The Champs-Élysées is located in the city of",
    "The capital of France is",
)
# True of another city, so no neighbour in the sense of the scores, but nothing to be disturbed.
_OTHERS = (
    "The Colosseum is located in the city of",
    "The Statue of Liberty is located in the city of",
)
_SAMPLES = 4


def demo(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where its files go.")] = Path("demo"),
    seed: Annotated[int, typer.Option(min=0, help="Of the noise and of the prefixes.")] = 0,
    model: ModelOption = None,
) -> None:
    """Move the Eiffel Tower to Rome in a real language model, and back, exactly.

    Loads the model, finds where the fact is carried, rewrites it, measures what that did to the
    fact and to its neighbours, and takes it back to the bit. Takes a few minutes, most of them the
    first time.
    """
    start = time.perf_counter()
    steps = _Steps()

    steps.begin("Load a language model, and ask it.")
    from dataclasses import replace

    import torch

    from unfrozen.cli.editing.effects import effect_table, log_table, written_lines
    from unfrozen.cli.language.trace import effects_table, save_heat_map
    from unfrozen.data.models import DEFAULT_MODEL
    from unfrozen.errors import WorkspaceError
    from unfrozen.language.editing.rome import RomeSettings
    from unfrozen.language.facts import Fact
    from unfrozen.language.model import LanguageModel
    from unfrozen.language.tracing import TraceSettings, trace
    from unfrozen.papers.report import bytes_text, seconds_text
    from unfrozen.workspace.editing import choose_settings, edit_fact

    lm = LanguageModel.from_pretrained(model or DEFAULT_MODEL)
    workspace = _workspace(out, lm)
    fact = Fact(_SUBJECT, _PROMPT, _TRUE, _NEW, _PARAPHRASES, _NEIGHBOURS)
    before = _logits(lm, fact)
    base_answers = _answers(lm, fact)
    millions = sum(p.numel() for p in lm.model.parameters()) / 1e6
    steps.say(
        f"{lm.name}, {millions:.0f} million weights, frozen: nothing below alters them on disk."
    )
    print_table(_answers_table(base_answers))

    steps.begin("Find where it carries the fact.")
    steps.say(
        "The tokens of the subject are drowned in noise, and the answer is lost. Then single "
        "hidden states are put back: those that bring the answer back carry the fact."
    )
    with progress() as bars:
        report = reporter(bars)
        traced = trace(
            lm,
            fact.prompt,
            fact.subject,
            TraceSettings(_SAMPLES, seed=seed),
            progress=lambda done, total: report("Tracing", done, total),
        )
    print_table(effects_table(traced))
    save_heat_map(traced, out / "trace.png")

    steps.begin(f"Rewrite it: {fact.text} {_TRUE} → {_NEW}.")
    chosen = choose_settings(lm)
    assert isinstance(chosen.settings, RomeSettings)
    steps.say(
        f"ROME writes one key and one value into the MLP of layer {chosen.layer} "
        f"({chosen.source}). So that other keys are left alone, it first reads which keys there "
        "are, from text that the model writes (once a model, then kept)."
    )
    with progress() as bars:
        done = edit_fact(
            workspace,
            lm,
            fact,
            settings=replace(chosen.settings, seed=seed),
            progress=reporter(bars),
        )
    print_table(effect_table(done.change.effect, "What the edit did"))
    for line in written_lines(done.change.effect):
        steps.say(line)
    steps.say("")
    print_table(_answers_table(base_answers, _answers(lm, fact)))

    steps.begin("Look at what was kept.")
    weights = sum(p.numel() * p.element_size() for p in lm.model.parameters())
    steps.say(
        f"The change takes {bytes_text(done.change.bytes)}; the model, {bytes_text(weights)}. "
        "The base itself is as it was: a workspace is the base and a log of changes over it."
    )
    print_table(log_table(workspace.log(), f"{workspace.path}, over {lm.name}"))

    steps.begin("Take it back.")
    edited = _logits(lm, fact)
    workspace.revert(done.change.name)
    workspace.apply(lm.model)
    after = _logits(lm, fact)
    if torch.equal(before, edited) or not torch.equal(before, after):
        raise WorkspaceError(
            "the reverted model does not answer with the base's own logits, bit for bit: "
            "this is a fault of unfrozen, please report it"
        )
    steps.say(
        f"Reverted. All {before.numel():,} logits of {before.shape[0]} prompts equal the base's, "
        "bit for bit."
    )
    print_table(log_table(workspace.log(), f"{workspace.path}, over {lm.name}"))
    steps.say(f"Took {seconds_text(time.perf_counter() - start)}. Heat map: {out / 'trace.png'}")
    steps.say("Try next:")
    for line in (
        f"cd {workspace.path}",
        f"unfrozen restore {done.change.name}",
        f'unfrozen ask "{fact.text}" --base',
        'unfrozen edit "The capital of France is" --subject France --to Lyon',
    ):
        steps.say(f"  {line}")


class _Steps:
    """Numbered steps on the terminal."""

    def __init__(self) -> None:
        self._number = 0
        self._console = output()

    def begin(self, title: str) -> None:
        """Begin the next step."""
        self._number += 1
        if self._number > 1:
            self._console.print()
        self._console.print(f"{self._number}. {title}", style="bold", markup=False)

    def say(self, text: str) -> None:
        """A sentence or two."""
        self._console.print(text, markup=False)


def _workspace(out: Path, lm: "LanguageModel") -> "Workspace":
    """A fresh workspace of the demo; one of an earlier demo is replaced, and nothing else."""
    from unfrozen.data.cache import atomic_write, sha256_file
    from unfrozen.data.models import weights_hash
    from unfrozen.errors import WorkspaceError
    from unfrozen.workspace import Workspace

    folder = out / "workspace"
    mark, header = out / ".unfrozen-demo", folder / "workspace.json"
    if folder.exists() and any(folder.iterdir()):
        # The mark names the very workspace that a demo made, not whatever stands in its place.
        own = mark.exists() and header.exists() and mark.read_text() == sha256_file(header)
        if not own:
            raise WorkspaceError(
                f"{folder} is there already and not of a demo: name another folder with --out"
            )
        shutil.rmtree(folder)
    made = Workspace.init(folder, lm.name, weights_hash(lm.model))
    with atomic_write(mark) as temporary:
        temporary.write_text(sha256_file(header))
    return made


def _logits(lm: "LanguageModel", fact: "Fact") -> "Tensor":
    """Next-token logits of all prompts of the demo, [prompt, vocabulary]."""
    import torch

    found = []
    for prompt in _prompts(fact):
        logits = lm.run(lm.encode(prompt), read="last").logits
        assert logits is not None
        found.append(logits[0, -1])
    return torch.stack(found)


def _prompts(fact: "Fact") -> tuple[str, ...]:
    return (fact.text, *fact.paraphrases, *fact.neighbours, *_OTHERS)


def _answers(lm: "LanguageModel", fact: "Fact") -> list[tuple[str, str]]:
    """What the model says to each prompt, with the probability of how that begins."""
    return [
        (prompt, f"{_said(lm, prompt)} {lm.top(prompt, 1)[0].probability:.0%}")
        for prompt in _prompts(fact)
    ]


def _said(lm: "LanguageModel", prompt: str) -> str:
    """The model's answer; of a model that answers in no words, the token."""
    from unfrozen.errors import FactError
    from unfrozen.workspace.editing import own_answer

    try:
        return own_answer(lm, prompt)
    except FactError:
        return repr(lm.top(prompt, 1)[0].text)


def _answers_table(
    before: list[tuple[str, str]], after: list[tuple[str, str]] | None = None
) -> "Table":
    """What the model answers, in one state or in two."""
    from unfrozen.papers.claim import Table

    if after is None:
        return Table("What the model says", ("prompt", "answer"), tuple(before))
    rows = tuple((p, old, new) for (p, old), (_, new) in zip(before, after, strict=True))
    return Table("What the model says", ("prompt", "before", "after"), rows)
