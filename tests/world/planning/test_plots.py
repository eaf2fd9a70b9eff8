"""Pictures show what they are given."""

import io

import pytest
import torch
from matplotlib.collections import LineCollection
from tests.world.planning import linear
from tests.world.planning.landmarks.places import edge_id, grid, mapped
from tests.world.planning.trees.bandits import Branching

from unfrozen.errors import WorldError
from unfrozen.world.planning import MppiSettings, mppi
from unfrozen.world.planning.landmarks import Belief, block_edges
from unfrozen.world.planning.plots import landmark_map, plan_trace, search_tree
from unfrozen.world.planning.trees import PuctSettings, puct


def drawn(figure):
    file = io.BytesIO()
    figure.savefig(file, dpi=40)
    assert file.tell() > 1000
    return figure.axes[0]


def test_a_plan_is_drawn_with_what_was_tried():
    settings = MppiSettings(horizon=5, width=2, samples=16, iterations=2)
    plan = mppi(linear.MODEL, linear.cost(), linear.starts(2), settings, trace=3)
    axes = drawn(plan_trace(plan, 1, project=lambda s: s[:, :2], goal=torch.zeros(4)))
    faint = [line.get_alpha() for line in axes.lines[:6]]
    assert faint[0] < faint[3]
    chosen = next(line for line in axes.lines if line.get_label() == "chosen")
    assert chosen.get_xdata().tolist() == [plan.start[1, 0], *plan.states[1, :, 0]]
    drawn(plan_trace(plan))
    with pytest.raises(WorldError, match="no row 2"):
        plan_trace(plan, 2)
    with pytest.raises(WorldError, match="no trace"):
        plan_trace(mppi(linear.MODEL, linear.cost(), linear.starts(2), settings))


def test_a_map_is_drawn_with_what_is_believed_blocked():
    graph, places, _ = grid(3, 3)
    made = mapped(graph, places)
    shut = block_edges(made, torch.tensor([edge_id(made, 0, 1)]), time=0.0)
    axes = drawn(landmark_map(shut, now=0.0, route=(0, 3, 4)))
    free, blocked = (c for c in axes.collections if isinstance(c, LineCollection))
    assert len(free.get_segments()) == len(made) - 1
    assert blocked.get_array().tolist() == [3.0]
    drawn(landmark_map(made, now=0.0))


def test_a_map_is_drawn_where_it_is_told_to_be_with_the_way_on_top():
    graph, places, _ = grid(3, 3)
    made = mapped(graph, places)
    plane = made.landmarks[:, :2] * 10
    walls = torch.zeros(20, 20, dtype=torch.bool)
    figure = landmark_map(
        made, now=0.0, project=lambda latents: latents[:, :2] * 10, route=(0, 3, 4), walls=walls,
        start=made.landmarks[0], goal=made.landmarks[4], axes_told=("x (pixels)", "y (pixels)"),
    )  # fmt: skip
    axes = drawn(figure)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (pixels)", "y (pixels)")
    lines = {str(line.get_label()): line for line in axes.lines}
    assert lines["way"].get_xdata().tolist() == plane[[0, 3, 4], 0].tolist()
    assert lines["start"].get_xydata().tolist() == plane[[0]].tolist()
    assert lines["goal"].get_xydata().tolist() == plane[[4]].tolist()
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told == ["edge", "landmark", "way", "start", "goal"]
    # Edges that are not trusted are no part of what is planned on.
    rare = landmark_map(made, now=0.0, belief=Belief(least_count=10**6))
    assert not any(
        c.get_segments() for c in drawn(rare).collections if isinstance(c, LineCollection)
    )


def test_a_tree_is_drawn_with_every_node():
    problem = Branching(rows=2, actions=2, depth=3, seed=0)
    found = puct(problem.root(), problem.recurrent, PuctSettings(simulations=12))
    axes = drawn(search_tree(found.tree, 1, action=int(found.action[1])))
    row = found.tree.visits.view(2, 13)[1]
    assert len(axes.collections[0].get_offsets()) == int((row > 0).sum())
