"""Planning over a map of latents: landmarks, edges that were really taken, and what they cost."""

from unfrozen.world.planning.landmarks.choices import choices
from unfrozen.world.planning.landmarks.critic import GraphCritic, graph_critic
from unfrozen.world.planning.landmarks.evidence import Belief, block, block_edges, clear
from unfrozen.world.planning.landmarks.graph import (
    LandmarkGraph,
    build,
    empty_graph,
    farthest_points,
    observe,
)
from unfrozen.world.planning.landmarks.imagined import Imagined, ImagineSettings, imagine
from unfrozen.world.planning.landmarks.paths import Ways, route, ways
from unfrozen.world.planning.landmarks.planner import (
    LandmarkPlan,
    LandmarkSettings,
    SubGoals,
    landmark_plan,
    subgoals,
)

__all__ = [
    "Belief",
    "GraphCritic",
    "ImagineSettings",
    "Imagined",
    "LandmarkGraph",
    "LandmarkPlan",
    "LandmarkSettings",
    "SubGoals",
    "Ways",
    "block",
    "block_edges",
    "build",
    "choices",
    "clear",
    "empty_graph",
    "farthest_points",
    "graph_critic",
    "imagine",
    "landmark_plan",
    "observe",
    "route",
    "subgoals",
    "ways",
]
