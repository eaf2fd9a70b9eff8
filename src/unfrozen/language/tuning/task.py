"""Examples as a language model reads them, and how well it does: loss, accuracy, F1."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from unfrozen.errors import DataError
from unfrozen.language.architecture.probe import hooked
from unfrozen.language.architecture.replay import Joining, KeyValues, reading, resume
from unfrozen.language.likelihood import token_log_probabilities
from unfrozen.language.model import LanguageModel
from unfrozen.language.tuning.examples import Example
from unfrozen.language.tuning.heading import OnlyTokens
from unfrozen.language.tuning.rounding import KeptRounded


@dataclass(frozen=True)
class _Rows:
    """Texts that are scored: each a row of tokens, and where what is scored stands.

    Attributes:
        tokens: padded on the right.
        read: the positions before the tokens that are scored; the first where a row has fewer.
        targets: those tokens.
        counts: how many of them each row has.
        lengths: tokens of each row, without padding.
    """

    tokens: Int[Tensor, "row time"]
    read: Int[Tensor, "row read"]
    targets: Int[Tensor, "row read"]
    counts: Int[Tensor, " row"]
    lengths: tuple[int, ...]


class Task:
    """Examples for one model.

    Where every choice is one token, a prompt is read once and its last place tells of them all.

    Args:
        lm: the model.
        examples: that it is tuned or measured on.
        bfloat16: whether it reads in bfloat16, whatever its weights are kept in.
        prefix: keys and values that every text is read after, see `prefix_of`; no gradient comes
            back to them.
        first: block below which the model stays as it is: what the blocks below say of a text is
            computed once and kept, in memory of its tokens times the model's width.  In bfloat16,
            weights above that nothing moves are rounded once and kept too, in half their memory.

    Raises:
        DataError: there are no examples, some have choices and some not, or numbers of choices
            differ.
        ModelError: a text is longer than the model can read, or there is no such block.
    """

    def __init__(
        self,
        lm: LanguageModel,
        examples: Sequence[Example],
        *,
        bfloat16: bool = False,
        prefix: KeyValues | None = None,
        first: int = 0,
    ) -> None:
        if prefix is not None and first:
            raise DataError("after a prefix, no block reads the same in every step: leave first 0")
        self.first = lm.layer(first)
        # Tokens of a text, and in what precision they are read -> the state in which the text
        # enters the first block that may change.
        self._entering: dict[tuple[bool, tuple[int, ...]], Float[Tensor, "time width"]] = {}
        self._below: tuple[tuple[int, int], ...] = ()
        above = [*(block.block for block in lm.sites.blocks[first:]), lm.sites.head]
        self.rounded = KeptRounded(above if first else ())
        kinds = {len(example.choices) for example in examples}
        if len(kinds) != 1:
            raise DataError("give examples that all have as many choices, or none")
        self.lm, self.examples, self.bfloat16 = lm, list(examples), bfloat16
        self.prefix = prefix
        self.n_choices = kinds.pop()
        self.prompts = [lm.encode(example.prompt)[0].tolist() for example in examples]
        said = [example.choices or (example.completion,) for example in examples]
        self.said = [[self._continued(text) for text in texts] for texts in said]
        before = 0 if prefix is None else prefix.keys[0].shape[-2]
        lm.check_length(
            before
            + max(
                len(prompt) + max(map(len, texts))
                for prompt, texts in zip(self.prompts, self.said, strict=True)
            )
        )
        self.answers = torch.tensor(
            [e.choices.index(e.completion) if e.choices else 0 for e in examples],
            device=lm.device,
        )
        self.classes = bool(self.n_choices) and len({e.choices for e in examples}) == 1
        self.single = bool(self.n_choices) and all(
            len(texts) == self.n_choices and all(len(text) == 1 for text in texts)
            and len({text[0] for text in texts}) == self.n_choices
            for texts in self.said
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.examples)

    def scores(self, which: Sequence[int]) -> Float[Tensor, "example choice"]:
        """Log-probabilities of all choices, or of the completion, summed over tokens.

        Args:
            which: of the examples.
        """
        if self.single:
            rows = self._rows([(self.prompts[i], [0]) for i in which])
            logits = self._logits(rows)[:, 0].float()
            asked = torch.tensor(
                [[text[0] for text in self.said[i]] for i in which], device=logits.device
            )
            return logits.log_softmax(-1).gather(1, asked)
        rows = self._rows([(self.prompts[i], text) for i in which for text in self.said[i]])
        said = token_log_probabilities(self._logits(rows), rows.targets)
        places = torch.arange(rows.targets.shape[1], device=said.device)
        summed = said.masked_fill(places >= rows.counts[:, None], 0.0).sum(1)
        return summed.view(len(which), -1)

    def loss(self, which: Sequence[int]) -> Float[Tensor, ""]:
        """Mean surprise: at the right choice among the choices, or at the completion, a token.

        Args:
            which: of the examples.
        """
        return self.loss_of(self._compared(which), which)

    def loss_of(
        self, scores: Float[Tensor, "example choice"], which: Sequence[int]
    ) -> Float[Tensor, ""]:
        """`loss`, of scores that are known; those of choices but for a constant of each example."""
        if self.n_choices:
            return F.cross_entropy(scores, self.answers[list(which)])
        lengths = sum(len(self.said[i][0]) for i in which)
        return -scores.sum() / lengths

    @torch.no_grad()
    def chosen(self, which: Sequence[int], batch: int = 32) -> Int[Tensor, " example"]:
        """The likeliest choice of each example.

        Args:
            which: of the examples.
            batch: how many are read at once.

        Raises:
            DataError: the examples have no choices.
        """
        if not self.n_choices:
            raise DataError("examples without choices are not right or wrong: measure their loss")
        parts = [which[i : i + batch] for i in range(0, len(which), batch)]
        return torch.cat([self._compared(part).argmax(1) for part in parts])

    @torch.no_grad()
    def generated(self, which: Sequence[int], tokens: int) -> list[str]:
        """What the model writes after prompts, at each step the likeliest token.

        Args:
            which: of the examples.
            tokens: how many to write.

        Raises:
            DataError: the task has a prefix, after which nothing is written here.
        """
        if self.prefix is not None:
            raise DataError("texts are written without a prefix")
        with torch.autocast(self.lm.device.type, torch.bfloat16, enabled=self.bfloat16):
            return self.lm.generate([self.examples[i].prompt for i in which], tokens)

    def accuracy(self, which: Sequence[int], batch: int = 32) -> float:
        """Share of examples whose likeliest choice is right."""
        right = self.chosen(which, batch) == self.answers[list(which)]
        return float(right.double().mean())

    def f1(self, which: Sequence[int], batch: int = 32) -> float:
        """F1 of each choice, averaged over choices: 2 right / (chosen + true).

        Raises:
            DataError: examples have no choices, or not the same ones in the same order.
        """
        if not self.classes:
            raise DataError("F1 is of classes: give every example the same choices, in one order")
        return self.f1_of(self.chosen(which, batch), self.answers[list(which)])

    def f1_of(self, chosen: Int[Tensor, " example"], true: Int[Tensor, " example"]) -> float:
        """`f1`, of choices that are known."""
        each = []
        for choice in range(self.n_choices):
            both = int(((chosen == choice) & (true == choice)).sum())
            total = int((chosen == choice).sum()) + int((true == choice).sum())
            each.append(2 * both / total if total else 0.0)
        return sum(each) / len(each)

    def _compared(self, which: Sequence[int]) -> Float[Tensor, "example choice"]:
        """`scores`; but for a constant of each example where that is cheaper."""
        head = self.lm.sites.head
        if not (self.single and self.classes and isinstance(head, nn.Linear)):
            return self.scores(which)
        rows = self._rows([(self.prompts[i], [0]) for i in which])
        asked = OnlyTokens(head, torch.tensor([text[0] for text in self.said[0]]))
        return self._logits(rows, asked)[:, 0].float()

    def _continued(self, text: str) -> list[int]:
        ids = list(self.lm.tokenizer(text, add_special_tokens=False)["input_ids"])
        if not ids:
            raise DataError(f"{text!r} has no tokens")
        return ids

    def _rows(self, texts: Sequence[tuple[list[int], list[int]]]) -> _Rows:
        device = self.lm.device
        # The last token is never read from.
        rows = [(prompt + said)[:-1] for prompt, said in texts]
        counts = torch.tensor([len(said) for _, said in texts])
        tokens = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        targets = torch.zeros(len(rows), int(counts.max()), dtype=torch.long)
        for i, (row, (_, said)) in enumerate(zip(rows, texts, strict=True)):
            tokens[i, : len(row)] = torch.tensor(row)
            targets[i, : len(said)] = torch.tensor(said)
        begins = torch.tensor([len(prompt) - 1 for prompt, _ in texts])
        read = begins[:, None] + torch.arange(targets.shape[1])
        last = torch.tensor([len(row) - 1 for row in rows])
        read = read.minimum(last[:, None])
        return _Rows(
            tokens.to(device), read.to(device), targets.to(device), counts.to(device),
            tuple(map(len, rows)),
        )  # fmt: skip

    def _logits(
        self, rows: _Rows, only: OnlyTokens | None = None
    ) -> Float[Tensor, "row read token"]:
        asked = only or nullcontext()
        with torch.autocast(self.lm.device.type, torch.bfloat16, enabled=self.bfloat16):
            if self.prefix is not None:
                lm, same = self.lm, torch.zeros(len(rows.tokens), dtype=torch.long)
                with asked:
                    return resume(
                        lm.model, lm.sites, rows.tokens, self.prefix, same.to(lm.device), rows.read
                    )
            if self.first:
                states = self._states(rows)
                prefix = KeyValues.none(self.lm.n_layers, states)
                none = torch.zeros(len(states), dtype=torch.long, device=states.device)
                joins = {self.first: Joining(states, none)}
                # What is asked comes last: it knows the head by its weight, not by a copy.
                with self.rounded if self.bfloat16 else nullcontext(), asked:
                    return self.lm.replay(joins, prefix, read=rows.read)
            handle = self.lm.sites.head.register_forward_pre_hook(reading(rows.read))
            with hooked([handle]), asked:
                return self.lm.model(input_ids=rows.tokens, use_cache=False).logits

    def _states(self, rows: _Rows) -> Float[Tensor, "row time width"]:
        """What enters the first block that may change; padding is never looked at."""
        below = [self.lm.sites.embedding, *(b.block for b in self.lm.sites.blocks[: self.first])]
        now = tuple((p.data_ptr(), p._version) for part in below for p in part.parameters())
        if now != self._below:
            # Something was written to them since.
            self._entering.clear()
            self._below = now
        texts = [
            (self.bfloat16, tuple(row[:length]))
            for row, length in zip(rows.tokens.tolist(), rows.lengths, strict=True)
        ]
        if unread := [text for text in dict.fromkeys(texts) if text not in self._entering]:
            # Kept while these are read: for each alone, autocast would round all weights again.
            rounded = KeptRounded(below if self.bfloat16 else ())
            for text in unread:
                with rounded:
                    self._entering[text] = self._read(text[1])
        return pad_sequence([self._entering[text] for text in texts], batch_first=True)

    def _read(self, text: tuple[int, ...]) -> Float[Tensor, "time width"]:
        # Alone: beside others it would be rounded otherwise, and what is kept would depend on what
        # was asked first.
        last = self.first - 1
        ids = torch.tensor([text], device=self.lm.device)
        run = self.lm.run(ids, keep=("state",), keep_layers=(last,), stop_after=last)
        return run.kept["state"][last][0]
