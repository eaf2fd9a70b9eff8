"""ROME: rewrite one fact by one rank-one write to a linear memory (Meng et al. 2022, section 3).

The down-projection of one layer is a linear associative memory W k = v.  The key k* of a subject is
averaged over contexts; the value v* that makes the model say the new object is found by gradient;
the write is `unfrozen.memory.constrained_write`, the least change of W under the second moment of
all keys such that W k* = v*.  The same averaged key stands on both sides (Gupta et al. 2024,
R-ROME): the published code mixed it with the plain prompt's key, which made some edits break the
model.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from jaxtyping import Float
from torch import Tensor

from unfrozen.language.editing.contexts import Contexts
from unfrozen.language.editing.edit import Edit
from unfrozen.language.editing.prompts import sample_prefixes
from unfrozen.language.editing.search import search_values
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.memory import SecondMoment, constrained_write


@dataclass(frozen=True)
class RomeSettings:
    """How to edit; defaults of the paper (appendix E.5) unless it says otherwise.

    The divergence is read at the subject's last token, as in the published code: what a model
    expects after the name alone is what tells its essence.

    Attributes:
        layer: which memory to write to; None for the calibrated or, failing that, the default
            depth.  Causal tracing does not tell it (Hase et al. 2023).
        steps: most steps of the search for a value (the paper: 20, without an early stop).
        learning_rate: of Adam.
        weight_decay: weight of ``|delta| / |v|^2``.
        kl: weight of the divergence at the essence prompt.
        clamp: largest ``|delta|`` in units of ``|v|``.
        confidence: stop when the mean probability of the target over contexts reaches this.  The
            paper stops at a loss of 0.05, which the decay term keeps out of reach.
        prefix_lengths: tokens of the sampled prefixes.
        prefixes_each: how many prefixes of each length (the published code: 10, which takes three
            times as long).
        seed: of the prefixes.
    """

    layer: int | None = None
    steps: int = 25
    learning_rate: float = 0.5
    weight_decay: float = 0.5
    kl: float = 0.0625
    clamp: float = 4.0
    confidence: float = 0.95
    prefix_lengths: tuple[int, ...] = (5, 10)
    prefixes_each: int = 3
    seed: int = 0

    def layer_for(self, lm: LanguageModel) -> int:
        """The layer, or the default depth: a tenth, where small models' edits generalise."""
        return lm.layer(round(lm.n_layers / 10) if self.layer is None else self.layer)


@dataclass(frozen=True)
class Value:
    """A value found for a subject.

    Attributes:
        key: the averaged key k*.
        delta: what to add to the value W k*.
        probability: of the target, mean over contexts, at the end.
        before: the same before the edit.
        divergence: of the edited model from the base at the essence prompt, in nats.
        steps: gradient steps taken.
        value_norm: ``|v|`` of the plain prompt.
    """

    key: Float[Tensor, " key"]
    delta: Float[Tensor, " value"]
    probability: float
    before: float
    divergence: float
    steps: int
    value_norm: float


def search_value(
    lm: LanguageModel,
    contexts: Contexts,
    settings: RomeSettings,
    progress: Callable[[], None] | None = None,
) -> Value:
    """Find what to store at the subject's key so that the model says the new object (eq. 4).

    The search starts at the edited layer and at the subject's last token, from states that were
    kept: nothing below or before changes.

    Args:
        lm: the model.
        contexts: one fact's prompts, run.
        settings: how.
        progress: called at every step.

    Returns:
        The key and the value.

    Raises:
        ModelError: the loss is not finite.
    """
    report = None if progress is None else lambda _: progress()
    found = search_values(lm, contexts, settings, report)
    return Value(
        key=contexts.keys.float().mean(0),
        delta=found.delta[0],
        probability=float(found.probability[0]),
        before=float(found.before[0]),
        divergence=float(found.divergence[0]),
        steps=int(found.steps[0]),
        value_norm=float(found.start[0].norm()),
    )


def write_value(
    lm: LanguageModel, layer: int, value: Value, second_moment: SecondMoment | None
) -> Edit:
    """Write a value at its key into a layer's linear memory (eq. 2).

    Args:
        lm: the model; it is read and not changed.
        layer: which memory.
        value: key and value.
        second_moment: of the layer's keys; None for the identity.

    Returns:
        The rank-one change.
    """
    memory = lm.down_projection(layer)
    weight = memory.weight.float()
    update = constrained_write(weight, value.key, weight @ value.key + value.delta, second_moment)
    if memory.transposed:
        update = update.transposed()
    return Edit(method="rome", updates={memory.parameter_name: update}, diagnostics={})


class Rome:
    """Edits facts one by one.

    Args:
        lm: the model; `edit` does not change it.
        settings: how.
        second_moment: of the keys of the edited layer (`unfrozen.language.covariance`), or None
            for the identity.
        prefixes: what to put before the prompts; sampled from the model when None.

    Example:
        >>> lm = LanguageModel.from_pretrained()
        >>> edit = Rome(lm).edit(Fact("Eiffel Tower", "The {} is in the city of", None, "Rome"))
        >>> with edit.applied(lm):
        ...     lm.top("The Eiffel Tower is in the city of")[0].text
        ' Rome'
    """

    def __init__(
        self,
        lm: LanguageModel,
        settings: RomeSettings = RomeSettings(),
        second_moment: SecondMoment | None = None,
        prefixes: Sequence[str] | None = None,
    ) -> None:
        self.lm, self.settings, self.second_moment = lm, settings, second_moment
        self.layer = settings.layer_for(lm)
        self.prefixes = (
            sample_prefixes(lm, settings.prefix_lengths, settings.prefixes_each, settings.seed)
            if prefixes is None
            else tuple(prefixes)
        )

    def value(self, fact: Fact, progress: Callable[[], None] | None = None) -> Value:
        """Find the key and the value of a fact, without writing them.

        Args:
            fact: with a new target.
            progress: called at every step of the search.
        """
        contexts = Contexts.make(self.lm, [fact], self.layer, self.prefixes)
        return search_value(self.lm, contexts, self.settings, progress)

    def edit(self, fact: Fact, progress: Callable[[], None] | None = None) -> Edit:
        """The rank-one change that rewrites a fact.

        Args:
            fact: with a new target.
            progress: called at every step of the search.

        Raises:
            FactError: the fact cannot be edited as it stands.
        """
        start = time.perf_counter()
        value = self.value(fact, progress)
        edit = write_value(self.lm, self.layer, value, self.second_moment)
        return Edit(
            method="rome",
            updates=edit.updates,
            settings={
                **asdict(self.settings),
                "layer": self.layer,
                "second_moment_tokens": self.second_moment.count if self.second_moment else None,
            },
            diagnostics={
                "steps": value.steps,
                "probability_before": value.before,
                "probability_after": value.probability,
                "divergence": value.divergence,
                "relative_value_change": float(value.delta.norm()) / value.value_norm,
                "seconds": time.perf_counter() - start,
            },
        )
