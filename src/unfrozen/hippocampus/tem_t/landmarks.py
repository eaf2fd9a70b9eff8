"""Where a walk is, inferred from what it sees there: landmark correction that is learnt.

Actions alone do not tell where a walk is if they do not tell where it began: from someone unknown
in a family, up to the parent and down to the first child is either back or to a sibling.  What is
seen there tells which, so the code is drawn to the code of where the same was seen, and away from
those of where it was expected and something else was seen.  By how much, and by what it becomes
then, is learnt with the rest.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from unfrozen.hippocampus.tem_t.history import History
from unfrozen.hippocampus.tem_t.positions import Positions

# At the start, memories of the same symbol draw from about half of the way.
_BETA, _NULL = 10.0, 5.0
# Hidden units for each feature of a code.
_HIDDEN = 2


class Landmarks(nn.Module):
    """c = e + r⁺ - s⁺ e + relu([e, r⁺, r⁻, s⁺, s⁻] A) B, of a code e and the memories of its walk.

    r⁺ are the codes of where the same symbol was seen, mixed by a softmax of β times the cosine of
    keys beside a null pattern, and s⁺ is what that leaves to memories; r⁻ and s⁻ are the same of
    all memories, without those of the symbol: a step of the modern Hopfield network each, of which
    a `History` keeps the memories.  At the start B is zero: the code goes to what is
    retrieved.

    Args:
        width: of codes.
        generator: draws A.

    Source: inference of position by the memory as in Whittington et al. 2020 (methods, inference
        model), with the memory of Whittington et al. 2022; the weights against what was expected
        are this project's.
    """

    def __init__(self, width: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.log_beta = nn.Parameter(torch.tensor(math.log(_BETA)))
        self.null = nn.Parameter(torch.tensor(_NULL))
        self.asks = nn.Parameter(torch.eye(width))
        inputs = 3 * width + 2
        drawn = torch.randn(inputs, _HIDDEN * width, generator=generator)
        self.reads = nn.Parameter(drawn / math.sqrt(inputs))
        self.moves = nn.Parameter(torch.zeros(_HIDDEN * width, width))

    def key(self, codes: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Keys and queries, of length one."""
        return F.normalize((codes - codes.mean(-1, keepdim=True)) @ self.asks, dim=-1)

    def forward(
        self,
        codes: Float[Tensor, "b d"],
        memories: History,
        same: Bool[Tensor, "b n"],
    ) -> Float[Tensor, "b d"]:
        """Codes after what is seen there.

        Args:
            codes: by actions.
            memories: of the walk so far: its codes, by their keys.
            same: whether what was seen there is what is seen here.
        """
        found = self.log_beta.exp() * memories.scores(self.key(codes))
        alike = self._weights(found.masked_fill(~same, -math.inf))
        unlike = self._weights(found).masked_fill(same, 0.0)
        weights = torch.stack([alike, unlike], 1)
        drawn, some = memories.mix(weights), weights.sum(2)
        read = torch.cat([codes, drawn.flatten(1), some], 1) @ self.reads
        return codes + drawn[:, 0] - some[:, :1] * codes + read.relu() @ self.moves

    def _weights(self, scores: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        null = self.null.expand(len(scores), 1)
        return torch.cat([null, scores], 1).softmax(1)[:, 1:]


def inferred(
    positions: Positions,
    landmarks: Landmarks,
    symbols: Int[Tensor, "b t"],
    actions: Int[Tensor, "b t"],
) -> tuple[Float[Tensor, "b t d"], Float[Tensor, "b t d"]]:
    """Codes along walks before and after what is seen there tells more.

    Args:
        positions: that actions drive.
        landmarks: that infer.
        symbols: what was seen.
        actions: what led there.
    """
    b, t = symbols.shape
    codes = positions.start(b)
    memories = History(codes, t, mixtures=2)
    same = symbols[:, :, None] == symbols[:, None, :]
    asked, after = [], []
    for now in range(t):
        codes = positions.step(codes, actions[:, now])
        asked.append(codes)
        if now:
            codes = positions.settle(landmarks(codes, memories, same[:, now, :now]))
        codes = memories.write(codes, landmarks.key(codes))
        after.append(codes)
    return torch.stack(asked, 1), torch.stack(after, 1)
