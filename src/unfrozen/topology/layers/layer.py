"""What all parts of a tensor diagram have in common: what they read, what they write, one call."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex, Relation
from unfrozen.topology.layers.drawing import Sketch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from unfrozen.topology.layers.diagram import Diagram, Merge, Split

Widths = Mapping[int, int | None]


class Layer(nn.Module, ABC):
    """A part of a tensor diagram: it reads cochains of some ranks, and writes some.

    Parts compose: `f >> g` lets g read what f wrote, `f + g` adds up what both write, `f | g` keeps
    what they write to different ranks side by side, and `f.then(beta)` puts a nonlinearity behind.

    Attributes:
        reads: rank -> features of the cochains that are read; None where any number will do.
        writes: rank -> features of the cochains that are written; None where that depends.
    """

    reads: dict[int, int | None]
    writes: dict[int, int | None]

    @abstractmethod
    def forward(
        self, cochains: Mapping[int, Float[Tensor, "_ _"]], complex_: Complex
    ) -> dict[int, Float[Tensor, "_ _"]]:
        """What is written.

        Args:
            cochains: rank -> features of its cells; those that are not read may be there.
            complex_: the complex, or a batch of them as one.

        Raises:
            TopologyError: a cochain is missing, or fits neither the complex nor the layer.
        """

    @abstractmethod
    def trace(
        self, sketch: Sketch, at: Mapping[int, int], into: Mapping[int, int]
    ) -> dict[int, int]:
        """Draw the part into a sketch.

        Args:
            sketch: to which maps and cochains are added.
            at: rank -> the cochain that is read there.
            into: rank -> the cochain that is written, where it is there already.

        Returns:
            Rank -> the cochain that is written.
        """

    def sketch(self) -> Sketch:
        """The graph of cochains and maps."""
        sketch = Sketch()
        self.trace(sketch, {rank: sketch.cochain(rank) for rank in sorted(self.reads)}, {})
        return sketch

    @property
    def height(self) -> int:
        """Maps on the longest path from what is read to what is written."""
        return self.sketch().height

    def draw(self) -> str:
        """The tensor diagram as text: each cochain, and the maps that end there."""
        return str(self.sketch())

    def figure(self, title: str = "") -> "Figure":
        """The tensor diagram as a picture; nothing is saved."""
        return self.sketch().figure(title)

    def __rshift__(self, other: "Layer") -> "Diagram":
        """One part after the other."""
        from unfrozen.topology.layers.diagram import Diagram

        return Diagram(self, other)

    def __add__(self, other: "Layer") -> "Merge":
        """Both parts, added up where they write to the same rank."""
        from unfrozen.topology.layers.diagram import Merge

        # A plain sum is continued rather than nested.
        parts = [self, other]
        flat = [own for part in parts for own in (part.summands if type(part) is Merge else [part])]
        return Merge(*flat)

    def __or__(self, other: "Layer") -> "Split":
        """Both parts side by side, writing to different ranks."""
        from unfrozen.topology.layers.diagram import Split

        return Split(self, other)

    def then(self, beta: Callable[[Tensor], Tensor]) -> "Merge":
        """The same with a nonlinearity behind."""
        from unfrozen.topology.layers.diagram import Merge

        return Merge(*(self.summands if type(self) is Merge else [self]), beta=beta)


class PushForward(Layer):
    """A map of cochains along one neighbourhood: the elementary part of every diagram.

    Args:
        relation: along which matrix.
        reads: as for any layer.
        width: features that are written to the relation's target; None where that depends.

    Source: Hajij et al. 2022, definition of the push-forward of a cochain map.
    """

    note = "push-forward"

    def __init__(self, relation: Relation, reads: Widths, width: int | None) -> None:
        super().__init__()
        self.relation = relation
        self.reads = dict(reads)
        self.writes = {relation.target: width}
        widths = [each for each in (*self.reads.values(), width) if each is not None]
        if any(each < 1 for each in widths):
            raise TopologyError(f"a map along {relation} has at least one feature, not {widths}")

    def trace(
        self, sketch: Sketch, at: Mapping[int, int], into: Mapping[int, int]
    ) -> dict[int, int]:
        """See `Layer.trace`."""
        from unfrozen.topology.layers.drawing import Arrow

        target, source = self.relation.target, self.relation.source
        head = into[target] if target in into else sketch.cochain(target)
        sketch.arrows.append(Arrow(at[source], head, str(self.relation), self.described()))
        sketch.arrows += [
            Arrow(at[rank], head, str(self.relation), "") for rank in self.reads if rank != source
        ]
        return {target: head}

    def described(self) -> str:
        """What kind of map it is, and between which features."""
        one, other = self.reads[self.relation.source], self.writes[self.relation.target]
        widths = "" if one is None or other is None else f" {one}→{other}"
        return f"{self.note}{widths}"

    def extra_repr(self) -> str:
        """What torch prints of it."""
        return f"{self.relation}, {self.described()}"

    def read(self, cochains: Mapping[int, Tensor], rank: int) -> Tensor:
        """A cochain that is read.

        Raises:
            TopologyError: it is missing, or has other features than those that are read.
        """
        return read(cochains, rank, self.reads[rank], str(self.relation))


def read(cochains: Mapping[int, Tensor], rank: int, width: int | None, where: str) -> Tensor:
    """A cochain of some features.

    Raises:
        TopologyError: it is missing, or has other features.
    """
    found = cochains.get(rank)
    if found is None:
        raise TopologyError(
            f"{where} reads a cochain of rank {rank}, and those given are of ranks "
            f"{', '.join(str(own) for own in sorted(cochains)) or 'none'}"
        )
    if found.ndim != 2 or (width is not None and found.shape[1] != width):
        raise TopologyError(
            f"{where} reads {'[cell, feature]' if width is None else f'{width} features'} of rank "
            f"{rank}, and the cochain is {list(found.shape)}"
        )
    return found


def check_choice(what: str, given: object, kind: object) -> None:
    """Check that a word is one of a `Literal`.

    Raises:
        TopologyError: it is none.
    """
    words = get_args(kind)
    if given not in words:
        raise TopologyError(f"{what} is {given!r}: choose from {', '.join(map(str, words))}")


def check_reflexive(relation: Relation) -> None:
    """Check that cells can hear of themselves along a relation.

    Raises:
        TopologyError: it leads from one rank to another.
    """
    if relation.source != relation.target:
        raise TopologyError(f"along {relation}, between two ranks, no cell hears of itself")


def glorot(
    shape: tuple[int, ...],
    generator: torch.Generator,
    device: torch.device | str | None,
    dtype: torch.dtype | None,
) -> nn.Parameter:
    """Weights of [in, out], or of [head, feature], drawn on the CPU as of Glorot and Bengio."""
    drawn = nn.init.xavier_uniform_(torch.empty(shape, device="cpu"), generator=generator)
    device = torch.get_default_device() if device is None else device
    return nn.Parameter(drawn.to(device, torch.get_default_dtype() if dtype is None else dtype))
