"""Pictures of digits completed: the Energy Transformer beside plain blocks of equal parameters."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unfrozen.energy import EnergyTransformer
from unfrozen.energy.tasks import ImageCompletion
from unfrozen.papers.running.context import RunContext

SIZE, PATCH = 8, 2
WIDTH, HEADS, HEAD_WIDTH, MEMORIES, STEPS, STEP_SIZE = 64, 16, 8, 128, 4, 1.0
HIDDEN = 8
"""Patches to fill in, of sixteen: the share of the paper, which hides 100 of 196."""
RATES = (5e-3, 1e-2, 2e-2)
"""To choose from, for each kind of block, after a quarter of the epochs."""
_BATCH, _DECAY = 64, 0.01


def energy_block(steps: int = STEPS, dtype: torch.dtype | None = None) -> EnergyTransformer:
    """The Energy Transformer of this task."""
    return EnergyTransformer(
        WIDTH, HEADS, HEAD_WIDTH, MEMORIES, steps=steps, step_size=STEP_SIZE, dtype=dtype
    )


class PlainBlock(nn.Module):
    """A transformer block, once or several times with the same weights.

    Its inner width makes it of the size of the Energy Transformer beside it.

    Args:
        times: how often it is applied.
    """

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, WIDTH, dropout=0.0, batch_first=True, norm_first=True
        )

    def forward(self, x: Tensor) -> Tensor:
        """Tokens after the block."""
        for _ in range(self.times):
            x = self.layer(x)
        return x


BLOCKS: dict[str, Callable[[], nn.Module]] = {
    "energy": energy_block,
    "plain": lambda: PlainBlock(1),
    "plain, repeated": lambda: PlainBlock(STEPS),
}
"""Name -> the block, of nearly equal numbers of parameters."""


@dataclass(frozen=True)
class Completed:
    """What each kind of block reached.

    Attributes:
        errors: kind -> mean squared error of hidden patches of test pictures, one a seed, by the
            variance of a pixel.
        parameters: kind -> of its block.
        rates: kind -> the learning rate that was best on pictures apart.
        model: the first seed's Energy Transformer.
        pictures: some test pictures.
        hidden: what is hidden of them.
    """

    errors: dict[str, list[float]]
    parameters: dict[str, int]
    rates: dict[str, float]
    model: ImageCompletion
    pictures: Tensor
    hidden: Tensor


def digits() -> tuple[Tensor, Tensor, Tensor]:
    """Pictures to train on, to choose by and to test on, of unit variance."""
    from sklearn.datasets import load_digits

    pictures = torch.as_tensor(load_digits(return_X_y=True)[0]).float()
    pictures = pictures.view(-1, 1, SIZE, SIZE)
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0))
    train, chosen, test = pictures[order].split([1200, 250, len(pictures) - 1450])
    mean, scale = train.mean(), train.std()
    return (train - mean) / scale, (chosen - mean) / scale, (test - mean) / scale


def compare(context: RunContext, epochs: int, seeds: int, seed: int) -> Completed:
    """Train every kind with several seeds, with the learning rate that did best on other pictures.

    Args:
        context: keeps what is done.
        epochs: passes over the training pictures.
        seeds: how many.
        seed: the first.
    """
    train, chosen, test = digits()

    def compute(item: tuple[str, float, int, int]) -> dict[str, float]:
        kind, rate, passes, number = item
        model = trained(kind, rate, passes, number, train)
        return {"chosen": _error(model, chosen, 1), "test": _error(model, test, 2)}

    settings = {
        "epochs": epochs, "batch": _BATCH, "decay": _DECAY, "width": WIDTH, "heads": HEADS,
        "head width": HEAD_WIDTH, "memories": MEMORIES, "steps": STEPS, "step size": STEP_SIZE,
    }  # fmt: skip
    tuning = {f"{k}, rate {r}": (k, r, -(-epochs // 4), seed) for k in BLOCKS for r in RATES}
    found = context.checkpoint("completion-rates", settings, tuning, compute)
    rates = {k: min(RATES, key=lambda r: found[f"{k}, rate {r}"]["chosen"]) for k in BLOCKS}
    items = {
        f"{k}, seed {s}": (k, rates[k], epochs, s)
        for k in BLOCKS
        for s in range(seed, seed + seeds)
    }
    final = context.checkpoint("completion", {**settings, "rates": rates}, items, compute)
    errors = {
        k: [final[f"{k}, seed {s}"]["test"] for s in range(seed, seed + seeds)] for k in BLOCKS
    }
    return Completed(
        errors=errors,
        parameters={k: sum(p.numel() for p in make().parameters()) for k, make in BLOCKS.items()},
        rates=rates,
        model=trained("energy", rates["energy"], epochs, seed, train),
        pictures=test[:8],
        hidden=masks(8, torch.Generator().manual_seed(2)),
    )


def trained(kind: str, rate: float, epochs: int, seed: int, train: Tensor) -> ImageCompletion:
    """A model after training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = ImageCompletion(SIZE, PATCH, BLOCKS[kind](), WIDTH)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=_DECAY)
    batches = -(-len(train) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=epochs * batches)
    for _ in range(epochs):
        for some in torch.randperm(len(train), generator=generator).split(_BATCH):
            loss = model.error(train[some], masks(len(some), generator))
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    return model.eval()


def masks(n: int, generator: torch.Generator) -> Tensor:
    """Which patches are hidden: `HIDDEN` of each picture, at random."""
    count = (SIZE // PATCH) ** 2
    return torch.rand(n, count, generator=generator).argsort(1) < HIDDEN


@torch.no_grad()
def _error(model: ImageCompletion, pictures: Tensor, seed: int) -> float:
    """The same patches are hidden from every model."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.cat([masks(len(pictures), generator) for _ in range(4)])
    return float(model.error(pictures.repeat(4, 1, 1, 1), hidden))
