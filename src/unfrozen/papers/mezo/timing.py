"""Seconds and memory of a fine-tuning step on a language model, each way in a process of its own.

    python -m unfrozen.papers.mezo.timing mezo 5 smollm2-135m-instruct

One line of JSON is printed.  The reference's way is that of its published code: noise for a whole
parameter at once from the global generator, four passes a step, a new tensor each.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from unfrozen.data.models import load_pretrained
from unfrozen.errors import PaperError
from unfrozen.learning.zeroth_order import MeZO
from unfrozen.learning.zeroth_order.moves import Along, Moved, move
from unfrozen.learning.zeroth_order.noise import Draw
from unfrozen.papers.running.measure import peak_memory, reset_peak_memory

WAYS = ("inference", "mezo", "mezo-rademacher", "mezo-low-rank", "reference", "sgd", "adam")
BATCH, TOKENS = 16, 48
# A step is measured when memory has been reserved and caches are warm.
_WARM = 2
_EPS, _RATE = 1e-3, 1e-7


def measure(way: str, steps: int, model: str, bfloat16: bool = False) -> dict[str, Any]:
    """Time some steps in a process of their own.

    Args:
        way: one of `WAYS`.
        steps: how many are counted.
        model: name of the language model.
        bfloat16: whether losses are computed in bfloat16, with weights in float32.

    Returns:
        ``seconds`` of every step and ``noise`` of drawing all noise once; ``above``, bytes of peak
        memory beyond that of inference, None where the system does not tell; ``weights``, bytes of
        the model.

    Raises:
        PaperError: it ended with an error.
    """
    command = [sys.executable, "-m", __name__, way, str(steps), model, "bfloat16"[: 8 * bfloat16]]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise PaperError(f"timing of {way} failed: {last}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main(way: str, steps: str, name: str, precision: str = "") -> None:
    """Print what was measured."""
    found = measure_here(way, int(steps), name, precision == "bfloat16")
    sys.stdout.write(json.dumps(found) + "\n")


def measure_here(way: str, steps: int, name: str, bfloat16: bool = False) -> dict[str, Any]:
    """`measure` in this process, whose peak memory may be that of what was done before."""
    loaded = load_pretrained(name)
    model = loaded.model.eval()
    generator = torch.Generator().manual_seed(0)
    common = min(10_000, int(model.config.vocab_size))
    tokens = torch.randint(common, (BATCH, TOKENS), generator=generator)
    labels = torch.randint(common, (BATCH,), generator=generator)

    def loss() -> Tensor:
        # What is classified is told by the last position alone.
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = model(tokens, use_cache=False, logits_to_keep=1).logits[:, -1]
        return nn.functional.cross_entropy(logits.float(), labels)

    reset_peak_memory()
    with torch.no_grad():
        for _ in range(_WARM):
            loss()
    inference = peak_memory()
    step, noise = _step(way, model, loss)
    told = reset_peak_memory()
    seconds = [_timed(step) for _ in range(steps + _WARM)][_WARM:]
    return {
        "seconds": seconds,
        "noise": min(_timed(noise) for _ in range(2)) if noise else 0.0,
        "above": max(peak_memory() - inference, 0) if told else None,
        "weights": sum(p.numel() * p.element_size() for p in model.parameters()),
    }


def _step(
    way: str, model: nn.Module, loss: Callable[[], Tensor]
) -> tuple[Callable[[], object], Callable[[], object] | None]:
    if way == "inference":
        return torch.no_grad()(loss), None
    if way == "reference":
        return lambda: _reference(model, loss), None
    if way in ("sgd", "adam"):
        model.requires_grad_(True)
        kind = torch.optim.SGD if way == "sgd" else torch.optim.AdamW
        optimizer = kind(model.parameters(), lr=_RATE)
        return lambda: _backprop(optimizer, loss), None
    kinds = {"mezo": "gaussian", "mezo-rademacher": "rademacher", "mezo-low-rank": "low-rank"}
    noise: Any = kinds[way]
    optimizer = MeZO(model.named_parameters(), lr=_RATE, eps=_EPS, noise=noise)
    nowhere = [Along(Draw(seed=0, step=0), 0.0)]
    moved = [Moved(name, parameter, nowhere) for name, parameter in model.named_parameters()]
    return lambda: optimizer.step(loss, more=True), lambda: move(moved, noise)


def _backprop(optimizer: torch.optim.Optimizer, loss: Callable[[], Tensor]) -> None:
    optimizer.zero_grad()
    loss().backward()
    optimizer.step()


@torch.no_grad()
def _reference(model: nn.Module, loss: Callable[[], Tensor]) -> None:
    seed = int(torch.randint(2**31, ()))

    def perturb(by: float) -> None:
        torch.manual_seed(seed)
        for parameter in model.parameters():
            z = torch.normal(mean=0, std=1, size=parameter.shape)
            parameter.data = parameter.data + by * z

    perturb(_EPS)
    ahead = float(loss())
    perturb(-2 * _EPS)
    behind = float(loss())
    perturb(_EPS)
    perturb(-_RATE * (ahead - behind) / (2 * _EPS))


def _timed(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(*sys.argv[1:])
