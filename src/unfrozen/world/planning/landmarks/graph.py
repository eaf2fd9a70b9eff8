"""A map of latents: landmarks among what was seen, and edges where something really went.

Distances between latents are right nearby and wrong across a detour.  So the map keeps only what
happened: an edge is there because transitions were seen to take it, and says how often, how far,
how many steps, from which evidence, and when it was seen last.
"""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.errors import WorldError
from unfrozen.world.distances import neighbours

NEVER = -math.inf


@dataclass(frozen=True, eq=False)
class LandmarkGraph:
    """Landmarks and directed edges between them; every change makes a new graph.

    Attributes:
        landmarks: latents.
        source: where each edge begins.
        target: where it leads.
        ids: of the edges; they stay with them, and are not used twice.
        counts: how often each was taken.
        lengths: the distance of its landmarks in latent space.
        steps: the mean number of steps it took.
        evidence: the id of the trajectory in which it was taken last; -1 if it has none.
        verified: the time of it.
        strengths: of the belief that it is blocked, at the time `blocked`.
        blocked: when it was last found blocked; minus infinity if never.
        next_id: of an edge to come.
    """

    landmarks: Float[Tensor, "n d"]
    source: Int[Tensor, " edge"]
    target: Int[Tensor, " edge"]
    ids: Int[Tensor, " edge"]
    counts: Int[Tensor, " edge"]
    lengths: Float[Tensor, " edge"]
    steps: Float[Tensor, " edge"]
    evidence: Int[Tensor, " edge"]
    verified: Float[Tensor, " edge"]
    strengths: Float[Tensor, " edge"]
    blocked: Float[Tensor, " edge"]
    next_id: int = 0

    @property
    def n(self) -> int:
        """The number of landmarks."""
        return len(self.landmarks)

    def __len__(self) -> int:
        return len(self.source)

    def place(self, latents: Float[Tensor, "*batch d"]) -> Int[Tensor, "*batch"]:
        """The nearest landmark of each latent.

        Raises:
            WorldError: they have another width.
        """
        if latents.shape[-1] != self.landmarks.shape[1]:
            raise WorldError(
                f"this map is of latents of width {self.landmarks.shape[1]}, not "
                f"{latents.shape[-1]}"
            )
        flat = latents.reshape(-1, latents.shape[-1])
        return neighbours(flat, self.landmarks).indices.view(latents.shape[:-1])

    def without(self, ids: int | Iterable[int]) -> "LandmarkGraph":
        """The map without the edges of these ids.

        Raises:
            WorldError: there is no such edge.
        """
        gone = {ids} if isinstance(ids, int) else set(ids)
        unknown = gone - set(self.ids.tolist())
        if unknown:
            raise WorldError(f"there is no edge {min(unknown)} in this map")
        lost = torch.tensor(sorted(gone), dtype=torch.long, device=self.ids.device)
        return self._rows(~torch.isin(self.ids, lost))

    def _rows(self, kept: Tensor) -> "LandmarkGraph":
        return dataclasses.replace(self, **{name: getattr(self, name)[kept] for name in EDGES})


EDGES = (
    "source", "target", "ids", "counts", "lengths", "steps", "evidence", "verified", "strengths",
    "blocked",
)  # fmt: skip


def farthest_points(
    points: Float[Tensor, "n d"], k: int, first: int = 0
) -> Int[Tensor, " k"]:  # fmt: skip
    """Points that lie far from one another: each the farthest from those before (Gonzalez 1985).

    Within twice the best possible covering radius.  Ends early where all points are covered.

    Args:
        points: to choose from.
        k: how many.
        first: the one to begin with.

    Raises:
        WorldError: there are fewer points than are asked for.
    """
    if not 0 < k <= len(points) or not 0 <= first < len(points):
        raise WorldError(f"{k} landmarks cannot be chosen from {len(points)} points")
    chosen = torch.empty(k, dtype=torch.long, device=points.device)
    far = points.new_full((len(points),), math.inf)
    at = torch.tensor(first, device=points.device)
    for number in range(k):
        chosen[number] = at
        far = torch.minimum(far, (points - points[at]).square().sum(1))
        greatest, at = far.max(0)
        if greatest == 0:
            return chosen[: number + 1]
    return chosen


def empty_graph(landmarks: Float[Tensor, "n d"]) -> LandmarkGraph:
    """Landmarks without edges.

    Raises:
        WorldError: there are none, or some are not finite.
    """
    if landmarks.ndim != 2 or not len(landmarks) or not bool(landmarks.isfinite().all()):
        raise WorldError(f"landmarks are finite latents [n, d], not {list(landmarks.shape)}")
    none = landmarks.new_empty(0, dtype=torch.long)
    time = landmarks.new_empty(0, dtype=torch.float64)
    length = landmarks.new_empty(0)
    return LandmarkGraph(
        landmarks, none, none, none, none, length, length, none, time, time, time
    )  # fmt: skip


def build(
    trajectories: Float[Tensor, "b t d"],
    landmarks: int = 200,
    *,
    time: float = 0.0,
    most: int = 20_000,
) -> LandmarkGraph:
    """A map of trajectories of latents.

    Args:
        trajectories: as they were seen.
        landmarks: how many to choose, by farthest-point sampling.
        time: when this was, in the unit of the planner's `now`.
        most: landmarks are chosen from at most so many latents, evenly among all.

    Raises:
        WorldError: there are fewer latents than landmarks, or some are not finite.
    """
    flat = trajectories.flatten(0, 1)
    if not bool(flat.isfinite().all()):
        raise WorldError("a map is made of finite latents")
    some = flat[:: max(1, math.ceil(len(flat) / most))]
    graph = empty_graph(some[farthest_points(some, landmarks)])
    return observe(graph, trajectories, time=time)


def observe(
    graph: LandmarkGraph,
    trajectories: Float[Tensor, "b t d"],
    *,
    time: float,
    evidence: Int[Tensor, " b"] | None = None,
) -> LandmarkGraph:
    """The map after these trajectories: edges taken are counted and verified, new ones added.

    An edge leads from one landmark's cell to the next one that was entered.  It is not said to be
    blocked any more if this is later than when it was found so.

    Args:
        graph: the map so far.
        trajectories: latents in their order.
        time: when this was; one time for all.
        evidence: an id a trajectory, to be cited; their number in this call by default.

    Raises:
        WorldError: the time or the ids make no sense.
    """
    b, t = trajectories.shape[:2]
    if not math.isfinite(time) or (evidence is not None and evidence.shape != (b,)):
        raise WorldError("what is observed has a finite time and one id of evidence a trajectory")
    device = graph.landmarks.device
    ids = torch.arange(b, device=device) if evidence is None else evidence.to(device)
    at = graph.place(trajectories)
    moved = at[:, 1:] != at[:, :-1]
    # The steps since a cell was entered, at the last step in it.
    index = torch.arange(t - 1, device=device).expand(b, -1)
    entered = torch.zeros_like(index)
    entered[:, 1:] = torch.where(moved[:, :-1], index[:, 1:], 0)
    took = (index + 1 - entered.cummax(1).values if t > 1 else index)[moved]
    keys = (at[:, :-1] * graph.n + at[:, 1:])[moved]
    if not len(keys):
        return graph
    rows = ids[:, None].expand(b, t - 1)[moved]
    return _merge(graph, keys, took.to(graph.steps), rows, time)


def _merge(
    graph: LandmarkGraph, keys: Tensor, took: Tensor, rows: Tensor, time: float
) -> LandmarkGraph:
    old = graph.source * graph.n + graph.target
    every, inverse = torch.cat([old, keys]).unique(return_inverse=True)
    mine, seen = inverse[: len(old)], inverse[len(old) :]
    m = len(every)

    def spread(part: Tensor, fill: int | float) -> Tensor:
        return part.new_full((m,), fill).index_copy(0, mine, part)

    counts = spread(graph.counts, 0)
    new = torch.zeros_like(counts).index_add(0, seen, torch.ones_like(seen))
    total = (spread(graph.steps, 0) * counts).index_add(0, seen, took)
    verified = spread(graph.verified, NEVER)
    later = (new > 0) & (time >= verified)
    latest = torch.full_like(counts, -1).scatter_reduce(0, seen, rows, "amax")
    ids = spread(graph.ids, -1)
    fresh = ids < 0
    ids = torch.where(fresh, graph.next_id + fresh.cumsum(0) - 1, ids)
    source, target = every // graph.n, every % graph.n
    merged = dataclasses.replace(
        graph,
        source=source,
        target=target,
        ids=ids,
        counts=counts + new,
        lengths=(graph.landmarks[source] - graph.landmarks[target]).norm(dim=1),
        steps=total / (counts + new).clamp(min=1),
        evidence=torch.where(later, latest, spread(graph.evidence, -1)),
        verified=torch.where(later, time, verified),
        strengths=spread(graph.strengths, 0.0),
        blocked=spread(graph.blocked, NEVER),
        next_id=graph.next_id + int(fresh.sum()),
    )
    return merged._rows(merged.ids.argsort())
