"""The contexts in which an edit must hold: prefixes, and the batch of prompts made with them.

ROME averages the subject's key over sampled prefixes and searches its value under them, so that
the edit answers to the subject and not to one sentence (Meng et al. 2022, section 3.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.errors import FactError
from unfrozen.language.architecture.replay import Joining, KeyValues
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.language.subject import encode_target, subject_span

ESSENCE = "{} is a"
"""The prompt whose next-token distribution an edit should leave alone (section 3.1)."""

# Common openings, so that the prefixes differ from their first token on.
_OPENINGS = ("The", "In", "A", "When", "It", "As", "But", "Some", "He", "After", "We", "For")


def sample_prefixes(
    lm: LanguageModel, lengths: Sequence[int] = (5, 10), each: int = 5, seed: int = 0
) -> tuple[str, ...]:
    """Sentences that the model begins by itself, to stand before a prompt.

    Args:
        lm: the model that writes them.
        lengths: how many tokens to write after the opening word.
        each: how many prefixes of each length.
        seed: of the sampling.

    Returns:
        The prefixes, each ending in a full stop and a space; the empty one is not among them.
    """
    generator = torch.Generator(lm.device).manual_seed(seed)
    prefixes: list[str] = []
    for length in lengths:
        openings = [_OPENINGS[(len(prefixes) + i) % len(_OPENINGS)] for i in range(each)]
        written = lm.generate(openings, length, generator=generator, top_k=50)
        prefixes += [
            " ".join(f"{o}{w}".split()).replace("{", "(").replace("}", ")").rstrip(".") + ". "
            for o, w in zip(openings, written, strict=True)
        ]
    return tuple(prefixes)


@dataclass(frozen=True)
class Contexts:
    """Prompts of one fact, run once and kept up to the layer to be edited.

    Row 0 is the plain prompt, then one row a prefix, and last the essence prompt.  Everything
    before the subject's last token is kept, since the edit cannot reach it.

    Attributes:
        layer: the layer to be edited.
        keys: inputs of its down-projection at the subject's last token, of all rows but the last.
        values: outputs of it there.
        joining: states entering the layer, from the subject's last token on.
        prefix: keys and values of what stands before, aligned on the right.
        position_ids: of the tokens replayed.
        mask: which places before and among the replayed tokens a row has.
        read: replayed positions whose next token is a token of the target.
        target: the target's token ids.
    """

    layer: int
    keys: Float[Tensor, "context key"]
    values: Float[Tensor, "context value"]
    joining: Joining
    prefix: KeyValues
    position_ids: Int[Tensor, "row time"]
    mask: Int[Tensor, "row all_time"]
    read: Int[Tensor, "row read"]
    target: Int[Tensor, " read"]

    @classmethod
    def make(cls, lm: LanguageModel, fact: Fact, layer: int, prefixes: Sequence[str]) -> "Contexts":
        """Run the prompts of a fact and keep what the search for a value needs.

        Raises:
            FactError: the fact has no new target, or the subject is not found in a prompt.
            ModelError: no such layer.
        """
        if not fact.target_new:
            raise FactError(f"there is nothing to write for {fact.subject!r}: give a new target")
        layer = lm.layer(layer)
        templates = [fact.prompt, *(p + fact.prompt for p in prefixes), ESSENCE]
        spans = [subject_span(lm.tokenizer, t, fact.subject) for t in templates]
        target = encode_target(lm.tokenizer, spans[0].tokens, fact.target_new)
        rows = [list(s.tokens) + list(target[:-1]) for s in spans[:-1]] + [list(spans[-1].tokens)]
        at = [s.last_subject_token for s in spans]
        ids = pad(rows, lm.device)
        run = lm.run(ids, keep=("state", "key", "mlp"), keep_cache=True, read="last")
        assert run.cache is not None
        where = torch.tensor(at, device=lm.device)
        every = torch.arange(len(rows), device=lm.device)
        time = max(len(r) - a for r, a in zip(rows, at, strict=True))
        index = (where[:, None] + torch.arange(time, device=lm.device)).clamp(max=ids.shape[1] - 1)
        n_read = len(target)
        read = [
            [len(s.tokens) - 1 - a + i for i in range(n_read)]
            for s, a in zip(spans[:-1], at[:-1], strict=True)
        ] + [[0] * n_read]
        return cls(
            layer=layer,
            keys=run.kept["key"][layer][every, where][:-1],
            values=run.kept["mlp"][layer][every, where][:-1],
            joining=Joining(run.state_before(layer)[every[:, None], index], every),
            prefix=run.cache.ending_at(where),
            position_ids=where[:, None] + torch.arange(time, device=lm.device),
            mask=_mask(where, time),
            read=torch.tensor(read, device=lm.device),
            target=torch.tensor(target, device=lm.device),
        )

    def log_probabilities(
        self, lm: LanguageModel, delta: Float[Tensor, " value"]
    ) -> tuple[Float[Tensor, "context read"], Float[Tensor, " vocabulary"]]:
        """What the model says when ``delta`` is added to the value at the subject's last token.

        Returns:
            Log-probability of each token of the target in each context, and the log-probabilities
            of the essence prompt's next token at the subject's last token.
        """

        def add(output: Tensor) -> Tensor:
            shift = torch.zeros_like(output)
            shift[:, 0] = 1
            return output + shift * delta.to(output.dtype)

        logits = lm.replay(
            {self.layer: self.joining},
            self.prefix,
            position_ids=self.position_ids,
            attention_mask=self.mask,
            mlp={self.layer: add},
            read=self.read,
        )
        logs = logits.float().log_softmax(-1)
        said = logs[:-1].gather(2, self.target[None, :, None].expand(len(logs) - 1, -1, 1))
        return said[..., 0], logs[-1, 0]


def pad(
    rows: Sequence[Sequence[int]], device: torch.device | str = "cpu"
) -> Int[Tensor, "row time"]:
    """Rows of token ids in one tensor, padded on the right: causal attention never sees it."""
    time = max(len(r) for r in rows)
    return torch.tensor([[*r, *([r[-1]] * (time - len(r)))] for r in rows], device=device)


def _mask(where: Int[Tensor, " row"], time: int) -> Int[Tensor, "row all_time"]:
    """Aligned on the right, distances between tokens are right: windows of attention slide so."""
    longest = int(where.max())
    places = torch.arange(longest + time, device=where.device)
    return (places >= longest - where[:, None]).long()
