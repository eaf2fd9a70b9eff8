"""Causal tracing: which hidden states carry a fact (Meng et al. 2022, section 2).

Three runs.  *Clean*: the prompt as it is, p(o) the probability of the answer.  *Corrupted*: noise
is added to the embeddings of the subject, p*(o).  *Restored*: the corrupted run with some states
put back to their clean values.  The total effect is p(o) - p*(o), the indirect effect of a state
is what restoring it brings back.

A state at (token t, layer l) can change nothing before t and nothing up to l, and where clean and
corrupted states are equal (before the subject) nothing at all.  So the corrupted run is kept, every
restoration is replayed from its own token and layer, and all layers of a token share one pass
(`unfrozen.language.architecture.replay`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import FactError, ModelError
from unfrozen.language.architecture.replay import Joining, KeyValues, Patch
from unfrozen.language.facts import as_template
from unfrozen.language.model import LanguageModel, Run
from unfrozen.language.subject import subject_span

Kind = Literal["state", "mlp", "attention", "severed-mlp", "severed-attention"]
KINDS: tuple[Kind, ...] = ("state", "mlp", "attention", "severed-mlp", "severed-attention")

PLACES = (
    "first subject token",
    "middle subject tokens",
    "last subject token",
    "first token after",
    "later tokens",
    "last token",
)
"""The roles of a token in a prompt over which effects are averaged (Meng et al. 2022, figure 2)."""


@dataclass(frozen=True)
class TraceSettings:
    """How to trace.

    Attributes:
        samples: noise samples a prompt; every restoration of a sample has the same noise.
        noise: size of the noise in standard deviations of the token embeddings (section 2: 3).
        window: blocks restored together for MLP and attention outputs, centred on the block; the
            paper's 10 of GPT-2 XL's 48 blocks, as a fraction of this model's when None.
        kinds: which restorations.
        tokens: at which tokens: "all" from the subject on, or only at the "last subject" token,
            which is all that the severed variant is usually asked of.
        seed: of the noise.
        rows: largest number of (row, token) pairs in one pass: bounds the memory.
    """

    samples: int = 10
    noise: float = 3.0
    window: int | None = None
    kinds: tuple[Kind, ...] = ("state", "mlp", "attention")
    tokens: Literal["all", "last subject"] = "all"
    seed: int = 0
    rows: int = 8192

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown:
            raise ModelError(f"unknown kind of restoration {unknown[0]!r}; use {', '.join(KINDS)}")
        if self.samples < 1 or (self.window is not None and self.window < 1):
            raise ModelError("samples and window must be at least 1")
        if not 0 < self.noise < math.inf:
            raise ModelError(f"noise must be positive and finite, not {self.noise}")
        if self.tokens not in ("all", "last subject"):
            raise ModelError(f"tokens is 'all' or 'last subject', not {self.tokens!r}")

    def window_for(self, n_layers: int) -> int:
        """The width of the window for a model of so many layers."""
        return self.window or max(1, round(n_layers * 10 / 48))


@dataclass(frozen=True)
class Trace:
    """What was found for one prompt.

    Attributes:
        prompt: the prompt.
        subject: its subject.
        answer: the text of the token whose probability is followed.
        tokens: the text of each token.
        subject_span: first and one past the last token of the subject.
        clean: p(o).
        corrupted: p*(o), mean over the samples.
        corrupted_samples: p*(o) of each sample.
        effects: kind -> indirect effect [token, layer], mean over the samples, as a difference of
            probabilities; zero before the subject and at tokens that were not asked for.
        spread: kind -> standard deviation over the samples, likewise.
        sigma: standard deviation of the noise.
        window: width of the MLP and attention windows.
        seed: of the noise.
    """

    prompt: str
    subject: str
    answer: str
    tokens: tuple[str, ...]
    subject_span: tuple[int, int]
    clean: float
    corrupted: float
    corrupted_samples: tuple[float, ...]
    effects: dict[str, Float[Tensor, "token layer"]]
    spread: dict[str, Float[Tensor, "token layer"]]
    sigma: float
    window: int
    seed: int

    @property
    def total_effect(self) -> float:
        """p(o) - p*(o)."""
        return self.clean - self.corrupted

    def places(self) -> dict[str, list[int]]:
        """Which tokens play each role of `PLACES`."""
        start, stop = self.subject_span
        last = len(self.tokens) - 1
        after = [t for t in range(stop, len(self.tokens)) if t != last]
        return {
            "first subject token": [start] if stop - start > 1 else [],
            "middle subject tokens": list(range(start + 1, stop - 1)),
            "last subject token": [stop - 1],
            "first token after": after[:1],
            "later tokens": after[1:],
            "last token": [last] if last >= stop else [],
        }

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and lists, with a format number."""
        out = {k: v for k, v in asdict(self).items() if k not in ("effects", "spread")}
        out["effects"] = {k: v.tolist() for k, v in self.effects.items()}
        out["spread"] = {k: v.tolist() for k, v in self.spread.items()}
        return {"format": 1, **out}

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> "Trace":
        """The inverse of `to_json`."""
        fields = {k: v for k, v in payload.items() if k != "format"}
        for key in ("effects", "spread"):
            fields[key] = {k: torch.tensor(v) for k, v in fields[key].items()}
        for key in ("tokens", "subject_span", "corrupted_samples"):
            fields[key] = tuple(fields[key])
        return cls(**fields)


def embedding_deviation(lm: LanguageModel, subjects: Sequence[str] = ()) -> float:
    """Standard deviation of the entries of token embeddings.

    Args:
        lm: the model.
        subjects: over the tokens of these, as in the paper; over the whole vocabulary when empty.

    Returns:
        The standard deviation, of what the embedding module puts out.
    """
    if subjects:
        # Where a subject stands in a text: special tokens are none of its own.
        spans = [subject_span(lm.tokenizer, "The {}", s) for s in subjects]
        numbers = [i for s in spans for i in s.tokens[s.start : s.stop]]
        ids = torch.tensor(numbers, device=lm.device)
    else:
        ids = torch.arange(lm.sites.vocabulary, device=lm.device)
    with torch.no_grad():
        return float(lm.sites.embedding(ids).float().std())


def trace(
    lm: LanguageModel,
    prompt: str,
    subject: str,
    settings: TraceSettings = TraceSettings(),
    *,
    sigma: float | None = None,
    answer: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Trace:
    """Trace one prompt.

    Args:
        lm: the model.
        prompt: a prompt with the subject in it, or a template with ``{}`` in the subject's place.
        subject: the subject.
        settings: how.
        sigma: standard deviation of the noise; by default from the subject's own embeddings.
        answer: the token to follow; by default the likeliest next token of the clean run.
        progress: called with restored tokens done and to be done, over all kinds.

    Returns:
        The indirect effects.

    Raises:
        FactError: the subject is not in the prompt.
        ModelError: no such kind of restoration.

    Source: Meng et al. 2022, section 2 and appendix B.
    """
    if not subject.strip():
        raise FactError("the subject is empty")
    template = as_template(prompt, subject)
    span = subject_span(lm.tokenizer, template, subject)
    ids = lm.encode(template.replace("{}", subject))
    sigma = settings.noise * embedding_deviation(lm, [subject]) if sigma is None else sigma
    runs = _Runs.make(lm, ids, (span.start, span.stop), sigma, settings, answer)
    window = settings.window_for(lm.n_layers)
    shape = (settings.samples, ids.shape[1], lm.n_layers)
    last = span.last_subject_token
    tokens = range(span.start, ids.shape[1]) if settings.tokens == "all" else [last]
    effects: dict[str, Tensor] = {}
    spread: dict[str, Tensor] = {}
    done = 0
    for kind in settings.kinds:
        probability = runs.corrupted_probability[:, None, None].expand(shape).clone()
        for t in tokens:
            probability[:, t] = runs.restored(kind, t, window, settings.rows)
            done += 1
            if progress is not None:
                progress(done, len(tokens) * len(settings.kinds))
        gain = probability - runs.corrupted_probability[:, None, None]
        effects[kind] = gain.mean(0).cpu()
        spread[kind] = gain.std(0, correction=0).cpu()
    return Trace(
        prompt=template.replace("{}", subject),
        subject=subject,
        answer=lm.decode([runs.answer]),
        tokens=tuple(lm.decode([int(i)]) for i in ids[0]),
        subject_span=(span.start, span.stop),
        clean=runs.clean_probability,
        corrupted=float(runs.corrupted_probability.mean()),
        corrupted_samples=tuple(runs.corrupted_probability.tolist()),
        effects=effects,
        spread=spread,
        sigma=sigma,
        window=window,
        seed=settings.seed,
    )


@dataclass(frozen=True)
class _Runs:
    """The clean and the corrupted run of a prompt, kept for every restoration."""

    lm: LanguageModel
    clean: Run
    corrupted: Run
    answer: int
    clean_probability: float
    corrupted_probability: Float[Tensor, " sample"]

    @classmethod
    def make(
        cls,
        lm: LanguageModel,
        ids: Tensor,
        span: tuple[int, int],
        sigma: float,
        settings: TraceSettings,
        answer: int | None,
    ) -> "_Runs":
        roles = ("state", "mlp", "attention")
        clean = lm.run(ids, keep=roles, read="last")
        assert clean.logits is not None
        clean_p = clean.logits[0, -1].float().softmax(-1)
        answer = int(clean_p.argmax()) if answer is None else answer
        noise = subject_noise(
            settings.samples, ids.shape[1], lm.sites.width, span, sigma, settings.seed
        ).to(lm.device)
        corrupted = lm.run(
            ids.expand(settings.samples, -1),
            keep=roles,
            keep_cache=True,
            noise=noise,
            read="last",
        )
        assert corrupted.logits is not None
        probability = corrupted.logits[:, -1].float().softmax(-1)[:, answer]
        return cls(lm, clean, corrupted, answer, float(clean_p[answer]), probability)

    def restored(self, kind: Kind, t: int, window: int, rows: int) -> Float[Tensor, "sample layer"]:
        """Probability of the answer with the states of token t restored, at every layer."""
        n, samples = self.lm.n_layers, self.corrupted_probability.shape[0]
        time = self.corrupted.entering.shape[1] - t
        assert self.corrupted.cache is not None
        prefix = self.corrupted.cache.before(t)
        # Cells of neighbouring layers share a pass; each row runs from its own layer only.
        share = max(1, rows // (samples * time))
        out = []
        for first in range(0, n, share):
            layers = range(first, min(n, first + share))
            out.append(self._pass(kind, t, layers, window, prefix).reshape(-1, samples).T)
        return torch.cat(out, 1)

    @torch.no_grad()
    def _pass(
        self, kind: Kind, t: int, layers: range, window: int, prefix: KeyValues
    ) -> Float[Tensor, " row"]:
        n, samples = self.lm.n_layers, self.corrupted_probability.shape[0]
        rows = torch.arange(samples, device=self.lm.device)
        joins: dict[int, list[Tensor]] = {}
        patches: dict[str, dict[int, Patch]] = {"mlp": {}, "attention": {}}
        if kind in ("mlp", "attention"):
            for low, _ in (window_of(layer, window, n) for layer in layers):
                joins.setdefault(low, []).append(self.corrupted.state_before(low)[:, t:])
            for j in range(min(joins), n):
                covered = [
                    i
                    for i, layer in enumerate(layers)
                    if window_of(layer, window, n)[0] <= j < window_of(layer, window, n)[1]
                ]
                if covered:
                    part = slice(covered[0] * samples, (covered[-1] + 1) * samples)
                    patches[kind][j] = _put(part, self.clean.kept[kind][j][:, t])
        else:
            for layer in layers:
                state = self.corrupted.state_before(layer + 1)[:, t:].clone()
                state[:, 0] = self.clean.state_before(layer + 1)[:, t]
                joins.setdefault(layer + 1, []).append(state)
            if kind.startswith("severed-"):
                role = "mlp" if kind == "severed-mlp" else "attention"
                for j in range(min(joins), n):
                    patches[role][j] = _hold(self.corrupted.kept[role][j][:, t])
        joining = {
            j: Joining(torch.cat(states), rows.repeat(len(states))) for j, states in joins.items()
        }
        logits = self.lm.replay(joining, prefix, **patches)
        return logits[:, -1].float().softmax(-1)[:, self.answer]


def subject_noise(
    samples: int, time: int, width: int, span: tuple[int, int], sigma: float, seed: int
) -> Float[Tensor, "sample time width"]:
    """Gaussian noise on the subject's tokens; sample s is the same however many are drawn.

    Drawn on the CPU, so that it is the same whatever the model runs on.
    """
    noise = torch.zeros(samples, time, width, device="cpu")
    generator = torch.Generator("cpu").manual_seed(seed)
    for s in range(samples):
        noise[s, span[0] : span[1]] = sigma * torch.randn(
            span[1] - span[0], width, generator=generator, device="cpu"
        )
    return noise


def window_of(layer: int, width: int, n_layers: int) -> tuple[int, int]:
    """First and one past the last block of the window centred on a block."""
    low = max(0, layer - width // 2)
    return low, min(n_layers, layer - width // 2 + width)


def _put(rows: slice, value: Tensor) -> Patch:
    def patch(output: Tensor) -> Tensor:
        output = output.clone()
        output[rows, 0] = value
        return output

    return patch


def _hold(value: Float[Tensor, "sample width"]) -> Patch:
    def patch(output: Tensor) -> Tensor:
        output = output.clone()
        output[:, 0] = value.repeat(output.shape[0] // value.shape[0], 1)
        return output

    return patch
