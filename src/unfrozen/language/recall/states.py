"""States of a language model made comparable, and states that make it say a word."""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.language.architecture.replay import Joining, KeyValues
from unfrozen.language.editing.prompts import pad
from unfrozen.language.model import LanguageModel

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

_LEAST = 1e-3
_STEPS = 30
_CHUNK = 128
_SURE = 0.99


class Scale:
    """Puts a layer's states on a scale of their own, and to norm one.

    States have a few features that are large everywhere and say nothing; means and deviations over
    prose take them away.

    Args:
        mean: of the states.
        deviation: of the states.
    """

    def __init__(self, mean: Float[Tensor, " width"], deviation: Float[Tensor, " width"]) -> None:
        self.mean, self.deviation = mean, deviation + _LEAST

    def __call__(self, states: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """Directions: their product is a cosine."""
        centred = (states.float() - self.mean) / self.deviation
        return torch.nn.functional.normalize(centred, dim=-1)


@torch.no_grad()
def scales(
    lm: LanguageModel, texts: Sequence[str], layers: Sequence[int], length: int = 64
) -> dict[int, Scale]:
    """The scale of some layers, over texts.

    Args:
        lm: the model.
        texts: any prose; the first position of each is left out, since models park there.
        layers: whose block outputs.
        length: tokens read of each text.
    """
    found: dict[int, list[Tensor]] = {layer: [] for layer in layers}
    for text in texts:
        ids = lm.encode(text)[:, :length]
        kept = lm.run(ids, keep=("state",), keep_layers=layers, stop_after=max(layers)).kept
        for layer in layers:
            found[layer].append(kept["state"][layer][0, 1:].float())
    whole = {layer: torch.cat(parts) for layer, parts in found.items()}
    return {layer: Scale(states.mean(0), states.std(0)) for layer, states in whole.items()}


@torch.no_grad()
def states_at(
    lm: LanguageModel,
    rows: Sequence[Sequence[int]],
    places: Sequence[Sequence[int]],
    layer: int,
    progress: Progress | None = None,
) -> list[Float[Tensor, "place width"]]:
    """Block outputs at some positions of rows of tokens, many rows a pass.

    Args:
        lm: the model.
        rows: token ids.
        places: positions in each row.
        layer: whose output.
        progress: called as rows are read.
    """
    found: list[Tensor] = [torch.empty(0)] * len(rows)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for at in range(0, len(order), _CHUNK):
        part = order[at : at + _CHUNK]
        ids = pad([rows[i] for i in part], lm.device)
        run = lm.run(ids, keep=("state",), keep_layers={layer}, stop_after=layer)
        for row, i in enumerate(part):
            found[i] = run.kept["state"][layer][row, list(places[i])].float()
        if progress is not None:
            progress("Remembering", at + len(part), len(order))
    return found


def saying(lm: LanguageModel, tokens: Int[Tensor, " n"]) -> Float[Tensor, "n width"]:
    """Outputs of the last block after which the model says given tokens.

    They are searched by gradient through final norm and head alone, so they hold for any text.

    Args:
        lm: the model.
        tokens: ids.
    """
    weight = getattr(lm.sites.head, "weight", None)
    found = []
    for part in tokens.split(_CHUNK):
        if isinstance(weight, Tensor) and weight.shape == (lm.sites.vocabulary, lm.sites.width):
            start = weight[part].float()
        else:
            start = torch.ones(len(part), lm.sites.width, device=lm.device)
        state = torch.nn.functional.normalize(start, dim=1) * lm.sites.width**0.5
        state = state.detach().requires_grad_()
        adam = torch.optim.Adam([state], lr=0.3)
        for _ in range(_STEPS):
            with torch.enable_grad():
                every = torch.arange(len(part), device=lm.device)
                joined = Joining(state[:, None].to(lm.dtype), every)
                prefix = KeyValues.none(lm.n_layers, joined.states)
                logits = lm.replay({lm.n_layers: joined}, prefix)[:, -1].float()
                losses = torch.nn.functional.cross_entropy(logits, part, reduction="none")
            if float(losses.detach().max()) < -math.log(_SURE):
                break
            (state.grad,) = torch.autograd.grad(losses.sum(), state)
            adam.step()
        found.append(state.detach())
    return torch.cat(found) if found else torch.empty(0, lm.sites.width, device=lm.device)
