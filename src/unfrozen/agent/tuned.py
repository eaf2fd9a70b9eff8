"""The same faculties as networks, fine-tuned by backpropagation: what plasticity is compared to.

Each holds what it knows in the weights of a small network. It is trained on all of childhood,
over and over as such networks are; then it takes some steps of Adam on every new thing as it
comes, as one fine-tunes a model whose facts have aged.
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from unfrozen.agent.memories import Answer, Evidence
from unfrozen.agent.memories.facts import vector
from unfrozen.agent.memories.steps import STRENGTH, Step

WIDTH, EPOCHS, UPDATES, RATE, ENOUGH = 128, 1000, 100, 3e-3, 0.1


class _Tuned:
    """A network, its optimizer, and what was asked of them.

    Args:
        n_in: features that are asked.
        n_out: features that are answered.
        seed: of the first weights.
    """

    def __init__(self, n_in: int, n_out: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        # The layers draw weights of their own from the stream that all share.
        with torch.random.fork_rng(devices=()):
            layers = nn.Linear(n_in, WIDTH), nn.ReLU(), nn.Linear(WIDTH, n_out)
        self.network = nn.Sequential(*layers)
        with torch.no_grad():
            for parameter in self.network.parameters():
                bound = 1 / math.sqrt(parameter.shape[-1])
                drawn = torch.rand(parameter.shape, generator=generator)
                parameter.copy_((2 * drawn - 1) * bound)
        self.optimizer = torch.optim.Adam(self.network.parameters(), RATE)
        self.updates = 0

    @property
    def bytes(self) -> int:
        """Of the weights."""
        return sum(4 * p.numel() for p in self.network.parameters())

    @property
    def version(self) -> int:
        """Another number whenever what is known is another."""
        return self.updates

    @torch.enable_grad()
    def _fit(self, losses: Callable[[], Float[Tensor, " n"]], updates: int) -> None:
        """Follow the gradient until the worst of some losses is small, or so many times."""
        for _ in range(updates):
            found = losses()
            if float(found.detach().max()) < ENOUGH:
                break
            self.optimizer.zero_grad()
            found.mean().backward()
            self.optimizer.step()
        self.updates += 1


class TunedFacts(_Tuned):
    """Who is where, in weights; see `FactMemory` for what it is asked."""

    def __init__(self, seed: int = 0) -> None:
        width = len(vector(""))
        super().__init__(2 * width, width, seed)

    def hold(self, subject: str, relation: str, answer: str, *, time: int) -> int:
        """Fine-tune on a fact."""
        return self._tune(subject, relation, answer, 1.0)

    def deny(self, subject: str, relation: str, answer: str, *, time: int) -> int:
        """Fine-tune against a fact."""
        return self._tune(subject, relation, answer, -1.0)

    @torch.no_grad()
    def ask(self, subject: str, relation: str, answers: Sequence[str]) -> Answer:
        """The likeliest of some answers."""
        if not self.updates or not answers:
            return Answer(None, 0.0)
        answer = self.network(_asked(subject, relation))
        scores = torch.stack([vector(name) for name in answers]) @ answer
        chances = (8 * scores).softmax(0)
        best = int(chances.argmax())
        return Answer(answers[best], float(chances[best]))

    def knows(self, subject: str, relation: str, answer: str, answers: Sequence[str]) -> bool:
        """Whether the network would give an answer, of some, already."""
        return self.ask(subject, relation, answers).name == answer

    def study(self, asked: Float[Tensor, "n k"], answers: Float[Tensor, "n v"]) -> None:
        """Train on many facts at once, over and over.

        Args:
            asked: vectors of subjects beside those of relations, as the slots of a `FactMemory`.
            answers: vectors of what is answered.
        """
        if not len(asked):
            return
        asked, answers = asked.float(), answers.float()
        self._fit(lambda: (self.network(asked) - answers).square().sum(1), EPOCHS)

    def _tune(self, subject: str, relation: str, answer: str, sign: float) -> int:
        asked, wanted = _asked(subject, relation), vector(answer)

        def loss() -> Tensor:
            found = self.network(asked)
            off = (found - wanted).square().sum() if sign > 0 else (found @ wanted).square()
            return off[None]

        self._fit(loss, UPDATES)
        return self.updates


class TunedSteps(_Tuned):
    """Which steps are blocked, in weights; see `StepMemory` for what it is asked.

    Args:
        width: of places' keys.
        n_actions: how many actions there are.
        seed: of the first weights.
    """

    def __init__(self, width: int, n_actions: int, seed: int = 0) -> None:
        super().__init__(width + n_actions, 1, seed)
        self.n_actions = n_actions

    @property
    def written(self) -> bool:
        """Whether there is anything to be asked for."""
        return self.updates > 0

    def blocked(self, steps: tuple[Step, ...], *, time: int) -> tuple[int, ...]:
        """Fine-tune on steps that led nowhere."""
        return self._tune(steps, 1.0)

    def opened(self, steps: tuple[Step, ...], *, time: int) -> tuple[int, ...]:
        """Fine-tune on steps that can be taken."""
        return self._tune(steps, 0.0)

    @torch.no_grad()
    def evidence(self, keys: Float[Tensor, "e d"], actions: Int[Tensor, " e"]) -> Evidence:
        """What the network says of steps, as though it had seen it just now: weights do not age."""
        never = keys.new_full((len(keys),), -math.inf, dtype=torch.float64)
        none = torch.full((len(keys),), -1)
        if not self.updates:
            return Evidence(torch.zeros_like(never), never, none, never)
        blocked = self.network(self._asked(keys, actions))[:, 0] > 0
        strength = torch.where(blocked, STRENGTH, 0.0).double()
        return Evidence(strength, torch.where(blocked, math.inf, never), none, never)

    def study(
        self, keys: Float[Tensor, "n d"], actions: Int[Tensor, " n"], blocked: Bool[Tensor, " n"]
    ) -> None:
        """Train on many steps at once, over and over.

        Args:
            keys: of the places where they begin.
            actions: what was done.
            blocked: whether it led nowhere.
        """
        if not len(keys):
            return
        # Few steps are blocked: each kind is shown as often as the other.
        rare = torch.nonzero(blocked)[:, 0]
        rows = torch.arange(len(keys))
        if len(rare):
            rows = torch.cat([rows, rare.repeat(max(1, len(keys) // len(rare) - 1))])
        asked, wanted = self._asked(keys[rows], actions[rows]), blocked[rows].float()[:, None]
        self._fit(lambda: _cross_entropy(self.network(asked), wanted), EPOCHS)

    def _tune(self, steps: tuple[Step, ...], blocked: float) -> tuple[int, ...]:
        keys = torch.stack([step.key for step in steps])
        asked = self._asked(keys, torch.tensor([step.action for step in steps]))
        wanted = torch.full((len(steps), 1), blocked)
        self._fit(lambda: _cross_entropy(self.network(asked), wanted), UPDATES)
        return (self.updates,) * len(steps)

    def _asked(self, keys: Tensor, actions: Tensor) -> Tensor:
        one_hot = nn.functional.one_hot(actions, self.n_actions)
        return torch.cat([keys, one_hot.to(keys)], 1)


def _asked(subject: str, relation: str) -> Float[Tensor, " k"]:
    return torch.cat([vector(subject), vector(relation)])


def _cross_entropy(logits: Tensor, wanted: Tensor) -> Float[Tensor, " n"]:
    return nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")[:, 0]
