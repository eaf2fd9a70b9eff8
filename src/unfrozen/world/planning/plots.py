"""Pictures of how plans came to be, of maps of landmarks, and of search trees."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.planning.landmarks import Belief, LandmarkGraph
from unfrozen.world.planning.plan import Plan
from unfrozen.world.planning.trees import Tree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Safe for the colour-blind (Okabe and Ito 2008).
_TRIED, _CHOSEN, _WAY, _GOAL = "#56b4e9", "#d55e00", "#0072b2", "#009e73"
_LATENT_AXES = ("first axis (latent units)", "second axis (latent units)")

Project = Callable[[Tensor], Tensor]
"""Latents [n, d] -> points in a plane [n, 2], such as a probe for places."""


def plan_trace(
    plan: Plan,
    row: int = 0,
    *,
    project: Project | None = None,
    goal: Float[Tensor, " d"] | None = None,
    title: str = "",
) -> "Figure":
    """How a plan came to be: candidates fade in round by round, the chosen one on top.

    Args:
        plan: made with a trace.
        row: which of its starts.
        project: latents to a plane; by default latents of two numbers as they are, others by their
            two principal axes.
        goal: to be marked.
        title: above the picture.

    Returns:
        The picture; nothing is saved.

    Raises:
        WorldError: the plan has no trace, or no such row.
    """
    from matplotlib.figure import Figure

    if plan.trace is None:
        raise WorldError("this plan kept no trace: plan with trace=8, say, to draw it")
    _check_row(row, len(plan.start))
    start = plan.start[row]
    tried = _after(start, plan.trace.states[:, row])
    chosen = _after(start, plan.states[row])
    project = project or _plane(torch.cat([tried.flatten(0, 2), chosen]))
    figure = Figure(figsize=(5.2, 4.4), layout="constrained")
    axes = figure.subplots()
    rounds = len(tried)
    for number, candidates in enumerate(tried):
        # The earlier, the paler.
        for way in candidates:
            axes.plot(*project(way).T, color=_TRIED, lw=0.8, alpha=0.15 + 0.6 * number / rounds)
    axes.plot([], [], color=_TRIED, label=f"tried, {rounds} rounds (later ones darker)")
    axes.plot(*project(chosen).T, "o-", ms=3, color=_CHOSEN, label="chosen")
    axes.plot(*project(start[None]).T, "ks", ms=6, label="start")
    if goal is not None:
        axes.plot(*project(goal[None]).T, "*", ms=13, color=_GOAL, label="goal")
    axes.set_xlabel(_LATENT_AXES[0])
    axes.set_ylabel(_LATENT_AXES[1])
    axes.legend(frameon=False, fontsize=8)
    axes.set_title(title or f"cost {float(plan.cost[row]):.4g}", fontsize=10)
    return figure


def landmark_map(
    graph: LandmarkGraph,
    *,
    now: float,
    belief: Belief = Belief(),
    project: Project | None = None,
    axes_told: tuple[str, str] = _LATENT_AXES,
    walls: Bool[Tensor, "y x"] | None = None,
    route: tuple[int, ...] = (),
    start: Float[Tensor, " d"] | None = None,
    goal: Float[Tensor, " d"] | None = None,
    title: str = "",
) -> "Figure":
    """A map: what was walked pale, in colour what is believed blocked, and a way on top.

    Args:
        graph: the map.
        now: the time.
        belief: how evidence has faded by now; edges that it does not trust are left out.
        project: latents to a plane, as for `plan_trace`.
        axes_told: what the axes of the plane are called, with their units.
        walls: solid pixels, where the plane is that of an image.
        route: landmarks of a way.
        start: latent where it begins, to be marked.
        goal: latent where it is to end, to be marked.
        title: above the picture.

    Returns:
        The picture; nothing is saved.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    plane = project or _plane(graph.landmarks)
    at = plane(graph.landmarks).double()
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.subplots()
    if walls is not None:
        axes.imshow(walls.float().numpy(), cmap="Greys", vmin=0, vmax=2.2, interpolation="nearest")
    strength, trusted = belief.strengths(graph, now), belief.trusted(graph)
    ends = torch.stack([at[graph.source], at[graph.target]], 1)
    free, shut = trusted & (strength < 0.05), trusted & (strength >= 0.05)
    axes.add_collection(
        LineCollection(list(ends[free].numpy()), colors="0.8", linewidths=0.6, label="edge")
    )
    blocked = LineCollection(
        list(ends[shut].numpy()), array=strength[shut].numpy(), cmap="plasma_r", linewidths=2.2
    )
    axes.add_collection(blocked)
    if bool(shut.any()):
        blocked.set_clim(0, float(strength.max()))
        figure.colorbar(blocked, ax=axes, label=f"believed blocked (closed from {belief.closed:g})")
    axes.scatter(*at.T, s=8, color="0.45", zorder=3, label="landmark")
    if len(route) > 1:
        axes.plot(*at[list(route)].T, "o-", ms=4, color=_WAY, lw=2.5, zorder=4, label="way")
    if start is not None:
        axes.plot(*plane(start[None]).T, "ks", ms=8, ls="", zorder=5, label="start")
    if goal is not None:
        axes.plot(*plane(goal[None]).T, "*", ms=15, color=_GOAL, ls="", zorder=5, label="goal")
    axes.autoscale_view()
    if walls is not None:
        axes.set_aspect("equal")
    axes.set_xlabel(axes_told[0])
    axes.set_ylabel(axes_told[1])
    axes.set_title(title or f"{graph.n} landmarks, {int(trusted.sum())} edges", fontsize=10)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return figure


def search_tree(
    tree: Tree, row: int = 0, *, action: int | None = None, title: str = ""
) -> "Figure":  # fmt: skip
    """A search tree: lines as wide as they were visited, nodes by their value.

    Args:
        tree: of a search.
        row: which of its roots.
        action: what was chosen at the root; the line most visited from it is drawn on top.
        title: above the picture.

    Returns:
        The picture; nothing is saved.

    Raises:
        WorldError: there is no such row.
    """
    from matplotlib.figure import Figure

    _check_row(row, tree.rows)
    first = row * tree.nodes
    there = [first + i for i in range(tree.nodes) if tree.visits[first + i] > 0]
    across, depth = _laid_out(tree, first)
    figure = Figure(figsize=(6.0, 4.2), layout="constrained")
    axes = figure.subplots()
    total = float(tree.visits[first])
    for node in there[1:]:
        parent = int(tree.parents[node])
        share = float(tree.visits[node]) / total
        axes.plot([across[parent], across[node]], [-depth[parent], -depth[node]],
                  color="0.6", lw=0.4 + 5 * share, zorder=1)  # fmt: skip
    points = axes.scatter(
        [across[node] for node in there], [-depth[node] for node in there],
        c=[float(tree.values[node]) for node in there], cmap="viridis", s=16, zorder=3,
    )  # fmt: skip
    figure.colorbar(points, ax=axes, label="value")
    if action is not None:
        chosen = torch.full((tree.rows,), action, device=tree.visits.device)
        node, line = first, [first]
        for step in tree.principal(chosen, max(depth.values()) + 1)[row].tolist():
            node = int(tree.children[node, step]) if step >= 0 else -1
            if node < 0:
                break
            line.append(node)
        axes.plot([across[n] for n in line], [-depth[n] for n in line], color=_CHOSEN, lw=1.5,
                  zorder=2)  # fmt: skip
    axes.set_yticks([-d for d in sorted(set(depth.values()))],
                    [str(d) for d in sorted(set(depth.values()))])  # fmt: skip
    axes.set_xticks([])
    axes.set_ylabel("depth (steps)")
    axes.set_title(title or f"{int(total) - 1} simulations", fontsize=10)
    return figure


def _laid_out(tree: Tree, first: int) -> tuple[dict[int, float], dict[int, int]]:
    """Where nodes lie: leaves side by side, parents in the middle of their children."""
    across: dict[int, float] = {}
    depth: dict[int, int] = {first: 0}
    leaves = 0
    stack = [first]
    order = []
    while stack:
        node = stack.pop()
        order.append(node)
        for child in reversed(tree.children[node].tolist()):
            if child >= 0:
                depth[child] = depth[node] + 1
                stack.append(child)
    for node in order:
        if not any(child >= 0 for child in tree.children[node].tolist()):
            across[node] = float(leaves)
            leaves += 1
    for node in reversed(order):
        children = [across[child] for child in tree.children[node].tolist() if child >= 0]
        if children:
            across[node] = sum(children) / len(children)
    return across, depth


def _after(start: Tensor, ways: Tensor) -> Tensor:
    """Ways with their start before them."""
    return torch.cat([start.expand(*ways.shape[:-2], 1, -1), ways], -2)


def _plane(latents: Tensor) -> Project:
    if latents.shape[1] == 2:
        return lambda points: points
    centre = latents.mean(0)
    if latents.shape[1] == 1:
        return lambda points: torch.cat([points, torch.zeros_like(points)], 1)
    axes = torch.linalg.svd(latents - centre, full_matrices=False).Vh[:2]
    return lambda points: (points - centre) @ axes.T


def _check_row(row: int, rows: int) -> None:
    if not 0 <= row < rows:
        raise WorldError(f"there is no row {row}, only {rows} of them")
