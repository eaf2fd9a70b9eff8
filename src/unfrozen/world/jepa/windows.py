"""Windows of experience: what a joint-embedding model is trained on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from unfrozen.errors import WorldError


class Windows(NamedTuple):
    """Pieces of experience, b of them, each t observations long.

    Attributes:
        observations: images [c, h, w], bytes or numbers of 0 to 1, or vectors [n]; where structure
            is apart, of what moves alone.
        actions: number i leads from observation i to i + 1; one that leads out of the window may
            be there, and is not used.
        structure: what stays throughout a window, as an image, or None.
        text: tokens of what is told throughout a window, or None.
    """

    observations: Shaped[Tensor, "b t ..."]
    actions: Float[Tensor, "b steps a"]
    structure: Shaped[Tensor, "b c h w"] | None = None
    text: Int[Tensor, "b l"] | None = None

    @property
    def between(self) -> Float[Tensor, "b t1 a"]:
        """Actions that lead from one observation to the next.

        Raises:
            WorldError: there are not as many actions as that takes.
        """
        b, t = self.observations.shape[:2]
        if t < 2 or len(self.actions) != b or self.actions.shape[1] not in (t - 1, t):
            raise WorldError(
                f"windows of {b} x {t} observations take an action between each two, not actions "
                f"of the shape {list(self.actions.shape)}"
            )
        return self.actions[:, : t - 1]

    def of(self, rows: Int[Tensor, " r"] | slice) -> "Windows":
        """Some of the windows."""
        return Windows(*(None if part is None else part[rows] for part in self))  # pyright: ignore[reportArgumentType]


Source = Callable[[torch.Generator], Windows]
"""Draws a batch of windows; all chance comes from the generator, so that a run can go on."""


@dataclass(frozen=True)
class Recorded:
    """Trajectories that were kept, as a source of windows of them.

    Attributes:
        observations: of e episodes of s steps each.
        actions: that lead from each observation to the next.
        structure: of each episode, or None.
        text: of each episode, or None.
        length: t, of a window.
        batch: b, windows that are drawn at once.

    Raises:
        WorldError: parts do not fit one another, or episodes are shorter than a window.

    Example:
        >>> kept = Recorded(torch.zeros(3, 9, 2), torch.zeros(3, 9, 1), length=5, batch=4)
        >>> kept(torch.Generator().manual_seed(0)).observations.shape
        torch.Size([4, 5, 2])
    """

    observations: Shaped[Tensor, "e s ..."]
    actions: Float[Tensor, "e steps a"]
    structure: Shaped[Tensor, "e c h w"] | None = None
    text: Int[Tensor, "e l"] | None = None
    length: int = 17
    batch: int = 64

    def __post_init__(self) -> None:
        episodes, steps = self.observations.shape[:2]
        parts = (self.actions, self.structure, self.text)
        if any(part is not None and len(part) != episodes for part in parts):
            raise WorldError(f"all parts of {episodes} episodes have as many rows")
        if self.actions.shape[1] not in (steps - 1, steps):
            raise WorldError(f"{steps} observations take an action between each two")
        if not 2 <= self.length <= steps or self.batch < 1:
            raise WorldError(f"no window of {self.length} steps fits into {steps}")

    def __call__(self, generator: torch.Generator) -> Windows:
        """A batch of windows, each from an episode and a step that are drawn."""
        episodes, steps = self.observations.shape[:2]
        like = {"generator": generator, "device": generator.device}
        rows = torch.randint(episodes, (self.batch,), **like).to(self.observations.device)
        first = torch.randint(steps - self.length + 1, (self.batch,), **like).to(rows.device)
        at = first[:, None] + torch.arange(self.length, device=rows.device)
        structure = None if self.structure is None else self.structure[rows]
        text = None if self.text is None else self.text[rows]
        return Windows(
            self.observations[rows[:, None], at],
            self.actions[rows[:, None], at[:, :-1]],
            structure,
            text,
        )
