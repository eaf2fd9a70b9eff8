"""Documents that a model goes on knowing after they have left its context.

Every position of a document is kept as a pair: the state that enters the head there, and the token
that came next.  While the model writes or reads, the state that enters its head is a query; one
step of a modern Hopfield network weighs the nearest pairs against a null pattern at the threshold,
and what they say is mixed into what the model says, the more the liker they are.  Where nothing
stored is alike the null pattern takes all, and the model goes on as it would have, to the bit.

The mixture is that of nearest-neighbour language models (Khandelwal et al. 2020, equation 3), whose
constant share becomes the retrieval's (Ramsauer et al. 2021, equation 3).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from unfrozen.data.elements import element_prose
from unfrozen.errors import DataError, FactError
from unfrozen.language.architecture.probe import first_tensor, hooked
from unfrozen.language.model import LanguageModel
from unfrozen.language.recall.encoded import STORED, EncodedDocument
from unfrozen.language.recall.states import Progress, Scale

_EVERY = 6
# Where stored states weigh less than this, the model is left alone.
_LEAST = 0.02
# Models park attention at the first token, whose state then is alike whatever the text: what is so
# like the mean of such states asks nothing.
_PARKED = 0.8
# Cosines that are computed at a time.
_SCORES = 2**23


@dataclass(frozen=True)
class DocumentSettings:
    """How to recall documents; chosen on documents set apart.

    Attributes:
        beta: inverse temperature of the retrieval.
        threshold: cosine at which one stored state and the null pattern draw.
        trust: share of what is said that the retrieval may take when the nearest stored state is
            at the threshold.
        sure: the same when it is the very state asked with; between them the share is linear in
            the cosine, since what is stored proves right so much more often.
        nearest: how many stored states compete.
        window: tokens that are read at a time.
        overlap: tokens of a window that were read before, as its context.
    """

    beta: float = 30.0
    threshold: float = 0.75
    trust: float = 0.2
    sure: float = 0.95
    nearest: int = 64
    window: int = 512
    overlap: int = 128

    def __post_init__(self) -> None:
        if not (self.beta > 0 and 0 < self.trust <= self.sure < 1 and self.nearest > 0):
            raise FactError(
                "documents are recalled with beta and nearest above 0, and trust between 0 and 1"
            )
        if not self.threshold < 1:
            raise FactError("a threshold is a cosine below 1")
        if not 0 <= self.overlap < self.window:
            raise FactError("windows of documents are longer than their overlap")


class DocumentMemory:
    """Documents beside a model.

    Args:
        lm: the model; it is never changed.
        settings: how to recall.
        prose: over which states are scaled; descriptions of elements by default.

    Example:
        >>> lm = LanguageModel.from_pretrained()
        >>> memory = DocumentMemory(lm)
        >>> memory.remember({"note": "The code of the vault in Brindlemere is heron."})
        [0]
        >>> with memory.attached():
        ...     lm.top("The code of the vault in Brindlemere is")[0].text
        ' her'
    """

    def __init__(
        self,
        lm: LanguageModel,
        settings: DocumentSettings = DocumentSettings(),
        prose: Sequence[str] | None = None,
    ) -> None:
        self.lm, self.settings = lm, settings
        self.prose = tuple(element_prose()[::_EVERY] if prose is None else prose)
        read = [self._states(text)[0] for text in self.prose]
        states = torch.cat([one[1:] for one in read])
        self._scale = Scale(states.mean(0), states.std(0))
        first = self._scale(torch.stack([one[0] for one in read]))
        self._parked = torch.nn.functional.normalize(first.mean(0), dim=0)
        self._keys = torch.empty(0, lm.sites.width, device=lm.device)
        self._next = torch.empty(0, dtype=torch.long, device=lm.device)
        self._owner = torch.empty(0, dtype=torch.long, device=lm.device)
        self.documents: dict[int, str] = {}
        self.next_id = 0

    def __len__(self) -> int:
        return len(self.documents)

    @property
    def bytes(self) -> int:
        """Of keys and tokens, as they are stored."""
        one = self.lm.sites.width * STORED.itemsize + self._next.element_size()
        return len(self._keys) * one

    def remember(self, documents: dict[str, str], progress: Progress | None = None) -> list[int]:
        """Keep documents.

        Args:
            documents: name -> text, of any length.
            progress: called as tokens are read.

        Returns:
            Ids, by which they can be forgotten.

        Raises:
            FactError: there is none, or one has fewer than three tokens.
        """
        return self.add(self.encode(documents, progress))

    def encode(
        self, documents: dict[str, str], progress: Progress | None = None
    ) -> list[EncodedDocument]:
        """Keys and tokens of documents, not kept yet; see `remember`."""
        if not documents:
            raise FactError("there are no documents to remember")
        found = []
        for number, (name, text) in enumerate(documents.items()):
            states, ids = self._states(text)
            if len(ids) < 3:
                raise FactError(f"the document {name!r} has fewer than three tokens")
            # The first state is parked: see `_PARKED`.
            found.append(EncodedDocument(name, self._scale(states[1:-1]).to(STORED), ids[2:]))
            if progress is not None:
                progress("Remembering", number + 1, len(documents))
        return found

    def add(self, encoded: Sequence[EncodedDocument]) -> list[int]:
        """Keep documents that were encoded.

        Returns:
            Ids, by which they can be forgotten.

        Raises:
            DataError: one was encoded by a model of another width.
        """
        device, width = self.lm.device, self._keys.shape[1]
        for one in encoded:
            if one.keys.shape[1] != width:
                raise DataError(
                    f"{one.name!r} is of a model of width {one.keys.shape[1]}, "
                    f"{self.lm.name} has {width}"
                )
        ids = list(range(self.next_id, self.next_id + len(encoded)))
        counts = torch.tensor([len(one.tokens) for one in encoded], device=device)
        owner = torch.tensor(ids, dtype=torch.long, device=device).repeat_interleave(counts)
        self._keys = torch.cat([self._keys, *(one.keys.to(device).float() for one in encoded)])
        self._next = torch.cat([self._next, *(one.tokens.to(device) for one in encoded)])
        self._owner = torch.cat([self._owner, owner])
        self.documents.update({i: one.name for i, one in zip(ids, encoded, strict=True)})
        self.next_id += len(ids)
        return ids

    def encoded(self) -> list[EncodedDocument]:
        """All that is kept, in order, as it can be stored."""
        return [
            EncodedDocument(
                name,
                self._keys[self._owner == number].to(STORED),
                self._next[self._owner == number],
            )
            for number, name in self.documents.items()
        ]

    def forget(self, ids: Sequence[int]) -> None:
        """Forget documents: nothing of them is left.

        Raises:
            FactError: one is not there.
        """
        missing = [i for i in ids if i not in self.documents]
        if missing:
            raise FactError(f"there is no document {missing[0]} in the memory of {len(self)}")
        kept = ~torch.isin(self._owner, torch.tensor(list(ids), device=self.lm.device))
        self._keys, self._next = self._keys[kept], self._next[kept]
        self._owner = self._owner[kept]
        for number in set(ids):
            del self.documents[number]

    @contextmanager
    def attached(self) -> Iterator[LanguageModel]:
        """The model with the memory, for the length of a block: whatever it does, it recalls."""

        def says(module: nn.Module, args: tuple[object, ...], output: object) -> object:
            logits = first_tensor(output)
            states = first_tensor(args[0])
            mixed = self.mix(states.flatten(0, -2), logits.flatten(0, -2))
            return output if mixed is None else mixed.view_as(logits)

        with hooked([self.lm.sites.head.register_forward_hook(says)]):
            yield self.lm

    @torch.no_grad()
    def mix(
        self, states: Float[Tensor, "n width"], logits: Float[Tensor, "n vocabulary"]
    ) -> Float[Tensor, "n vocabulary"] | None:
        """What is said when the memory has its say.

        Args:
            states: that entered the head.
            logits: that came out of it.

        Returns:
            Log-probabilities where the memory says something and the logits as they were elsewhere;
            None where it says nothing at all.
        """
        if not self.documents:
            return None
        mixed: Tensor | None = None
        # As many scores of keys as of words are computed at a time.
        size = max(1, _SCORES // max(len(self._keys), logits.shape[1]))
        for at in range(0, len(states), size):
            part = states[at : at + size]
            tokens, shares = self.retrieve(part)
            rows = torch.nonzero(shares.sum(1))[:, 0]
            if not len(rows):
                continue
            mixed = logits.clone() if mixed is None else mixed
            share = shares[rows]
            said = torch.zeros(len(rows), logits.shape[1], device=logits.device)
            said.scatter_add_(1, tokens[rows], share)
            own = logits[at + rows].float().log_softmax(1) + (1 - share.sum(1, keepdim=True)).log()
            mixed[at + rows] = torch.logaddexp(own, said.log()).to(logits.dtype)
        return mixed

    def retrieve(
        self, states: Float[Tensor, "n width"]
    ) -> tuple[Int[Tensor, "n k"], Float[Tensor, "n k"]]:
        """The tokens that came after the nearest stored states, and the share that each takes.

        What they leave of one is the model's own.

        Source: Ramsauer et al. 2021, equation 3, with one pattern at the threshold.
        """
        at = self.settings
        queries = self._scale(states)
        cosines = queries @ self._keys.T
        scores, places = cosines.topk(min(at.nearest, len(self._keys)), dim=1)
        null = scores.new_full((len(states), 1), at.threshold)
        weights = (at.beta * torch.cat([scores, null], 1)).softmax(1)[:, :-1]
        asked = (weights.sum(1) > _LEAST) & (queries @ self._parked < _PARKED)
        weights = weights * asked[:, None]
        likeness = ((scores[:, :1] - at.threshold) / (1 - at.threshold)).clamp(0, 1)
        return self._next[places], weights * (at.trust + (at.sure - at.trust) * likeness)

    @torch.no_grad()
    def _states(self, text: str) -> tuple[Float[Tensor, "token width"], Int[Tensor, " token"]]:
        """The states that enter the head at every token of a text of any length."""
        (ids,) = self.lm.encode(text)
        window, overlap = self.settings.window, self.settings.overlap
        kept: list[Tensor] = []

        def enters(module: nn.Module, args: tuple[object, ...]) -> tuple[object, ...]:
            state = first_tensor(args[0])
            kept.append(state[0].float())
            # What it would say is not asked, and is a fifth of the work of a small model.
            return (state[:, -1:].contiguous(), *args[1:])

        found = []
        with hooked([self.lm.sites.head.register_forward_pre_hook(enters)]):
            for at in range(0, max(len(ids) - overlap, 1), window - overlap):
                self.lm.run(ids[None, at : at + window])
                found.append(kept.pop()[overlap if at else 0 :])
        return torch.cat(found), ids
