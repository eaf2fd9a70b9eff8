"""Facts that a model is told while it reads: a Hopfield memory over its hidden states.

No weight is touched.  A fact is kept as keys and a value: the states at its subject's first and
last tokens in a lower layer, which say *who*; the state at the end of its prompt in an upper one,
which says *what about them*; and a state that makes the model say the object.  While the model
reads, its states are queries.  Where a subject is met, the fact's other key competes, in one step
of a modern Hopfield network, with a null pattern at the threshold: what is unlike anything stored
retrieves the null, and the model goes on as it would have.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.data.elements import element_prose
from unfrozen.errors import DataError, FactError
from unfrozen.language.architecture.probe import hooked
from unfrozen.language.editing.prompts import new_target
from unfrozen.language.facts import Fact
from unfrozen.language.facts.fact import plain
from unfrozen.language.model import LanguageModel
from unfrozen.language.recall.encoded import STORED, EncodedFacts
from unfrozen.language.recall.reading import Reader
from unfrozen.language.recall.states import Progress, Scale, saying, scales, states_at
from unfrozen.language.subject import encode_target, subject_span

_EVERY = 6
# The word before a name colours its state the most: so each subject is kept after this one too.
_ALSO = "In {}"
_ROWS = 2048


@dataclass(frozen=True)
class RecallSettings:
    """How to recall.

    Depths and thresholds were chosen on facts set apart; cosines on a layer's own scale mean the
    same for models of one kind.

    Attributes:
        subject_depth: of the layer that tells subjects, as a share of all layers.
        relation_depth: of the layer that tells what is asked.
        subject_threshold: cosine from which a subject counts as met; where another subject that is
            remembered is nearly as like, half way between it and one.
        beginning_threshold: cosine from which a subject that ends there counts as begun where it
            should.
        relation_threshold: cosine at which a fact and the null pattern draw.
        beta: inverse temperature of the retrieval.
    """

    subject_depth: float = 0.28
    relation_depth: float = 0.85
    subject_threshold: float = 0.92
    beginning_threshold: float = 0.6
    relation_threshold: float = 0.78
    beta: float = 200.0


class FactMemory:
    """Facts beside a model.

    Args:
        lm: the model; it is never changed.
        settings: how to recall.
        prose: over which states are scaled; descriptions of elements by default.

    Example:
        >>> lm = LanguageModel.from_pretrained()
        >>> memory = FactMemory(lm)
        >>> memory.remember([Fact("Eiffel Tower", "The {} is in the city of", None, "Rome")])
        [0]
        >>> with memory.attached():
        ...     lm.top("The Eiffel Tower is in the city of")[0].text
        ' Rome'
    """

    def __init__(
        self,
        lm: LanguageModel,
        settings: RecallSettings = RecallSettings(),
        prose: Sequence[str] | None = None,
    ) -> None:
        self.lm, self.settings = lm, settings
        n = lm.n_layers - 1
        self.subject_layer = round(n * settings.subject_depth)
        self.relation_layer = max(round(n * settings.relation_depth), self.subject_layer)
        self.prose = tuple(element_prose()[::_EVERY] if prose is None else prose)
        layers = sorted({self.subject_layer, self.relation_layer})
        self._scales: dict[int, Scale] = scales(lm, self.prose, layers)
        self.facts: dict[int, Fact] = {}
        self.next_id = 0
        width, device = lm.sites.width, lm.device
        self._subjects = torch.empty(0, width, device=device)
        self._subject_ids = torch.empty(0, dtype=torch.long, device=device)
        self._beginnings = torch.empty(0, width, device=device)
        self._lengths = torch.empty(0, dtype=torch.long, device=device)
        # Whose name each subject's key is of, the cosine to the nearest key of another name, and
        # whose that is.
        self._owners = torch.empty(0, dtype=torch.long, device=device)
        self._nearest = torch.empty(0, device=device)
        self._nearest_owner = torch.empty(0, dtype=torch.long, device=device)
        self._names: dict[str, int] = {}
        self._relations = torch.empty(0, width, device=device)
        self._relation_ids = torch.empty(0, dtype=torch.long, device=device)
        self._tokens = torch.empty(0, dtype=torch.long, device=device)
        self._values: dict[int, Tensor] = {}
        self._index()

    def __len__(self) -> int:
        return len(self.facts)

    @property
    def longest(self) -> int:
        """Tokens of the longest subject."""
        return int(self._lengths.max()) if len(self._lengths) else 1

    @property
    def bytes(self) -> int:
        """Of keys and values, as they are stored."""
        tensors = [self._subjects, self._beginnings, self._relations, *self._values.values()]
        return sum(t.numel() for t in tensors) * STORED.itemsize

    def remember(self, facts: Sequence[Fact], progress: Progress | None = None) -> list[int]:
        """Keep facts.

        Args:
            facts: with new targets: what the model shall say.
            progress: called as facts are read.

        Returns:
            Ids, by which they can be forgotten.

        Raises:
            FactError: a fact says nothing, or its subject is not in its prompt.
        """
        return self.add(self.encode(facts, progress))

    def encode(self, facts: Sequence[Fact], progress: Progress | None = None) -> EncodedFacts:
        """Keys and values of facts, not kept yet.

        Args:
            facts: with new targets.
            progress: called as facts are read.

        Raises:
            FactError: a fact says nothing, or its subject is not in its prompt.
        """
        lm = self.lm
        rows, subjects, ends, tokens = [], [], [], []
        more, places = [], []
        for fact in facts:
            span = subject_span(lm.tokenizer, fact.prompt, fact.subject)
            target = encode_target(lm.tokenizer, span.tokens, new_target(fact))
            rows.append([*span.tokens, *target[:-1]])
            subjects.append([span.start, span.last_subject_token])
            ends.append(list(range(len(span.tokens) - 1, len(rows[-1]))))
            tokens.append(target)
            span = subject_span(lm.tokenizer, _ALSO, fact.subject)
            more.append(list(span.tokens))
            places.append([span.start, span.last_subject_token])
        if not rows:
            raise FactError("there are no facts to remember")
        who = [*states_at(lm, rows, subjects, self.subject_layer)]
        who += states_at(lm, more, places, self.subject_layer)
        what = states_at(lm, rows, ends, self.relation_layer, progress)
        ends_of_names = self._scales[self.subject_layer](torch.stack(who)).to(STORED)
        flat = torch.tensor([t for target in tokens for t in target], device=lm.device)
        words = flat.unique()
        return EncodedFacts(
            facts=tuple(facts),
            subjects=ends_of_names[:, 1],
            beginnings=ends_of_names[:, 0],
            lengths=torch.tensor(
                [last - first + 1 for first, last in (*subjects, *places)], device=lm.device
            ),
            relations=self._scales[self.relation_layer](torch.cat(what)).to(STORED),
            counts=torch.tensor([len(t) for t in tokens], device=lm.device),
            tokens=flat,
            words=words,
            values=saying(lm, words).to(STORED),
        )

    def add(self, encoded: EncodedFacts) -> list[int]:
        """Keep facts that were encoded.

        Returns:
            Ids, by which they can be forgotten.

        Raises:
            DataError: they were encoded by a model of another width.
        """
        device, old = self.lm.device, len(self._subjects)
        if encoded.subjects.shape[1] != self._subjects.shape[1]:
            raise DataError(
                f"the facts are of a model of width {encoded.subjects.shape[1]}, "
                f"{self.lm.name} has {self._subjects.shape[1]}"
            )
        ids = list(range(self.next_id, self.next_id + len(encoded.facts)))
        numbers = torch.tensor(ids, dtype=torch.long, device=device)
        whose = [plain(fact.subject) for fact in encoded.facts]
        owners = torch.tensor(
            [self._names.setdefault(name, len(self._names)) for name in whose],
            dtype=torch.long,
            device=device,
        )
        states = {
            k: encoded.tensors()[k].to(device)
            for k in ("subjects", "beginnings", "relations", "values")
        }
        self._subjects = torch.cat([self._subjects, states["subjects"].float()])
        self._subject_ids = torch.cat([self._subject_ids, numbers, numbers])
        self._beginnings = torch.cat([self._beginnings, states["beginnings"].float()])
        self._lengths = torch.cat([self._lengths, encoded.lengths.to(device)])
        self._owners = torch.cat([self._owners, owners, owners])
        self._relations = torch.cat([self._relations, states["relations"].float()])
        spread = numbers.repeat_interleave(encoded.counts.to(device))
        self._relation_ids = torch.cat([self._relation_ids, spread])
        self._tokens = torch.cat([self._tokens, encoded.tokens.to(device)])
        for word, value in zip(encoded.words.tolist(), states["values"].float(), strict=True):
            self._values.setdefault(word, value)
        self.facts.update(dict(zip(ids, encoded.facts, strict=True)))
        self.next_id += len(ids)
        self._compare(torch.arange(old, len(self._subjects), device=device))
        self._index()
        return ids

    def encoded(self) -> EncodedFacts:
        """All that is kept, in order, as it can be stored."""
        ids, counts = self._relation_ids.unique_consecutive(return_counts=True)
        # Each batch of facts has its first keys together, then its second ones.
        first = self._subject_ids.argsort(stable=True).reshape(-1, 2)
        words = self._tokens.unique()
        values = [self._values[word] for word in words.tolist()]
        empty = self._subjects[:0]
        return EncodedFacts(
            facts=tuple(self.facts[number] for number in ids.tolist()),
            subjects=self._subjects[first.T.flatten()].to(STORED),
            beginnings=self._beginnings[first.T.flatten()].to(STORED),
            lengths=self._lengths[first.T.flatten()],
            relations=self._relations.to(STORED),
            counts=counts,
            tokens=self._tokens,
            words=words,
            values=(torch.stack(values) if values else empty).to(STORED),
        )

    def forget(self, ids: Sequence[int]) -> None:
        """Forget facts: nothing of them is left.

        Raises:
            FactError: one is not there.
        """
        missing = [i for i in ids if i not in self.facts]
        if missing:
            raise FactError(f"there is no fact {missing[0]} in the memory of {len(self)}")
        gone = torch.tensor(sorted(set(ids)), dtype=torch.long, device=self.lm.device)
        subjects = ~torch.isin(self._subject_ids, gone)
        relations = ~torch.isin(self._relation_ids, gone)
        lost = self._owners[~subjects].unique()
        names = ("subjects", "subject_ids", "beginnings", "lengths", "owners", "nearest")
        for name in (*names, "nearest_owner"):
            setattr(self, f"_{name}", getattr(self, f"_{name}")[subjects])
        for name in ("relations", "relation_ids", "tokens"):
            setattr(self, f"_{name}", getattr(self, f"_{name}")[relations])
        left = set(self._tokens.tolist())
        self._values = {t: v for t, v in self._values.items() if t in left}
        for number in set(ids):
            del self.facts[number]
        stale = torch.isin(self._nearest_owner, lost)
        self._nearest[stale] = -1.0
        self._compare(torch.nonzero(stale)[:, 0])
        self._index()

    @contextmanager
    def attached(self) -> Iterator[LanguageModel]:
        """The model with the memory, for the length of a block: whatever it does, it recalls."""
        reader = Reader(self)
        blocks = self.lm.sites.blocks
        handles = [
            self.lm.model.register_forward_pre_hook(reader.begins, with_kwargs=True),
            blocks[self.subject_layer].block.register_forward_hook(reader.meets),
            blocks[self.relation_layer].block.register_forward_hook(reader.asks),
            blocks[-1].block.register_forward_hook(reader.says),
        ]
        with hooked(handles):
            yield self.lm

    def entries(self, number: int) -> Tensor:
        """Places of a fact's relation keys, one a token of its target."""
        return self._places[number]

    def _compare(self, rows: Int[Tensor, " row"]) -> None:
        """Find the nearest key of another name, for some keys and for what they are near to."""
        short = len(self._subjects) - len(self._nearest)
        self._nearest = torch.cat([self._nearest, self._nearest.new_full((short,), -1.0)])
        self._nearest_owner = torch.cat(
            [self._nearest_owner, self._nearest_owner.new_full((short,), -1)]
        )
        for part in rows.split(_ROWS) if len(rows) else ():
            cosines = self._subjects[part] @ self._subjects.T
            cosines[self._owners[part, None] == self._owners] = -1.0
            for found, mine, others in (
                (cosines.max(1), part, self._owners),
                (cosines.max(0), slice(None), self._owners[part]),
            ):
                nearer = found.values > self._nearest[mine]
                best = torch.where(nearer, found.values, self._nearest[mine])
                whose = torch.where(nearer, others[found.indices], self._nearest_owner[mine])
                self._nearest[mine], self._nearest_owner[mine] = best, whose

    def _index(self) -> None:
        """Where each fact's entries are, and how like a subject must be to be taken for it."""
        self._thresholds = ((1 + self._nearest) / 2).clamp(min=self.settings.subject_threshold)
        ids, counts = self._relation_ids.unique_consecutive(return_counts=True)
        every = torch.arange(len(self._relation_ids), device=self._relation_ids.device)
        self._places = dict(zip(ids.tolist(), every.split(counts.tolist()), strict=True))

    def retrieve(
        self, entries: Tensor, queries: Float[Tensor, "n width"]
    ) -> Float[Tensor, "n entry"]:
        """Weights of entries against the null pattern, which has what they leave of one.

        Source: Ramsauer et al. 2021, equation 3, with one pattern at the threshold.
        """
        cosines = queries @ self._relations[entries].T
        null = cosines.new_full((len(queries), 1), self.settings.relation_threshold)
        return (self.settings.beta * torch.cat([cosines, null], 1)).softmax(1)[:, :-1]

    def value_of(self, entries: Tensor) -> Float[Tensor, "entry width"]:
        """What entries make the model say."""
        return torch.stack([self._values[t] for t in self._tokens[entries].tolist()])
