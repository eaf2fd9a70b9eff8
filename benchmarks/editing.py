"""How long does one ROME edit take, against its own search run as whole passes?"""

import torch

from unfrozen.language.architecture.probe import hooked
from unfrozen.language.covariance import second_moments
from unfrozen.language.editing.contexts import Contexts
from unfrozen.language.editing.rome import Rome, RomeSettings
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.papers.running.growth import measured

QUESTION = "seconds and peak memory of an edit, a search step against a whole pass and its gradient"
TOKENS = 8192
FACT = Fact("Eiffel Tower", "The {} is located in the city of", "Paris", "Rome")


def run() -> dict[str, float]:
    """Edit one fact; then time a step of its search against a whole pass over the same prompts."""
    lm = LanguageModel.from_pretrained()
    layer = RomeSettings().layer_for(lm)
    moment = second_moments(lm, [layer], TOKENS)[layer]
    rome = Rome(lm, second_moment=moment)
    _, first, _ = measured(lambda: rome.edit(FACT))
    edit, seconds, grown = measured(lambda: rome.edit(FACT))
    contexts = Contexts.make(lm, [FACT], rome.layer, rome.prefixes)
    delta = torch.zeros(1, lm.sites.width, requires_grad=True)

    def step() -> None:
        said, _ = contexts.log_probabilities(lm, delta)
        torch.autograd.grad(said.mean(), delta)

    prompts = [FACT.text, *(p + FACT.text for p in rome.prefixes)]
    rows = [lm.encode(p)[0] for p in prompts]
    time = max(len(r) for r in rows)
    ids = torch.stack([torch.cat([r, r[-1:].expand(time - len(r))]) for r in rows])
    module = lm.down_projection(rome.layer).module

    def whole() -> None:
        def add(_: object, __: object, output: torch.Tensor) -> torch.Tensor:
            return output + delta

        with hooked([module.register_forward_hook(add)]):
            logits = lm.model(input_ids=ids, use_cache=False).logits
        torch.autograd.grad(logits.log_softmax(-1)[..., 0].mean(), delta)

    step()
    whole()
    _, fast, fast_memory = measured(step)
    _, slow, slow_memory = measured(whole)
    return {
        "first edit, with the factors of the second moment, seconds": first,
        "edit, seconds": seconds,
        "edit, steps": edit.diagnostics["steps"],
        "edit, peak MB": grown / 1e6,
        "search step, seconds": fast,
        "search step, peak MB": fast_memory / 1e6,
        "whole pass and gradient, seconds": slow,
        "whole pass and gradient, peak MB": slow_memory / 1e6,
        "whole pass, times slower": slow / fast,
    }
