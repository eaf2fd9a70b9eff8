"""Writing text: rows of unlike lengths share every pass, and each draw can be repeated."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import PreTrainedModel

from unfrozen.errors import ModelError


@torch.no_grad()
def continue_rows(
    model: PreTrainedModel,
    rows: Sequence[Int[Tensor, " _"]],
    tokens: int,
    *,
    generator: torch.Generator | None = None,
    top_k: int = 1,
    temperature: float = 1.0,
) -> Int[Tensor, "row tokens"]:
    """Continue rows of token ids: greedily, or by sampling among the ``top_k`` likeliest tokens.

    Args:
        model: a Hugging Face causal language model.
        rows: token ids, of any lengths; shorter ones are padded on the left and masked.
        tokens: how many to write to each.
        generator: where the randomness comes from; needed when ``top_k`` is not 1.
        top_k: 1 is greedy; 0 samples from the whole vocabulary.
        temperature: divides the logits.

    Returns:
        The tokens written.

    Raises:
        ModelError: there is nothing to continue, or no generator to sample with.
    """
    if top_k != 1 and generator is None:
        raise ModelError("sampling needs a generator, so that it can be repeated")
    if not rows or any(len(r) == 0 for r in rows):
        raise ModelError("an empty prompt cannot be continued")
    time = max(len(r) for r in rows)
    step = torch.stack([torch.cat([r[:1].expand(time - len(r)), r]) for r in rows])
    ragged = any(len(r) < time for r in rows)
    mask = torch.stack(
        [torch.arange(time, device=step.device) >= time - len(r) for r in rows]
    ).long()
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    cache, written = None, []
    for _ in range(tokens):
        extra = {"attention_mask": mask, "position_ids": positions} if ragged else {}
        output = model(input_ids=step, past_key_values=cache, use_cache=True, **extra)
        cache = output.past_key_values
        step = _choose(output.logits[:, -1].float() / temperature, top_k, generator)
        written.append(step)
        mask = torch.cat([mask, torch.ones_like(step)], 1)
        positions = positions[:, -1:] + 1
    return torch.cat(written, 1) if written else step[:, :0]


def _choose(logits: Tensor, top_k: int, generator: torch.Generator | None) -> Int[Tensor, "row 1"]:
    if top_k == 1:
        return logits.argmax(-1, keepdim=True)
    if top_k:
        best = logits.topk(min(top_k, logits.shape[-1]))
        drawn = torch.multinomial(best.values.softmax(-1), 1, generator=generator)
        return best.indices.gather(1, drawn)
    # The inverse of the distribution function: one random number a row, where `multinomial` draws
    # one a word of the vocabulary and takes longer than the model.
    reached = logits.softmax(-1).cumsum(-1)
    drawn = torch.rand(len(logits), 1, generator=generator, device=logits.device)
    return torch.searchsorted(reached, drawn * reached[:, -1:]).clamp(max=logits.shape[-1] - 1)
