"""The keys and states of many facts at their subjects, of the model as it is by now."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.language.editing.prompts import Prompts
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel, Role
from unfrozen.language.shared_run import run_shared

# Tokens of a pass: enough to keep the processor busy; their attention grows with the square.
_NODES = 512


class SubjectStates(NamedTuple):
    """What the model holds at the last token of each fact's subject.

    Attributes:
        keys: inputs of a layer's down-projection, half of each the plain prompt's and half the
            mean over prefixes; empty if no layer was asked for.
        state: output of a block under the plain prompt.
    """

    keys: Float[Tensor, "fact key"]
    state: Float[Tensor, "fact value"]


@torch.no_grad()
def subject_states(
    lm: LanguageModel,
    facts: Sequence[Fact],
    prefixes: Sequence[str],
    key_layer: int | None,
    state_layer: int,
) -> SubjectStates:
    """Read keys and states of facts, many a pass.

    Args:
        lm: the model.
        facts: with new targets.
        prefixes: to put before the prompts.
        key_layer: whose keys; None for none, and then prefixes are of no use.
        state_layer: whose output, at or above the key's layer.

    Raises:
        FactError: a fact's subject is not found in a prompt.
        ModelError: no such layer.

    Source: Meng et al. 2023, equation 19: the plain prompt and the prefixed ones are two kinds of
    context, and a key is the mean of the means over kinds.
    """
    each = 1 + len(prefixes)
    prompts = Prompts.make(lm, facts, prefixes, essence=False)
    every = torch.arange(len(prompts.ids), device=lm.device)
    plain = every % each == 0
    layers = {state_layer} if key_layer is None else {state_layer, lm.layer(key_layer)}
    upper = _read(lm, prompts, every[plain], ("state", "key"), layers, state_layer)
    state = upper["state"][state_layer]
    if key_layer is None:
        return SubjectStates(state.new_empty(len(facts), 0), state)
    keys = upper["key"][key_layer]
    if each > 1:
        # Only the keys of prefixed prompts are read, so they need not go further up.
        lower = _read(lm, prompts, every[~plain], ("key",), {key_layer}, key_layer)
        prefixed = lower["key"][key_layer].reshape(len(facts), each - 1, -1)
        keys = (keys + prefixed.mean(1)) / 2
    return SubjectStates(keys, state)


@torch.no_grad()
def subject_keys(
    lm: LanguageModel, facts: Sequence[Fact], prefixes: Sequence[str], layers: Collection[int]
) -> dict[int, Float[Tensor, "fact key"]]:
    """The keys of facts in several layers of the model as it is: see `subject_states`.

    Args:
        lm: the model.
        facts: with new targets.
        prefixes: to put before the prompts.
        layers: whose keys.

    Raises:
        FactError: a fact's subject is not found in a prompt.
        ModelError: no such layer.
    """
    prompts = Prompts.make(lm, facts, prefixes, essence=False)
    every = torch.arange(len(prompts.ids), device=lm.device)
    layers = [lm.layer(layer) for layer in layers]
    found = _read(lm, prompts, every, ("key",), layers, max(layers))["key"]

    def keys_of(rows: Tensor) -> Tensor:
        each = rows.reshape(len(facts), 1 + len(prefixes), -1)
        return (each[:, 0] + each[:, 1:].mean(1)) / 2 if prefixes else each[:, 0]

    return {layer: keys_of(rows) for layer, rows in found.items()}


def _read(
    lm: LanguageModel,
    prompts: Prompts,
    rows: Int[Tensor, " row"],
    roles: Collection[Role],
    layers: Collection[int],
    last: int,
) -> dict[Role, dict[int, Float[Tensor, "row width"]]]:
    """What passes at the subjects' last tokens in some rows, in float32."""
    # The target behind a prompt is not seen by its subject.
    ends = (prompts.where + 1).tolist()
    texts = prompts.ids.tolist()
    # Rows that begin alike stand side by side, so that they are in one pass.
    order = sorted(rows.tolist(), key=lambda row: texts[row][: ends[row]])
    place = {row: i for i, row in enumerate(rows.tolist())}
    found: dict[Role, dict[int, Tensor]] = {role: {} for role in roles}
    for part in _passes(order, texts, ends):
        chosen = torch.tensor(part, device=lm.device)
        run = run_shared(
            lm,
            prompts.ids[chosen],
            prompts.where[chosen] + 1,
            keep=roles,
            keep_layers=layers,
            stop_after=last,
        )
        nodes = run.places[:, -1]
        there = torch.tensor([place[row] for row in part], device=lm.device)
        for role in roles:
            for layer in layers:
                values = run.kept[role][layer][nodes].float()
                whole = found[role].setdefault(layer, values.new_empty(len(rows), values.shape[1]))
                whole[there] = values
    return found


def _passes(
    order: Sequence[int], texts: Sequence[Sequence[int]], ends: Sequence[int]
) -> list[list[int]]:
    """Rows in order, as many a pass as have few enough tokens that are not in the row before."""
    passes: list[list[int]] = []
    size = 0
    for row in order:
        text = texts[row][: ends[row]]
        before = texts[passes[-1][-1]][: ends[passes[-1][-1]]] if passes else []
        pairs = enumerate(zip(text, before, strict=False))
        shortest = min(len(text), len(before))
        alike = next((i for i, (ours, other) in pairs if ours != other), shortest)
        new = len(text) - alike
        if not passes or size + new > _NODES:
            passes.append([])
            size, new = 0, len(text)
        passes[-1].append(row)
        size += new
    return passes
