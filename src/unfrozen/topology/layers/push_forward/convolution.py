"""Convolution: the neighbours of a cell, added up and mapped.

Source: Hajij et al. 2022, definition of convolutional push-forward, K = G H W.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unfrozen.topology.complex import Complex, Relation
from unfrozen.topology.complex.matrices.neighbourhood import Norm
from unfrozen.topology.layers.layer import (
    PushForward,
    check_choice,
    check_reflexive,
    glorot,
)


class Convolution(PushForward):
    """K = G H W (+ b).

    With a signed matrix and without a bias it commutes with changes of orientation, and so does a
    diagram of such maps whose nonlinearities are odd, such as tanh.

    Args:
        relation: G.
        width_in: features that are read.
        width_out: features that are written.
        norm: "none"; "mean", by the sums of absolute values in the rows of G; "symmetric", by the
            roots of these and of those in its columns.
        reflexive: whether each cell hears of itself as well, by an entry of one that counts in the
            norm; for relations that stay in their rank.
        bias: whether there is b.
        generator: draws W, on the CPU.
        device: as for any module.
        dtype: as for any module.

    Raises:
        TopologyError: a width is not positive, or cells of two ranks are to hear of themselves.

    Example:
        >>> from unfrozen.topology.complex import Complex, incidence
        >>> up = Convolution(incidence(0, 1).T, 3, 5, generator=torch.Generator().manual_seed(0))
        >>> up({0: torch.ones(4, 3)}, Complex({1: [[0, 1], [1, 2], [2, 3]]}))[1].shape
        torch.Size([3, 5])
    """

    note = "convolution"

    def __init__(
        self,
        relation: Relation,
        width_in: int,
        width_out: int,
        *,
        norm: Norm = "none",
        reflexive: bool = False,
        bias: bool = False,
        generator: torch.Generator,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(relation, {relation.source: width_in}, width_out)
        check_choice("a norm", norm, Norm)
        if reflexive:
            check_reflexive(relation)
        self.norm: Norm = norm
        self.reflexive = reflexive
        self.weight = glorot((width_in, width_out), generator, device, dtype)
        self.bias = nn.Parameter(torch.zeros_like(self.weight[0])) if bias else None

    def forward(
        self, cochains: Mapping[int, Float[Tensor, "_ _"]], complex_: Complex
    ) -> dict[int, Float[Tensor, "_ _"]]:
        """See `Layer.forward`."""
        x = self.read(cochains, self.relation.source)
        if self.relation.kind == "identity":
            found = x @ self.weight
        else:
            near = complex_.neighbourhood(self.relation)
            near = near.reflexive if self.reflexive else near
            (targets, sources), (wide, narrow) = near.shape, self.weight.shape
            # G (H W) and (G H) W are the same, and the one that takes fewer products is taken.
            if (
                sources * wide * narrow + len(near) * narrow
                <= (targets * narrow + len(near)) * wide
            ):
                found = near.sum(x @ self.weight, norm=self.norm)
            else:
                found = near.sum(x, norm=self.norm) @ self.weight
        return {self.relation.target: found if self.bias is None else found + self.bias}
