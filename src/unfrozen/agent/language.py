"""Facts that a language model is asked about: told in words, kept beside it, never in its weights.

The slots of a `FactMemory` stay the record, so that a life can be told, folded and taken back.
What they hold is encoded into the memory over the model's hidden states
(`unfrozen.language.recall`), and a question is a prompt: the model reads it with its memory
attached and says which answer is the likeliest.
"""

import copy
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch

from unfrozen.agent.memories import Answer, FactMemory
from unfrozen.agent.memories.facts import Told
from unfrozen.language.evaluation.scores import answers as scored
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.language.recall import FactMemory as StateMemory
from unfrozen.language.recall.encoded import EncodedFacts


@lru_cache(maxsize=1)
def language_model(name: str) -> LanguageModel:
    """A language model by its name; the last one is kept.

    Raises:
        DataError: there is none.
    """
    return LanguageModel.from_pretrained(name)


@lru_cache(maxsize=1)
def _empty(lm: LanguageModel) -> StateMemory:
    """A memory over a model's states, with nothing in it: to find the scales takes seconds."""
    return StateMemory(lm)


PROMPTS = {"is at": "The {} is at the", "is sold by": "The {} is sold by the"}


class LanguageFacts(FactMemory):
    """Facts as slots, and a language model that is asked about them.

    Args:
        lm: never changed.
        names: of whom and what facts can be, by which slots are told in words.

    Example:
        >>> from unfrozen.language.model import LanguageModel
        >>> facts = LanguageFacts(LanguageModel.from_pretrained(), ("baker", "mill", "harbour"))
        >>> _ = facts.hold("baker", "is at", "harbour", time=0)
        >>> facts.ask("baker", "is at", ("mill", "harbour")).name
        'harbour'
    """

    def __init__(self, lm: LanguageModel, names: Sequence[str]) -> None:
        super().__init__()
        self.lm, self.names = lm, tuple(names)
        self._states = copy.deepcopy(_empty(lm), {id(lm): lm})
        self._encoded: dict[tuple[str, str, str], EncodedFacts] = {}
        # What the states hold: (subject, relation) -> (answer, slot, number in the states).
        self._held: dict[tuple[str, str], tuple[str, int, int]] = {}
        self._version, self._asked = (-1, -1), dict[tuple[str, str, tuple[str, ...]], Answer]()

    def __deepcopy__(self, memo: dict[int, Any]) -> "LanguageFacts":
        # The model is never changed: copies share it.
        memo[id(self.lm)] = self.lm
        other = memo[id(self)] = LanguageFacts.__new__(LanguageFacts)
        for name, value in vars(self).items():
            setattr(other, name, copy.deepcopy(value, memo))
        return other

    @property
    def bytes(self) -> int:
        """Of slots and states."""
        return super().bytes + self._states.bytes

    def ask(self, subject: str, relation: str, answers: Sequence[str]) -> Answer:
        """The answer that the model finds the likeliest; none about what it was told nothing of."""
        self._follow()
        held = self._held.get((subject, relation))
        if held is None or not answers:
            return Answer(None, 0.0)
        key = (subject, relation, tuple(answers))
        if key not in self._asked:
            prompt = PROMPTS[relation].format(subject)
            with self._states.attached():
                found = scored(self.lm, [(prompt, name) for name in answers])
            chances = [one.probability for one in found]
            best = max(range(len(answers)), key=lambda i: chances[i])
            share = chances[best] / sum(chances)
            self._asked[key] = Answer(answers[best], share, ((held[1], 1.0),))
        return self._asked[key]

    def _follow(self) -> None:
        """Bring the states to what the slots hold now."""
        version = (self.slots.next_id, len(self.slots))
        if version == self._version:
            return
        self._version = version
        self._asked.clear()
        latest: dict[tuple[str, str], Told] = {}
        for told in self.told(self.names):
            latest[told.subject, told.relation] = told
        wanted = {key: told for key, told in latest.items() if told.holds}
        gone = [
            key for key, (answer, _, _) in self._held.items()
            if key not in wanted or wanted[key].answer != answer
        ]  # fmt: skip
        if gone:
            self._states.forget([self._held.pop(key)[2] for key in gone])
        for key, told in wanted.items():
            if key in self._held:
                answer, _, number = self._held[key]
                self._held[key] = answer, told.slot, number
                continue
            (number,) = self._states.add(self._encode(told))
            self._held[key] = told.answer, told.slot, number

    def _encode(self, told: Told) -> EncodedFacts:
        key = (told.subject, told.relation, told.answer)
        if key not in self._encoded:
            fact = Fact(told.subject, PROMPTS[told.relation], None, told.answer)
            # What makes the model say a word is found by a gradient; decisions are made without.
            with torch.enable_grad():
                self._encoded[key] = self._states.encode([fact])
        return self._encoded[key]
