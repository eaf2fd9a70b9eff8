"""The prompts of facts, run once and kept: what the search for their values replays.

The prompts of many facts share their passes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from unfrozen.language.architecture.grouped import with_gradient
from unfrozen.language.architecture.replay import Joining, KeyValues
from unfrozen.language.editing.prompts import Prompts
from unfrozen.language.facts import Fact
from unfrozen.language.likelihood import token_log_probabilities
from unfrozen.language.model import LanguageModel
from unfrozen.language.shared_run import SharedRun, run_shared

Site = Literal["mlp", "state"]
"""Where a value is added: to the down-projection's output (ROME) or the block's (MEMIT)."""


@dataclass(frozen=True)
class Rows:
    """Rows of prompts, run once and kept up to where a value is added.

    Everything before the subject's last token is kept, since no value reaches it.

    Attributes:
        joining: states entering the first block that a value changes, from the subject's last
            token on.
        prefix: keys and values of what stands before, aligned on the right.
        position_ids: of the tokens replayed.
        mask: which places before and among the replayed tokens a row has.
        read: replayed positions that are read.
        fact: which fact each row is of.
    """

    joining: Joining
    prefix: KeyValues
    position_ids: Int[Tensor, "row time"]
    mask: Int[Tensor, "row all_time"]
    read: Int[Tensor, "row read"]
    fact: Int[Tensor, " row"]

    @classmethod
    def make(
        cls,
        run: SharedRun,
        joins: int,
        where: Int[Tensor, " all_row"],
        rows: Int[Tensor, " row"],
        read: Int[Tensor, "row read"],
        fact: Int[Tensor, " row"],
        time: int,
    ) -> "Rows":
        """Take some rows out of a run.

        Args:
            run: of all rows.
            joins: the first block that a value changes.
            where: position of the subject's last token in each of all rows.
            rows: which.
            read: see `Rows`.
            fact: see `Rows`.
            time: how many tokens are replayed.
        """
        at = where[rows]
        times = at[:, None] + torch.arange(time, device=at.device)
        nodes = run.places[rows[:, None], times.clamp(max=run.places.shape[1] - 1)]
        entering = run.state_before(joins)[nodes]
        return cls(
            joining=Joining(entering, torch.arange(len(rows), device=at.device)),
            prefix=run.prefix(rows, at),
            position_ids=times,
            mask=places_of(at, time),
            read=read,
            fact=fact,
        )

    def of(self, rows: Int[Tensor, " chosen"], fact: Int[Tensor, " chosen"]) -> "Rows":
        """Some of the rows, with other numbers of facts."""
        every = torch.arange(len(rows), device=rows.device)
        return Rows(
            joining=Joining(self.joining.states[rows], every),
            prefix=KeyValues(
                tuple(k[rows] for k in self.prefix.keys),
                tuple(v[rows] for v in self.prefix.values),
            ),
            position_ids=self.position_ids[rows],
            mask=self.mask[rows],
            read=self.read[rows],
            fact=fact,
        )

    def joined(self, other: "Rows", facts: int) -> "Rows":
        """These rows and others, filled up to one shape.

        Args:
            other: whose facts are numbered from 0.
            facts: how many facts these rows are of.
        """
        both = (self, other)
        starts = torch.cat([r.position_ids[:, 0] for r in both])
        longest, time = int(starts.max()), max(r.position_ids.shape[1] for r in both)
        reads = max(r.read.shape[1] for r in both)
        states = [pad(r.joining.states, (0, 0, 0, time - r.joining.states.shape[1])) for r in both]
        every = torch.arange(len(starts), device=starts.device)
        return Rows(
            joining=Joining(torch.cat(states), every),
            prefix=KeyValues.concatenate([r.prefix for r in both], longest),
            position_ids=starts[:, None] + torch.arange(time, device=starts.device),
            mask=places_of(starts, time),
            read=torch.cat([pad(r.read, (0, reads - r.read.shape[1])) for r in both]),
            fact=torch.cat([self.fact, other.fact + facts]),
        )

    def logits(
        self, lm: LanguageModel, layer: int, site: Site, delta: Float[Tensor, "fact value"]
    ) -> Float[Tensor, "row read vocabulary"]:
        """What the model says when each fact's ``delta`` is added at its subject's last token."""
        shift = delta[self.fact]

        def add(output: Tensor) -> Tensor:
            first = output[:, :1] + shift[:, None].to(output.dtype)
            return torch.cat([first, output[:, 1:]], 1)

        joins, mlp = {layer: self.joining}, {layer: add}
        if site == "state":
            # What a block puts out is what the next one is given.
            joins, mlp = {layer + 1: replace(self.joining, states=add(self.joining.states))}, {}
        with with_gradient(lm.model, lm.dtype):
            return lm.replay(
                joins,
                self.prefix,
                position_ids=self.position_ids,
                attention_mask=self.mask,
                mlp=mlp,
                read=self.read,
            )


@dataclass(frozen=True)
class Contexts:
    """Prompts of some facts, run once and kept up to where a value is added.

    Attributes:
        layer: the block whose output, or whose down-projection's, a value is added to.
        site: which of the two.
        keys: inputs of its down-projection at the subject's last token, a row a context.
        values: outputs of the site there, likewise.
        each: contexts of a fact.
        rows: the contexts; read where the next token is a token of the target.
        essence: the essence prompts, of which nothing behind the subject is replayed; read there.
        target: the target's token ids.
        counted: 1 where there is such a token, 0 where a shorter target is filled up.
    """

    layer: int
    site: Site
    keys: Float[Tensor, "context key"]
    values: Float[Tensor, "context value"]
    each: int
    rows: Rows
    essence: Rows
    target: Int[Tensor, "context read"]
    counted: Float[Tensor, "context read"]

    @classmethod
    def make(
        cls,
        lm: LanguageModel,
        facts: Sequence[Fact],
        layer: int,
        prefixes: Sequence[str],
        site: Site = "mlp",
    ) -> "Contexts":
        """Run the prompts of facts and keep what the search for their values needs.

        Args:
            lm: the model.
            facts: with new targets.
            layer: of the site.
            prefixes: to put before the prompts.
            site: where values are added.

        Raises:
            FactError: a fact has no new target, or its subject is not found in a prompt.
            ModelError: no such layer.
        """
        layer = lm.layer(layer)
        prompts = Prompts.make(lm, facts, prefixes, essence=True)
        where = prompts.where
        # What enters the layer is what the one below puts out.
        kept = {max(layer - 1, 0), layer}
        run = run_shared(
            lm,
            prompts.ids,
            prompts.lengths,
            keep=("state", "key", "mlp"),
            keep_layers=kept,
            keep_cache=True,
        )
        every = torch.arange(len(where), device=lm.device)
        n = len(facts) * prompts.each
        longest = max(map(len, prompts.targets))
        # Filled entry by entry, which is slow anywhere but on the CPU.
        read = torch.zeros(n, longest, dtype=torch.long, device="cpu")
        target = torch.zeros(n, longest, dtype=torch.long, device="cpu")
        counted = torch.zeros(n, longest, device="cpu")
        first = (prompts.lengths - where)[:n].tolist()
        for row, number in enumerate(prompts.fact[:n].tolist()):
            wanted = prompts.targets[number]
            start = first[row] - len(wanted)
            read[row, : len(wanted)] = torch.arange(start, start + len(wanted), device="cpu")
            target[row, : len(wanted)] = torch.tensor(wanted, device="cpu")
            counted[row, : len(wanted)] = 1
        subjects = run.places[every[:n], where[:n]]
        at_subject = torch.zeros(len(facts), 1, dtype=torch.long, device=lm.device)
        taken = (run, layer if site == "mlp" else layer + 1, where)
        return cls(
            layer=layer,
            site=site,
            keys=run.kept["key"][layer][subjects],
            values=run.kept["mlp" if site == "mlp" else "state"][layer][subjects],
            each=prompts.each,
            rows=Rows.make(*taken, every[:n], read.to(lm.device), prompts.fact[:n], max(first)),
            essence=Rows.make(*taken, every[n:], at_subject, prompts.fact[n:], 1),
            target=target.to(lm.device),
            counted=counted.to(lm.device),
        )

    @property
    def n_facts(self) -> int:
        """How many facts there are."""
        return len(self.target) // self.each

    @property
    def plain_values(self) -> Float[Tensor, "fact value"]:
        """The site's output at the subject's last token of the plain prompt."""
        return self.values[:: self.each]

    def of(self, facts: Int[Tensor, " chosen"]) -> "Contexts":
        """The contexts of some of the facts, numbered anew in their order."""
        rows = (facts[:, None] * self.each + torch.arange(self.each, device=facts.device)).flatten()
        order = torch.arange(len(facts), device=facts.device)
        return replace(
            self,
            keys=self.keys[rows],
            values=self.values[rows],
            rows=self.rows.of(rows, order.repeat_interleave(self.each)),
            essence=self.essence.of(facts, order),
            target=self.target[rows],
            counted=self.counted[rows],
        )

    def joined(self, other: "Contexts") -> "Contexts":
        """These contexts and those of other facts, which are numbered behind them."""
        reads = max(self.target.shape[1], other.target.shape[1])

        def filled(name: str) -> Tensor:
            parts = [getattr(c, name) for c in (self, other)]
            return torch.cat([pad(x, (0, reads - x.shape[1])) for x in parts])

        return replace(
            self,
            keys=torch.cat([self.keys, other.keys]),
            values=torch.cat([self.values, other.values]),
            rows=self.rows.joined(other.rows, self.n_facts),
            essence=self.essence.joined(other.essence, self.n_facts),
            target=filled("target"),
            counted=filled("counted"),
        )

    @property
    def tokens(self) -> int:
        """How many tokens a pass replays for each fact."""
        return self.each * self.rows.position_ids.shape[1] + 1

    def log_probabilities(
        self, lm: LanguageModel, delta: Float[Tensor, "fact value"]
    ) -> tuple[Float[Tensor, "context read"], Float[Tensor, "fact vocabulary"]]:
        """What the model says when each fact's ``delta`` is added at its subject's last token.

        Returns:
            Log-probability of each token of the target in each context (0 where there is none),
            and the log-probabilities of the essence prompts' next token at the subject's last
            token.
        """
        asked = self.rows.logits(lm, self.layer, self.site, delta)
        essence = self.essence.logits(lm, self.layer, self.site, delta)[:, 0].float()
        said = token_log_probabilities(asked, self.target)
        return said * self.counted, essence.log_softmax(-1)


def places_of(where: Int[Tensor, " row"], time: int) -> Int[Tensor, "row all_time"]:
    """Which places rows have whose prefix, of length ``where``, is aligned on the right.

    Distances between tokens are then right: windows of attention slide so.
    """
    longest = int(where.max())
    places = torch.arange(longest + time, device=where.device)
    return (places >= longest - where[:, None]).long()
