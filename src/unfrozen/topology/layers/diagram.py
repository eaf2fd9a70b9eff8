"""Tensor diagrams: merge and split nodes, and parts one after the other.

Every diagram is made of push-forwards, merge nodes and split nodes.  Source: Hajij et al. 2022,
definitions of merge node, split node and combinatorial complex neural network.
"""

from collections.abc import Iterable, Mapping

from jaxtyping import Float
from torch import Tensor, nn

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.layers.combining import (
    Beta,
    Function,
    How,
    Joined,
    NeighbourhoodAttention,
    combine,
    combined_width,
    named,
    width_after,
)
from unfrozen.topology.layers.drawing import Sketch, joined
from unfrozen.topology.layers.layer import Layer, check_choice


class Merge(Layer):
    """Parts that read the same cochains, joined where they write to the same rank.

    M(H) = beta(F_1(H) ⊗ F_2(H) ⊗ ...) for each rank that is written.  The target rank needs no
    cochain of its own, unless a part reads one.

    Args:
        branches: the parts, one or more.
        how: "sum", "mean", "concat" (side by side, in order), or a `NeighbourhoodAttention`.
        beta: a nonlinearity, or rank -> one; none by default.

    Raises:
        TopologyError: there are no parts, their features do not fit, or beta does not take them.
    """

    def __init__(
        self, *branches: Layer, how: How = "sum", beta: Beta | Mapping[int, Beta] | None = None
    ) -> None:
        super().__init__()
        if not branches:
            raise TopologyError("a merge node joins one part or more")
        _check_parts(branches)
        if not isinstance(how, NeighbourhoodAttention):
            check_choice("how parts are joined", how, Joined)
        self.branches = nn.ModuleList(branches)
        self.reads = _read_by(branches)
        self.how: How = how
        ranks = sorted({rank for branch in branches for rank in branch.writes})
        if isinstance(beta, Mapping) and not set(beta) <= set(ranks):
            raise TopologyError(
                f"there is a beta for ranks {sorted(beta)}, and the parts write to {ranks}"
            )
        found = dict(beta) if isinstance(beta, Mapping) else dict.fromkeys(ranks, beta)
        self.beta = nn.ModuleDict(
            {
                str(rank): own if isinstance(own, nn.Module) else Function(own)
                for rank, own in found.items()
                if own is not None
            }
        )
        self.writes = {}
        for rank in ranks:
            widths = [branch.writes[rank] for branch in branches if rank in branch.writes]
            width = combined_width(widths, how, rank)
            own = found.get(rank)
            self.writes[rank] = width if own is None else width_after(own, width, rank)

    @property
    def summands(self) -> list[Layer]:
        """The parts where nothing but their sum is taken, and otherwise this."""
        plain = self.how == "sum" and not self.beta
        return _layers(self.branches) if plain else [self]

    def forward(
        self, cochains: Mapping[int, Float[Tensor, "_ _"]], complex_: Complex
    ) -> dict[int, Float[Tensor, "_ _"]]:
        """See `Layer.forward`."""
        arrived: dict[int, list[Tensor]] = {}
        for branch in self.branches:
            for rank, own in branch(cochains, complex_).items():
                arrived.setdefault(rank, []).append(own)
        written = {}
        for rank, parts in arrived.items():
            one = combine(parts, self.how, rank)
            written[rank] = self.beta[str(rank)](one) if str(rank) in self.beta else one
        return written

    def trace(
        self, sketch: Sketch, at: Mapping[int, int], into: Mapping[int, int]
    ) -> dict[int, int]:
        """See `Layer.trace`."""
        how = "attention" if isinstance(self.how, NeighbourhoodAttention) else self.how
        written, begin = {}, len(sketch.arrows)
        for rank in self.writes:
            written[rank] = into[rank] if rank in into else sketch.cochain(rank)
        for branch in _layers(self.branches):
            branch.trace(sketch, at, {rank: written[rank] for rank in branch.writes})
        for rank, head in written.items():
            many = sum(rank in branch.writes for branch in _layers(self.branches)) > 1
            beta = named(self.beta[str(rank)]) if str(rank) in self.beta else ""
            note = joined([how if many else "", beta])
            if rank not in into:
                sketch.notes[head] = note
                continue
            # What is done here is done before what arrives along others is joined.
            sketch.arrows[begin:] = [
                own._replace(note=joined([own.note, note]))
                if own.head == head and own.note
                else own
                for own in sketch.arrows[begin:]
            ]
        return written


class Split(Layer):
    """Parts that read the same cochains and write to different ranks.

    Args:
        branches: the parts, two or more, each with its own nonlinearity where it has one.

    Raises:
        TopologyError: there are fewer, two write to one rank, or their features do not fit.
    """

    def __init__(self, *branches: Layer) -> None:
        super().__init__()
        if len(branches) < 2:
            raise TopologyError("a split node has two parts or more")
        _check_parts(branches)
        self.branches = nn.ModuleList(branches)
        self.reads = _read_by(branches)
        self.writes = {}
        for branch in branches:
            twice = sorted(set(self.writes) & set(branch.writes))
            if twice:
                raise TopologyError(
                    f"two parts of a split node write to rank {twice[0]}: merge them instead"
                )
            self.writes |= branch.writes

    def forward(
        self, cochains: Mapping[int, Float[Tensor, "_ _"]], complex_: Complex
    ) -> dict[int, Float[Tensor, "_ _"]]:
        """See `Layer.forward`."""
        written: dict[int, Tensor] = {}
        for branch in self.branches:
            written |= branch(cochains, complex_)
        return written

    def trace(
        self, sketch: Sketch, at: Mapping[int, int], into: Mapping[int, int]
    ) -> dict[int, int]:
        """See `Layer.trace`."""
        written: dict[int, int] = {}
        for branch in _layers(self.branches):
            own = {rank: into[rank] for rank in branch.writes if rank in into}
            written |= branch.trace(sketch, at, own)
        return written


class Diagram(Layer):
    """A tensor diagram: parts one after the other.

    Each part reads, of every rank, what was written to it last; what no part has written is read
    from what is given.  All ranks that were written are the result.

    Args:
        steps: the parts, in order.
        sources: ranks of the cochains that will be given; all that are needed by default.
        height: maps on the longest path, where that is to be checked.

    Raises:
        TopologyError: a part reads what neither is given nor was written before, features do not
            fit, or the height is another.

    Example:
        >>> import torch
        >>> from unfrozen.topology.complex import incidence
        >>> from unfrozen.topology.layers import Convolution
        >>> g = torch.Generator().manual_seed(0)
        >>> up = Convolution(incidence(0, 1).T, 3, 8, generator=g)
        >>> higher = Convolution(incidence(1, 2).T, 8, 4, generator=g)
        >>> print((up.then(torch.relu) >> higher).draw())
        given H0
        H1': relu
          H0 ── B(0,1)ᵀ, convolution 3→8 ──▶ H1'
        H2'
          H1' ── B(1,2)ᵀ, convolution 8→4 ──▶ H2'
        height 2
    """

    def __init__(
        self, *steps: Layer, sources: Iterable[int] | None = None, height: int | None = None
    ) -> None:
        super().__init__()
        _check_parts(steps)
        # A diagram at the front or the back is continued rather than nested.
        flat = [own for step in steps for own in (step.steps if type(step) is Diagram else [step])]
        if not flat:
            raise TopologyError("a diagram has one part or more")
        self.steps = nn.ModuleList(flat)
        given = None if sources is None else set(sources)
        self.reads, self.writes = {}, {}
        for number, step in enumerate(_layers(self.steps), 1):
            for rank, width in step.reads.items():
                if rank in self.writes:
                    _check_width(self.writes[rank], width, rank, f"part {number} of a diagram")
                elif given is not None and rank not in given:
                    raise TopologyError(
                        f"part {number} of a diagram reads rank {rank}, to which nothing was "
                        f"written; given are {sorted(given)}"
                    )
                else:
                    _check_width(self.reads.get(rank), width, rank, f"part {number} of a diagram")
                    self.reads[rank] = self.reads.get(rank) or width
            self.writes |= step.writes
        if height is not None and height != self.height:
            raise TopologyError(f"a diagram has height {self.height}, not {height}:\n{self.draw()}")

    def forward(
        self, cochains: Mapping[int, Float[Tensor, "_ _"]], complex_: Complex
    ) -> dict[int, Float[Tensor, "_ _"]]:
        """See `Layer.forward`."""
        written: dict[int, Tensor] = {}
        for step in self.steps:
            written |= step({**cochains, **written}, complex_)
        return written

    def trace(
        self, sketch: Sketch, at: Mapping[int, int], into: Mapping[int, int]
    ) -> dict[int, int]:
        """See `Layer.trace`."""
        steps = _layers(self.steps)
        last = {rank: number for number, step in enumerate(steps) for rank in step.writes}
        written: dict[int, int] = {}
        for number, step in enumerate(steps):
            own = {r: into[r] for r in step.writes if r in into and last[r] == number}
            written |= step.trace(sketch, {**at, **written}, own)
        return written


def _layers(modules: nn.ModuleList) -> list[Layer]:
    return [module for module in modules if isinstance(module, Layer)]


def _check_parts(parts: tuple[Layer, ...]) -> None:
    for part in parts:
        if not isinstance(part, Layer):
            raise TopologyError(
                f"{named(part)} is no part of a diagram: put functions and modules of torch behind "
                "one with .then(...), and layers of PyTorch Geometric into a GraphLayer"
            )


def _read_by(branches: tuple[Layer, ...]) -> dict[int, int | None]:
    """What parts that read the same cochains read."""
    reads: dict[int, int | None] = {}
    for number, branch in enumerate(branches, 1):
        for rank, width in branch.reads.items():
            _check_width(reads.get(rank), width, rank, f"branch {number}")
            reads[rank] = reads.get(rank) or width
    return reads


def _check_width(there: int | None, asked: int | None, rank: int, where: str) -> None:
    if there is not None and asked is not None and there != asked:
        raise TopologyError(
            f"{where} reads {asked} features of rank {rank}, where there are {there}"
        )
