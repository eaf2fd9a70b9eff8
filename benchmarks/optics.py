"""How fast does light go through a simulated fibre, beside the usual split-step method?"""

import math
from collections.abc import Callable
from dataclasses import replace
from time import process_time

import torch
from torch import Tensor

from unfrozen.data.images import images, white
from unfrozen.learning.optics import Fibre, FibreSettings, Span, propagate

QUESTION = "samples a processor second through a fibre, beside diffraction and phases split apart"
SAMPLES, AT_ONCE, TIMES = 256, 64, 5
# Camera images may change by so much when the step is halved.
_OFF = 0.01

Through = Callable[[Tensor, Span], Tensor]


def run() -> dict[str, float]:
    """Both ways, for the Kerr fibre and the linear one, at equal steps and at equal accuracy."""
    rows = images("digits").train[:SAMPLES].flatten(1).float() / white("digits")
    found: dict[str, float] = {}
    for name, settings in (("Kerr", FibreSettings()), ("linear", FibreSettings().linear())):
        light = Fibre(settings).field(rows)
        ours = _fewest(propagate, light[:AT_ONCE], settings)
        usual = _fewest(split_step, light[:AT_ONCE], settings)
        spans = {n: replace(settings.span, steps=n) for n in (settings.steps, ours, usual)}
        same, best, other = (spans[n] for n in (settings.steps, ours, usual))
        seconds = _seconds(
            {
                "library": lambda light=light, span=same: propagate(light, span),
                "usual": lambda light=light, span=same: split_step(light, span),
                "library, accurate": lambda light=light, span=best: propagate(light, span),
                "usual, accurate": lambda light=light, span=other: split_step(light, span),
            }
        )
        found |= {
            f"{name}, steps to {_OFF:.0%}, library": ours,
            f"{name}, steps to {_OFF:.0%}, usual": usual,
            f"{name}, samples a second, library, {same.steps} steps": SAMPLES / seconds["library"],
            f"{name}, samples a second, usual, {same.steps} steps": SAMPLES / seconds["usual"],
            f"{name}, library faster, times, at equal steps": seconds["usual"] / seconds["library"],
            f"{name}, samples a second, library, to {_OFF:.0%}": SAMPLES
            / seconds["library, accurate"],
            f"{name}, samples a second, usual, to {_OFF:.0%}": SAMPLES / seconds["usual, accurate"],
            f"{name}, library faster, times, at equal accuracy": seconds["usual, accurate"]
            / seconds["library, accurate"],
        }
    return found


@torch.no_grad()
def split_step(field: Tensor, span: Span) -> Tensor:
    """Half of diffraction, index and Kerr effect, the other half; halves of two steps are joined.

    Source: Agrawal 2019, section 2.4.
    """
    guide, step = span.guide, span.length / span.steps
    diffraction = -span.grid.squared_wavenumber() * step / (2 * guide.wavenumber)
    index = -guide.wavenumber * guide.swing**2 / 2 * step * span.grid.squared_radius()
    half, whole, within = (
        torch.polar(torch.ones_like(phase), phase).to(field.dtype)
        for phase in (diffraction / 2, diffraction, index)
    )
    rate = guide.kerr_rate * step
    parts = []
    # As many at once as the library takes, or memory alone would decide.
    for part in field.split(AT_ONCE):
        light = torch.fft.ifft2(torch.fft.fft2(part).mul_(half))
        for left in range(span.steps, 0, -1):
            if rate:
                phase = (light * light.conj()).real * rate
                light.mul_(torch.complex(phase.cos(), phase.sin_()))
            light.mul_(within)
            light = torch.fft.ifft2(torch.fft.fft2(light).mul_(whole if left > 1 else half))
        parts.append(light)
    return torch.cat(parts)


def _fewest(through: Through, light: Tensor, settings: FibreSettings) -> int:
    """Steps from which halving them changes camera images little enough."""
    seen: dict[int, Tensor] = {}

    def camera(steps: int) -> Tensor:
        if steps not in seen:
            field = through(light, replace(settings.span, steps=steps))
            seen[steps] = settings.camera.see(field, settings.grid, settings.power)
        return seen[steps]

    def off(steps: int) -> float:
        one, two = camera(steps), camera(2 * steps)
        return float(((one - two).norm(dim=1) / two.norm(dim=1)).mean())

    # The library's linear fibre is exact at any step that sampling allows.
    low = math.ceil(settings.length * settings.guide.swing / (math.pi / 4)) - 1
    high = low + 1
    while off(high) > _OFF:
        low, high = high, 2 * high
    while high - low > max(1, high // 20):
        middle = (low + high) // 2
        low, high = (low, middle) if off(middle) <= _OFF else (middle, high)
    return high


def _seconds(ways: dict[str, Callable[[], Tensor]]) -> dict[str, float]:
    """The best of some times of each, in turn."""
    best = dict.fromkeys(ways, math.inf)
    for _ in range(TIMES):
        for name, way in ways.items():
            begun = process_time()
            way()
            best[name] = min(best[name], process_time() - begun)
    return best
