"""Fine-tuning one layer on one fact: the baselines FT and FT-L (Meng et al. 2022, section 3.3).

The same weight that ROME writes to is trained by gradient on the one prompt.  FT is free; FT-L
keeps every entry within a small distance of where it was (Zhu et al. 2020).
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from unfrozen.errors import ModelError
from unfrozen.language.architecture.replay import Joining, KeyValues
from unfrozen.language.editing.edit import Edit
from unfrozen.language.editing.prompts import new_target
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.language.subject import encode_target


@dataclass(frozen=True)
class FineTuneSettings:
    """How to fine-tune; defaults of the published baselines.

    Attributes:
        layer: the layer whose down-projection is trained.
        steps: most steps of Adam.
        learning_rate: of Adam.
        weight_decay: of Adam.
        largest_change: no entry moves further than this (FT-L); None for no bound (FT).
        loss: stop at this mean negative log-probability of the target.
    """

    layer: int
    steps: int = 25
    learning_rate: float = 5e-4
    weight_decay: float = 0.0
    largest_change: float | None = None
    loss: float = 1e-2

    def __post_init__(self) -> None:
        if self.steps < 1 or self.learning_rate <= 0:
            raise ModelError("fine-tuning takes at least one step and a positive learning rate")
        if self.largest_change is not None and self.largest_change <= 0:
            raise ModelError(f"the largest change must be positive, not {self.largest_change}")


def fine_tune(
    lm: LanguageModel,
    fact: Fact,
    settings: FineTuneSettings,
    progress: Callable[[], None] | None = None,
) -> Edit:
    """Train one down-projection to say a fact's new target.

    Training starts from the states entering the layer: nothing below changes.

    Args:
        lm: the model; it is not changed.
        fact: with a new target.
        settings: how.
        progress: called at every step.

    Returns:
        The change, of full rank.

    Raises:
        FactError: the fact has no new target.
        ModelError: there is no such layer.

    Source: baselines FT and FT+L of Meng et al. 2022; Zhu et al. 2020 for the bound.
    """
    new = new_target(fact)
    start = time.perf_counter()
    layer = lm.layer(settings.layer)
    prompt = lm.encode(fact.text)[0].tolist()
    target = encode_target(lm.tokenizer, prompt, new)
    ids = torch.tensor([prompt + target[:-1]], device=lm.device)
    run = lm.run(ids, keep=("state", "key"), stop_after=layer)
    read = torch.arange(len(prompt) - 1, ids.shape[1], device=lm.device)[None]
    memory = lm.down_projection(layer)
    keys = run.kept["key"][layer].float()
    before = memory.weight.float().clone()
    bias = getattr(memory.module, "bias", None)
    weight = before.clone().requires_grad_()
    optimizer = torch.optim.Adam(
        [weight], lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    prefix = KeyValues.none(lm.n_layers, keys)
    joins = {
        layer: Joining(run.state_before(layer), torch.zeros(1, dtype=torch.long, device=lm.device))
    }
    wanted = torch.tensor(target, device=lm.device)
    losses: list[float] = []

    def put(output: Tensor) -> Tensor:
        return nn.functional.linear(keys, weight, bias).to(output.dtype)

    for _ in range(settings.steps):
        if progress is not None:
            progress()
        logits = lm.replay(joins, prefix, mlp={layer: put}, read=read)
        loss = nn.functional.cross_entropy(logits[0].float(), wanted)
        losses.append(float(loss.detach()))
        if losses[-1] < settings.loss:
            break
        (weight.grad,) = torch.autograd.grad(loss, weight)
        optimizer.step()
        if settings.largest_change is not None:
            with torch.no_grad():
                bound = settings.largest_change
                weight.copy_(before + (weight - before).clamp(-bound, bound))
    change = (weight.detach() - before).to(memory.weight.dtype)
    return Edit(
        method="ft" if settings.largest_change is None else "ft-l",
        dense={memory.parameter_name: change.T if memory.transposed else change},
        settings=asdict(settings),
        diagnostics={
            "steps": len(losses),
            "loss_before": losses[0],
            "loss_after": losses[-1],
            "seconds": time.perf_counter() - start,
        },
    )
