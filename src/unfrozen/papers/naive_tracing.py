"""Causal tracing the straightforward way: a whole forward pass for every restoration.

It is what the batched trace is timed and checked against; nothing else uses it.
"""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unfrozen.language.architecture.probe import first_tensor, hooked, with_first_tensor
from unfrozen.language.facts import as_template
from unfrozen.language.model import LanguageModel
from unfrozen.language.subject import subject_span
from unfrozen.language.tracing import TraceSettings, subject_noise, window_of


@torch.no_grad()
def naive_trace(
    lm: LanguageModel,
    prompt: str,
    subject: str,
    kind: Literal["state", "mlp", "attention"],
    sigma: float,
    settings: TraceSettings,
    *,
    samples_share: bool,
) -> Float[Tensor, "token layer"]:
    """The indirect effect of every token and layer, by one restoration a pass.

    Every token, also those before the subject, as in the published code.

    Args:
        lm: the model.
        prompt: with the subject in it.
        subject: the subject.
        kind: what is restored.
        sigma: standard deviation of the noise.
        settings: samples, window and seed.
        samples_share: whether all samples of a restoration share a pass, beside a clean row, as
            in the published code; if not, every sample has a pass of its own.

    Returns:
        Mean over the samples of the gain in probability.
    """
    template = as_template(prompt, subject)
    span = subject_span(lm.tokenizer, template, subject)
    ids = lm.encode(template.replace("{}", subject))
    time, n = ids.shape[1], lm.n_layers
    noise = subject_noise(
        settings.samples, time, lm.sites.width, (span.start, span.stop), sigma, settings.seed
    ).to(lm.device)
    window = 1 if kind == "state" else settings.window_for(n)
    kept: dict[int, Tensor] = {}

    def keep(layer: int) -> Callable[..., None]:
        def hook(module: nn.Module, args: object, output: object) -> None:
            kept[layer] = first_tensor(output)[0]

        return hook

    with hooked([_module(lm, kind, j).register_forward_hook(keep(j)) for j in range(n)]):
        clean = lm.model(input_ids=ids, use_cache=False).logits[0, -1].float().softmax(-1)
    answer = int(clean.argmax())

    def run(rows: Tensor, t: int | None, layers: range) -> Tensor:
        """Probability of the answer with the states of token t restored at some layers."""

        def corrupt(module: nn.Module, args: object, output: Tensor) -> Tensor:
            return output + rows.to(output.dtype)

        def restore(layer: int) -> Callable[..., object]:
            def hook(module: nn.Module, args: object, output: object) -> object:
                state = first_tensor(output).clone()
                state[:, t] = kept[layer][t]
                return with_first_tensor(output, state)

            return hook

        handles = [lm.sites.embedding.register_forward_hook(corrupt)]
        if t is not None:
            handles += [_module(lm, kind, j).register_forward_hook(restore(j)) for j in layers]
        with hooked(handles):
            logits = lm.model(input_ids=ids.expand(len(rows), -1), use_cache=False).logits
        return logits[:, -1].float().softmax(-1)[:, answer]

    def over_samples(t: int | None, layers: range) -> Tensor:
        if samples_share:
            return run(torch.cat([torch.zeros_like(noise[:1]), noise]), t, layers)[1:].mean()
        return torch.cat([run(row[None], t, layers) for row in noise]).mean()

    corrupted = over_samples(None, range(0))
    effect = torch.zeros(time, n)
    for t in range(time):
        for layer in range(n):
            effect[t, layer] = over_samples(t, range(*window_of(layer, window, n))) - corrupted
    return effect


def _module(lm: LanguageModel, kind: str, layer: int) -> nn.Module:
    site = lm.sites.blocks[layer]
    return {"state": site.block, "mlp": site.mlp.module, "attention": site.attention.module}[kind]
