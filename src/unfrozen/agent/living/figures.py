"""What lives come to: success by phase, recovery after changes, and pictures of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unfrozen.agent.living.life import Lived
from unfrozen.errors import AgentError
from unfrozen.world.environments.town.changes import Change
from unfrozen.world.environments.town.life import Life

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AFTER = 3
"""Errands after a change in which one may recover."""
# Safe for the colour-blind (Okabe and Ito 2008).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
_DONE, _FAILED = "#0072b2", "#d55e00"
# A colour and a dash for each kind of change, none of them that of an errand.
_KINDS = {
    "lock": ("#cc79a7", "-"),
    "street": ("#e69f00", "--"),
    "move": ("#009e73", "-."),
    "trade": ("#56b4e9", ":"),
    "goal": ("#999999", (0, (6, 1))),
}


@dataclass(frozen=True)
class Summary:
    """What a life, or several, came to.

    Attributes:
        success: share of errands that were done.
        before: the same before the first change.
        first: of the first errand after a change.
        recovered: of those more than `AFTER` errands after a change; nan without any.
        last: of the last phase, in which the errands of the first one are asked for again.
        detour: steps of errands that were done, as a multiple of the shortest.
        seconds: of learning, a life.
        bytes: stored at the end, a life.
    """

    success: float
    before: float
    first: float
    recovered: float
    last: float
    detour: float
    seconds: float
    bytes: float


def summary(lives: Sequence[Sequence[Lived]]) -> Summary:
    """What some lives came to.

    Args:
        lives: errands of each, in their order.

    Raises:
        AgentError: there are none.
    """
    if not lives or not all(lives):
        raise AgentError("a summary is made of lives with errands")
    every = [one for life in lives for one in life]
    since = [since_change(life) for life in lives]
    pairs = [(one, n) for life, ns in zip(lives, since, strict=True)
             for one, n in zip(life, ns, strict=True)]  # fmt: skip
    done = [one for one in every if one.success]
    return Summary(
        success=_share(every),
        before=_share([one for one in every if one.phase == 0]),
        first=_share([one for one, n in pairs if one.phase and n == 0]),
        recovered=_share([one for one, n in pairs if one.phase and n >= AFTER]),
        last=_share([one for life in lives for one in life if one.phase == life[-1].phase]),
        detour=sum(o.steps for o in done) / max(1, sum(o.shortest for o in done)),
        seconds=sum(one.seconds for one in every) / len(lives),
        bytes=sum(life[-1].bytes for life in lives) / len(lives),
    )


def since_change(life: Sequence[Lived]) -> list[int]:
    """For each errand, how many were asked for since the last change."""
    counts, n = list[int](), -1
    for k, one in enumerate(life):
        n = 0 if k == 0 or one.phase != life[k - 1].phase else n + 1
        counts.append(n)
    return counts


def told_change(change: Change, life: Life) -> str:
    """A change in words."""
    from unfrozen.world.environments.town.facts import ITEMS, PERSONS

    names, told = life.town.names, "" if change.told else ", untold"
    back = " again" if change.reverts else ""
    if change.kind == "lock":
        return f"another door of the {names[change.subject]} is locked{back}"
    if change.kind == "street":
        return f"a piece of street is {'opened' if change.after else 'closed'}{back}"
    if change.kind == "move":
        return f"the {PERSONS[change.subject]} moves to the {names[change.after]}{back}{told}"
    if change.kind == "trade":
        return f"the {PERSONS[change.after]} sells {ITEMS[change.subject]}{back}{told}"
    return f"other errands are asked for{back}"


def plot_life(lived: Sequence[Lived], changes: Sequence[Change], title: str = "") -> "Figure":
    """Steps of each errand beside the shortest way, and when what changed.

    Args:
        lived: errands in their order.
        changes: of the schedule.
        title: above the picture.

    Returns:
        The picture; nothing is saved.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    last = lived[-1].number if lived else 0
    seen = set[str]()
    for change in changes:
        if change.at <= last:
            label = None if change.kind in seen else f"change: {change.kind}"
            seen.add(change.kind)
            colour, dash = _KINDS[change.kind]
            axes.axvline(change.at - 0.5, color=colour, ls=dash, lw=1.5, label=label)
    numbers = np.array([one.number for one in lived])
    steps = np.array([one.steps for one in lived])
    done = np.array([one.success for one in lived], dtype=bool)
    axes.plot(numbers, [one.shortest for one in lived], color="black", lw=0.8, label="shortest way")
    axes.plot(numbers[done], steps[done], "o", ms=4, color=_DONE, label="done")
    if not done.all():
        axes.plot(numbers[~done], steps[~done], "x", ms=6, color=_FAILED, label="not done")
    axes.set(xlabel="errand", ylabel="steps", title=title, ylim=(0, None))
    axes.legend(ncols=4, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    return figure


def plot_arms(arms: Mapping[str, Sequence[Sequence[Lived]]], every: int = 5) -> "Figure":
    """Success over a life, a line an arm, with the deviation over lives.

    Args:
        arms: name -> lives, of schedules of one length.
        every: errands that are taken together.

    Returns:
        The picture; nothing is saved.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for (name, lives), colour in zip(arms.items(), _cycle(), strict=False):
        curves = np.array([_binned(life, every) for life in lives])
        middle = (np.arange(curves.shape[1]) + 0.5) * every
        mean, deviation = curves.mean(0), curves.std(0)
        axes.plot(middle, mean, "o-", ms=3, lw=1.4, color=colour, label=name)
        axes.fill_between(middle, mean - deviation, mean + deviation, color=colour, alpha=0.1, lw=0)
    axes.set(xlabel="errand", ylabel="share of errands done", ylim=(-0.03, 1.05))
    axes.legend(ncols=4, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13))
    return figure


def _binned(life: Sequence[Lived], every: int) -> list[float]:
    parts = [life[k : k + every] for k in range(0, len(life) - every + 1, every)]
    return [_share(part) for part in parts]


def _share(errands: Sequence[Lived]) -> float:
    return sum(one.success for one in errands) / len(errands) if errands else float("nan")


def _cycle() -> Iterator[str]:
    while True:
        yield from _COLOURS
