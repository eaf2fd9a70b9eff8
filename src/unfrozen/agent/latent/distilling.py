"""Mode 2 made into Mode 1: a policy that answers at once what a planner searches for.

The planner acts first; then the policy does, and the planner says what it would have done there
(DAgger), so that the policy learns where its own mistakes lead.

Source: LeCun 2022, section 3.1.3; Ross et al. 2011, algorithm 3.1.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from unfrozen.agent.latent.thinking import Thinker, look
from unfrozen.errors import AgentError
from unfrozen.world.environments.batched import Batched
from unfrozen.world.jepa import Jepa


@dataclass(frozen=True)
class DistillSettings:
    """How a policy learns from a planner.

    Attributes:
        rounds: in the first the planner acts, then the policy.
        every: steps between two states that are kept.
        hidden: units of both layers.
        steps: of AdamW in each round.
        batch: pairs a step.
        learning_rate: the highest; it falls to 0 as a cosine.
        seed: of first weights and batches.
    """

    rounds: int = 3
    every: int = 1
    hidden: int = 256
    steps: int = 2000
    batch: int = 256
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.rounds, self.every, self.hidden, self.steps, self.batch) < 1:
            raise AgentError("a policy is distilled in rounds, steps and batches of 1 or more")


class LatentPolicy(nn.Module):
    """a = high * tanh(f(z, g)): one pass, no search.

    Args:
        width: of latents.
        actions: numbers of an action.
        high: greatest size of each number.
        hidden: units of both layers.
        generator: draws the first weights.
    """

    def __init__(
        self, width: int, actions: int, high: float, hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.high = high
        self.layers = nn.Sequential(
            nn.Linear(2 * width, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(),
            nn.Linear(hidden, actions),
        )  # fmt: skip
        with torch.no_grad():
            for layer in self.layers:
                if isinstance(layer, nn.Linear):
                    bound = 1 / math.sqrt(layer.in_features)
                    layer.weight.uniform_(-bound, bound, generator=generator)
                    layer.bias.zero_()

    def forward(
        self, state: Float[Tensor, "n d"], goal: Float[Tensor, "n d"]
    ) -> Float[Tensor, "n a"]:
        """Actions at states, to goals."""
        return self.high * self.layers(torch.cat([state, goal], 1)).tanh()


@dataclass
class Quick:
    """Mode 1 as a policy of environments.

    Attributes:
        model: sees.
        policy: acts.
    """

    model: Jepa
    policy: LatentPolicy

    @torch.no_grad()
    def __call__(
        self, observed: dict[str, Any], begun: Bool[np.ndarray, " n"]
    ) -> Float[np.ndarray, "n a"]:
        """Actions of all copies."""
        looked = look(self.model, observed)
        return self.policy(looked.state, looked.goal).numpy()


class Distilled(NamedTuple):
    """What distilling came to.

    Attributes:
        policy: Mode 1.
        pairs: states that the planner was asked about.
        losses: mean squared error at the end of each round, on pairs of that round not yet learnt.
    """

    policy: LatentPolicy
    pairs: int
    losses: tuple[float, ...]


def distill(
    thinker: Thinker,
    env: Batched,
    settings: DistillSettings = DistillSettings(),
    progress: Callable[[str, int, int], None] | None = None,
) -> Distilled:
    """Teach a policy what a planner does.

    Args:
        thinker: Mode 2.
        env: copies of rooms; their seeds are not those that anything is judged on.
        settings: how.
        progress: called with what is done, how far it is, and the end.
    """
    model, high = thinker.model, float(env.single_action_space.high.max())  # pyright: ignore[reportAttributeAccessIssue]
    generator = torch.Generator().manual_seed(settings.seed)
    policy = LatentPolicy(
        model.settings.width, model.settings.actions, high, settings.hidden, generator
    )
    kept: list[tuple[Tensor, Tensor, Tensor]] = []
    losses = list[float]()
    pairs = 0
    for number in range(settings.rounds):
        acting = Quick(model, policy) if number else None
        new = _asked(thinker, env, acting, settings, number, progress)
        with torch.no_grad():
            loss = (policy(new[0], new[1]) - new[2]).square().mean()
        losses.append(float(loss))
        kept.append(new)
        state, goal, action = (torch.cat(parts) for parts in zip(*kept, strict=True))
        pairs = len(state)
        _learn(policy, state, goal, action, settings, generator, progress)
    return Distilled(policy, pairs, tuple(losses))


def _asked(
    thinker: Thinker,
    env: Batched,
    acting: Quick | None,
    settings: DistillSettings,
    number: int,
    progress: Callable[[str, int, int], None] | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """States of one episode of all copies, and what the planner would do there."""
    observed, _ = env.reset(seed=settings.seed + 7919 * (number + 1))
    begun = np.ones(env.num_envs, np.bool_)
    thinker.last = None
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    horizon = env.horizon
    for step in range(horizon):
        if step % settings.every == 0:
            looked = look(thinker.model, observed)
            plan = thinker.think(looked, torch.from_numpy(begun))
            found.append((looked.state, looked.goal, plan.actions[:, 0]))
        actions = thinker(observed, np.zeros_like(begun))
        if acting is not None:
            actions = acting(observed, begun)
        observed, *_ = env.step(actions)
        begun = np.zeros(env.num_envs, np.bool_)
        if progress is not None:
            progress(f"Asking the planner, round {number + 1}", step + 1, horizon)
    state, goal, action = (torch.cat(parts) for parts in zip(*found, strict=True))
    return state, goal, action


def _learn(
    policy: LatentPolicy,
    state: Tensor,
    goal: Tensor,
    action: Tensor,
    settings: DistillSettings,
    generator: torch.Generator,
    progress: Callable[[str, int, int], None] | None,
) -> None:
    optimizer = torch.optim.AdamW(policy.parameters(), settings.learning_rate)
    for step in range(settings.steps):
        rows = torch.randint(len(state), (settings.batch,), generator=generator)
        loss = (policy(state[rows], goal[rows]) - action[rows]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        rate = settings.learning_rate * (1 + math.cos(math.pi * step / settings.steps)) / 2
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        if progress is not None and step % 100 == 99:
            progress("Distilling", step + 1, settings.steps)
