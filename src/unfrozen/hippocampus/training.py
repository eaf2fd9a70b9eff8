"""Training on walks in ever new worlds: what is learnt is what they share.

Every update walks in worlds whose structure is drawn from a family and whose symbols are drawn
anew, so that no symbol's place can be learnt, only the structure by which one place leads to
another.  A run goes on bit for bit from its file.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from unfrozen.errors import MapError
from unfrozen.hippocampus.accuracy import Accuracy, accuracy
from unfrozen.hippocampus.runs import (
    HELD_OUT,
    Kept,
    Progress,
    Update,
    load_run,
    save_run,
    under,
)
from unfrozen.hippocampus.tem_t.model import TemT
from unfrozen.hippocampus.worlds import (
    Family,
    Walk,
    WalkSettings,
    batch,
    draw_symbols,
    named,
    novelty,
    walk,
)


@dataclass(frozen=True)
class MapTraining:
    """How a map is trained.

    Attributes:
        worlds: name of their family.
        sizes: of the worlds; the family's by default.
        walks: in each update.
        steps: of each walk.
        updates: at most.
        learning_rate: at the start; it falls to a tenth, as a cosine.
        beta_rate: of the logarithm of the memory's inverse temperature, in learning rates: only a
            sharp memory tells places that are alike apart, and a step of Adam is small beside it.
        clip: norm that gradients are cut to.
        straight: probability of going on in the same direction.
        check_every: updates between two looks at walks held out.
        held_out: how many walks those are.
        held_out_steps: of each of them; as many as are trained on by default.
        target: strict zero-shot accuracy at which training ends, once it is met twice in turn.
        seed: of worlds, walks and symbols.
    """

    worlds: str = "grid"
    sizes: tuple[int, ...] | None = None
    walks: int = 24
    steps: int = 150
    updates: int = 500
    learning_rate: float = 1e-3
    beta_rate: float = 1.0
    clip: float = 1.0
    straight: float = 0.0
    check_every: int = 25
    held_out: int = 64
    held_out_steps: int | None = None
    target: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        named(self.worlds)
        steps = min(self.steps, self.held_out_steps or self.steps)
        if min(self.walks, steps - 1, self.updates, self.check_every, self.held_out) < 1:
            raise MapError("walks, updates and checks are at least one, and walks two steps long")


def draw_walks(
    family: Family,
    number: int,
    steps: int,
    n_symbols: int,
    generator: torch.Generator,
    settings: WalkSettings = WalkSettings(),
    sizes: tuple[int, ...] | None = None,
) -> Walk:
    """Walks in worlds that are drawn from a family, one in each.

    Args:
        family: of the worlds.
        number: of worlds.
        steps: of each walk.
        n_symbols: how many symbols there are.
        generator: draws all of it.
        settings: how to walk.
        sizes: of the worlds; the family's by default.
    """
    worlds = batch([family.draw(generator, sizes) for _ in range(number)])
    symbols = draw_symbols(worlds, n_symbols, generator)
    return walk(worlds, symbols, steps, generator, settings)


class Trainer:
    """Trains a model that foresees symbols.

    Args:
        model: called with symbols and actions [b, t] of walks, it gives log-probabilities
            [b, t, symbol], as they are or as `logits` of what it gives.
        settings: how.
        n_symbols: how many symbols there are.

    Example:
        >>> from unfrozen.hippocampus.tem_t import TemTSettings
        >>> model = TemT(TemTSettings(n_actions=4, width=8), torch.Generator().manual_seed(0))
        >>> trainer = Trainer(model, MapTraining(sizes=(3,), steps=20, walks=4, updates=2))
        >>> [update.number for update in trainer.run()]
        [1, 2]
    """

    def __init__(self, model: nn.Module, settings: MapTraining, n_symbols: int = 45) -> None:
        self.model, self.settings, self.n_symbols = model, settings, n_symbols
        self.steps, self.seed = settings.walks * settings.steps, settings.seed
        self.family = named(settings.worlds)
        self.walking = WalkSettings(settings.straight)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.optimizer = torch.optim.Adam(_groups(model, settings))
        self.progress = Progress(settings.updates, settings.target)
        generator = torch.Generator().manual_seed(settings.seed + HELD_OUT)
        steps = settings.held_out_steps or settings.steps
        self.held_out = self._draw(settings.held_out, generator, steps)

    def run(self) -> Iterator[Update]:
        """Go on to the end, one update after the other.

        Raises:
            MapError: training has diverged.
        """
        while not self.progress.done:
            yield self.update()

    def update(self) -> Update:
        """Walk, foresee, and follow the gradient once.

        Raises:
            MapError: the gradient is not finite.
        """
        settings, progress, began = self.settings, self.progress, time.process_time()
        walks = self._draw(settings.walks, self.generator, settings.steps)
        new = novelty(walks)
        self.model.train()
        loss, logits = self._loss(walks, new.known)
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        if not bool(norm.isfinite()):
            raise MapError(
                f"the gradient is not finite at update {progress.number + 1}: training has "
                "diverged, take a lower learning rate"
            )
        for group in self.optimizer.param_groups:
            group["lr"] = cosine(progress.number, settings.updates, group["highest"])
        self.optimizer.step()
        progress.number += 1
        progress.seconds += time.process_time() - began
        right = (logits.argmax(-1) == walks.symbols) & new.known
        known = float(right.sum() / new.known.sum().clamp(min=1))
        looked = None
        if progress.number % settings.check_every == 0 or progress.number == settings.updates:
            looked = self.check()
            progress.look(looked)
        return Update(progress.number, float(loss.detach()), known, progress.seconds, looked)

    @torch.no_grad()
    def check(self, walks: Walk | None = None) -> Accuracy:
        """How well symbols are foreseen, on the walks held out or on others."""
        walks = self.held_out if walks is None else walks
        return accuracy(foreseen(self.model, walks), novelty(walks))

    def save(self, path: str | Path) -> None:
        """Write all that is needed to go on, whole or not at all.

        Raises:
            DataError: the disk is full or refuses.
        """
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        for i, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{i}.{name}": value for name, value in state.items()}
        tensors["generator"] = self.generator.get_state()
        save_run(path, Kept(tensors, self.progress.told()), self._told())

    def resume(self, path: str | Path) -> None:
        """Go on where a file was written.

        Raises:
            MapError: the file is missing, damaged, or of another model or other settings.
        """
        tensors, told = load_run(path, self._told())
        self.model.load_state_dict(under("model.", tensors))
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in under("adam.", tensors).items():
            number, _, name = key.partition(".")
            state.setdefault(int(number), {})[name] = value
        whole = self.optimizer.state_dict()
        self.optimizer.load_state_dict({**whole, "state": state})
        self.generator.set_state(tensors["generator"])
        self.progress.take(told)

    def _told(self) -> dict[str, Any]:
        return {"training": asdict(self.settings), "model": _settings_of(self.model)}

    def _draw(self, number: int, generator: torch.Generator, steps: int) -> Walk:
        device = next(self.model.parameters()).device
        walks = draw_walks(
            self.family, number, steps, self.n_symbols, generator, self.walking,
            self.settings.sizes,
        )  # fmt: skip
        return Walk(*(part.to(device) for part in walks))

    def _loss(
        self, walks: Walk, known: Bool[Tensor, "b t"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "b t symbol"]]:
        found = self.model(walks.symbols, walks.actions)
        if isinstance(self.model, TemT):
            return self.model.loss(found, walks.symbols, known), found.logits
        return surprise(found, walks.symbols, known), found


def _groups(model: nn.Module, settings: MapTraining) -> list[dict[str, Any]]:
    sharp = [model.log_beta] if isinstance(model, TemT) else []
    rest = [p for p in model.parameters() if all(p is not other for other in sharp)]
    rates = (settings.learning_rate, settings.learning_rate * settings.beta_rate)
    return [
        {"params": parameters, "lr": rate, "highest": rate}
        for parameters, rate in zip((rest, sharp), rates, strict=True)
        if parameters
    ]


def cosine(update: int, updates: int, rate: float) -> float:
    """The learning rate of an update, counted from 0: half a cosine, down to a tenth."""
    return rate * (0.55 + 0.45 * math.cos(math.pi * update / updates))


def surprise(
    logits: Float[Tensor, "b t symbol"], symbols: Int[Tensor, "b t"], known: Bool[Tensor, "b t"]
) -> Float[Tensor, ""]:
    """Mean surprise at known places, in nats."""
    each = F.nll_loss(logits.flatten(0, 1), symbols.flatten(), reduction="none")
    told = known.flatten()
    return (each * told).sum() / told.sum().clamp(min=1)


@torch.no_grad()
def foreseen(model: nn.Module, walks: Walk, **more: Any) -> Bool[Tensor, "b t"]:
    """Whether each symbol of walks was foreseen.

    Args:
        model: as of `Trainer`.
        walks: to foresee.
        more: that the model is called with.
    """
    model.eval()
    found = model(walks.symbols, walks.actions, **more)
    logits = found if isinstance(found, Tensor) else found.logits
    return logits.argmax(-1) == walks.symbols


def _settings_of(model: nn.Module) -> dict[str, Any]:
    settings = getattr(model, "settings", None)
    own = {} if settings is None else asdict(settings)
    shapes = {name: list(p.shape) for name, p in model.named_parameters()}
    return {"class": type(model).__name__, "settings": own, "shapes": shapes}
