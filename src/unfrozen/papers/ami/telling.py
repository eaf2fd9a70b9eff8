"""Tables and pictures of the lives."""

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unfrozen.agent.latent import LockSettings
from unfrozen.agent.latent.thinking import OVER_MAP
from unfrozen.agent.living.arms import ARMS
from unfrozen.agent.living.figures import summary
from unfrozen.agent.living.life import Lived
from unfrozen.papers.ami import rooms
from unfrozen.papers.claim import Table
from unfrozen.world.environments import FLOORS

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture


def arms_table(lives: Mapping[str, list[list[Lived]]]) -> Table:
    """What each arm came to."""
    rows = []
    for name, of in lives.items():
        each = [summary([life]) for life in of]
        all_ = summary(of)
        spread = statistics.stdev(one.success for one in each) if len(each) > 1 else None
        rows.append((
            name, ARMS[name].told, all_.success, spread, all_.before, all_.first, all_.recovered,
            all_.last, all_.detour, all_.seconds, round(all_.bytes / 1024),
        ))  # fmt: skip
    return Table(
        "Lives in towns",
        ("arm", "what it is", "done", "deviation", "before", "first after", "recovered", "last",
         "detour", "learning (s)", "stored (KB)"),
        tuple(rows),
        "Shares of errands done: of all, with the deviation over lives; before the first change; "
        "the first after a change; from the fourth on; of the last phase.  Steps of errands that "
        "were done are told as a multiple of the shortest ways.",
    )  # fmt: skip


def floors_table(floors: Mapping[str, float], mine: Sequence[Sequence[Lived]]) -> Table:
    """What needs no learning, beside the agent."""
    rows = [
        (name, statistics.fmean(v for key, v in floors.items() if key.startswith(f"{name},")))
        for name in FLOORS
    ]
    rows.append(("the agent", summary(mine).success))
    return Table(
        "Floors of the town", ("policy", "done"), tuple(rows),
        "Greedy and the oracle know where everything is; greedy goes there as the crow flies.",
    )  # fmt: skip


def cited_table(found: Mapping[str, Mapping[str, int]]) -> Table:
    """Decisions without what they cite."""
    rows = []
    for name, one in found.items():
        control = one["control_changed"] / one["controls"] if one["controls"] else None
        rows.append((name, one["cited"], one["changed"] / max(1, one["cited"]), control))
    return Table(
        "Plans made again without what they cite",
        ("life", "plans that cite", "become others", "without as much else"),
        tuple(rows),
    )


def explored_table(found: Mapping[str, Mapping[str, int]]) -> Table:
    """How much of a new town is seen."""
    rows = tuple((n, o["agent"], o["steps"], o["walk"]) for n, o in found.items())
    return Table(
        "Cells of a new town that were seen",
        ("town", "agent", "in steps", "persistent walk"),
        rows,
        "The walk has all steps of the budget; the agent ends where nothing new is in reach.",
    )


def modes_table(found: Mapping[str, Mapping[str, Any]]) -> Table:
    """Mode 1 beside Mode 2."""
    told = {
        "mode_2": "Mode 2", "seeded": "with Mode 1's plans", "mode_1": "Mode 1",
        "mode_1_ever": "ever", "greedy": "greedy", "persistent": "persistent",
        "ms_2": "Mode 2 (ms)", "ms_1": "Mode 1 (ms)", "pairs": "states asked",
    }  # fmt: skip
    return Table(
        "Two rooms: planning, and what is made of it",
        ("run", *told.values()),
        tuple((name, *(one[key] for key in told)) for name, one in found.items()),
        "Success at the end of episodes, but for ever; milliseconds a decision for one, from its "
        "image on.",
    )


def locks_table(found: Sequence[Mapping[str, Any]]) -> Table:
    """Each arm between two doors."""
    swap, rows = LockSettings(OVER_MAP).swap, []
    for arm in rooms.ARMS:
        lives = [life for one in found for life in one["arms"][arm]]
        share = [statistics.fmean(life[k] for life in lives) for k in range(len(lives[0]))]
        after = rooms.after_swap(lives, swap)
        rows.append((arm, share[0], statistics.fmean(share[1:swap]), share[swap], *after))
    return Table(
        "Two doors, one of them locked unseen",
        ("arm", "first episode", "until the swap", "first after", "later", "lost in a life"),
        tuple(rows),
        "Success at the end of episodes; last, the most episodes that were lost after the swap.",
    )


def lock_picture(found: Sequence[Mapping[str, Any]]) -> "Picture":
    """Success by episode."""
    from matplotlib.figure import Figure as Picture

    figure = Picture(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for arm, colour in zip(rooms.ARMS, ("#0072b2", "#e69f00", "#000000"), strict=True):
        lives = [life for one in found for life in one["arms"][arm]]
        share = [statistics.fmean(life[k] for life in lives) for k in range(len(lives[0]))]
        axes.plot(range(1, len(share) + 1), share, "o-", color=colour, label=arm)
    axes.axvline(LockSettings(OVER_MAP).swap + 0.5, color="#d55e00", lw=1, ls="--",
                 label="the other door")  # fmt: skip
    axes.set(xlabel="episode", ylabel="share that reach the goal", ylim=(-0.03, 1.05))
    axes.legend(fontsize="small")
    return figure
