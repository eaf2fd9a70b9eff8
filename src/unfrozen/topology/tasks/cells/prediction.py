"""Cell prediction: a network sees the cells that are known and scores those that might be.

Cells that it learns from are hidden from it while it is asked for them, as those that count are.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex, identity, incidence
from unfrozen.topology.layers import Convolution, Layer, Merge, Messages
from unfrozen.topology.tasks.cells.scoring import SCORERS
from unfrozen.topology.tasks.classification.networks import BLOCKS, incidences
from unfrozen.topology.tasks.completion import Completion, Rows
from unfrozen.topology.tasks.ranking import Ranked, Ranks, auc, ranked, ranks

Seen = Literal["nothing", "pairs", "cells"]
"""What layers see: no complex at all, the graph of pairs, or the cells themselves."""
_AT_ONCE = 200_000  # sets scored together


@dataclass(frozen=True)
class PredictorSettings:
    """A network that scores cells, and how it is trained.

    Attributes:
        seen: "nothing" (embeddings alone), "pairs" (a graph baseline) or "cells".
        scorer: one of `SCORERS`.
        width: of embeddings.
        layers: of the network; none where nothing is seen.
        epochs: at most.
        patience: epochs without a better validation part after which it ends.
        batch_size: cells asked for at a time.
        negatives: false candidates for each.
        learning_rate: of Adam.
        decay: of the weights.

    Raises:
        TopologyError: a name is not known, or there is nothing to be done.
    """

    seen: Seen = "cells"
    scorer: str = "set"
    width: int = 32
    layers: int = 2
    epochs: int = 100
    patience: int = 20
    batch_size: int = 256
    negatives: int = 16
    learning_rate: float = 0.01
    decay: float = 0.0

    def __post_init__(self) -> None:
        if self.seen not in get_args(Seen):
            raise TopologyError(f"layers see {', '.join(get_args(Seen))}, not {self.seen!r}")
        if self.scorer not in SCORERS:
            raise TopologyError(f"no scorer {self.scorer!r}: there are {', '.join(SCORERS)}")
        if (
            min(self.width, self.epochs, self.batch_size, self.negatives) < 1
            or self.learning_rate <= 0
            or (self.seen == "nothing") != (self.layers == 0)
        ):
            raise TopologyError(
                "training takes an epoch, a batch and a false candidate at least, and layers "
                "where something is seen, and there only"
            )


@dataclass(frozen=True)
class Told:
    """How cells were told.

    Attributes:
        ranked: among all false candidates for each of the members that were asked for.
        auc: against false candidates, each with one member replaced by lot.
    """

    ranked: Ranked
    auc: float


class CellPredictor(nn.Module):
    """Embeddings of nodes, layers over what is seen, a score for each set.

    Args:
        task: whose nodes have embeddings.
        settings: of the network.
        generator: draws embeddings and weights.
    """

    def __init__(
        self, task: Completion, settings: PredictorSettings, *, generator: torch.Generator
    ) -> None:
        super().__init__()
        width = settings.width
        self.settings = settings
        self.nodes = nn.Parameter(torch.randn(task.n_nodes, width, generator=generator) / 2)
        self.scorer = SCORERS[settings.scorer](width, generator=generator)
        self.embed, self.layers = None, nn.ModuleList()
        if settings.seen == "pairs":
            block, _ = BLOCKS["gcn"]
            self.layers = nn.ModuleList(
                block(width, generator=generator) for _ in range(settings.layers)
            )
        if settings.seen == "cells":
            ranks = (0, *sorted({*task.context, task.rank}))
            parts: list[Layer] = [Convolution(identity(0), width, width, generator=generator)]
            parts += [Messages(incidence(0, r).T, aggregate="mean", width=width) for r in ranks[1:]]
            self.embed = Merge(*parts)
            self.layers = nn.ModuleList(
                incidences(width, ranks=ranks, generator=generator) for _ in range(settings.layers)
            )

    def seen(self, task: Completion, cells: Rows) -> Complex | None:
        """What the layers see of some cells."""
        if self.settings.seen == "nothing":
            return None
        return task.complex(cells) if self.settings.seen == "cells" else task.expansion(cells)

    def encoded(self, complex: Complex | None) -> Float[Tensor, "node width"]:  # noqa: A002
        """Embeddings of nodes after the layers, which add to what there was."""
        if complex is None:
            return self.nodes
        cochains = {0: self.nodes}
        if self.embed is not None:
            cochains = self.embed(cochains, complex)
        for layer in self.layers:
            cochains = {**cochains, **layer(cochains, complex)}
        return self.nodes + cochains[0]

    def forward(
        self,
        complex: Complex | None,  # noqa: A002
        cells: Int64[Tensor, "*cell member"],
    ) -> Float[Tensor, "*cell"]:
        """A score for each set."""
        return self.scorer(self.encoded(complex), cells)


@dataclass(frozen=True)
class Learnt:
    """What came of a training; the predictor is left as it was at its best.

    Attributes:
        epoch: that was best by the mean reciprocal rank of the validation part, from 0 on.
        validation: after it.
        test: after it.
        epochs: that were gone through.
    """

    epoch: int
    validation: Told
    test: Told
    epochs: int


def fit_cells(
    predictor: CellPredictor,
    task: Completion,
    *,
    members: tuple[int, ...] | None = None,
    seed: int = 0,
) -> Learnt:
    """Train a predictor by telling hidden cells from false ones.

    In each step some known cells are hidden, the network sees the others, and each hidden one is to
    score higher than its false candidates (softmax over it and them).

    Args:
        predictor: to be trained.
        task: what is known.
        members: that are asked for in the end; all by default.
        seed: of what is hidden and of false candidates.
    """
    settings = predictor.settings
    draw = np.random.default_rng(seed)
    optimizer = torch.optim.Adam(
        predictor.parameters(), settings.learning_rate, weight_decay=settings.decay
    )
    best, state, epochs = None, {}, 0
    for epoch in range(settings.epochs):
        predictor.train()
        order = draw.permutation(len(task.known))
        for begin in range(0, len(order), settings.batch_size):
            hidden = order[begin : begin + settings.batch_size]
            left = np.delete(task.known, hidden, 0)
            false = task.corrupted(
                task.known[hidden], settings.negatives, int(draw.integers(2**31))
            )
            sets = torch.from_numpy(np.concatenate([task.known[hidden][:, None], false], 1))
            scores = predictor(predictor.seen(task, left), sets)
            loss = F.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.int64))
            if not bool(loss.isfinite()):
                raise TopologyError("the loss is no number any more: lower the learning rate")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        epochs += 1
        told = tell(predictor, task, task.validation, members=members, seed=seed)
        if best is None or told.ranked.mrr > best.validation.ranked.mrr:
            best = Learnt(epoch, told, told, 0)
            state = {name: each.clone() for name, each in predictor.state_dict().items()}
        elif epoch - best.epoch >= settings.patience:
            break
    assert best is not None
    predictor.load_state_dict(state)
    test = tell(predictor, task, task.asked, members=members, seed=seed)
    return replace(best, test=test, epochs=epochs)


@torch.no_grad()
def tell(
    predictor: CellPredictor,
    task: Completion,
    cells: Rows,
    *,
    members: tuple[int, ...] | None = None,
    seed: int = 0,
) -> Told:
    """How well hidden cells are told, where all that is known is seen.

    Each member of each cell is asked for: the true one is ranked among all of its kind that would
    make no cell (filtered ranks).

    Args:
        predictor: trained.
        task: what is known, and what is true.
        cells: hidden ones.
        members: that are asked for; all by default.
        seed: of the false candidates of the AUC.
    """
    predictor.eval()
    nodes = predictor.encoded(predictor.seen(task, task.known))
    true = predictor.scorer(nodes, torch.from_numpy(cells))
    found = []
    step = max(1, _AT_ONCE // task.n_nodes)
    for member in range(task.size) if members is None else members:
        for begin in range(0, len(cells), step):
            some = slice(begin, begin + step)
            candidates = task.candidates(cells[some], member)
            others = predictor.scorer(nodes, torch.from_numpy(candidates.sets))
            found.append(ranks(true[some], others, torch.from_numpy(candidates.false)))
    false = torch.from_numpy(task.corrupted(cells, 10, seed).reshape(-1, task.size))
    every = Ranks(*(torch.cat(each) for each in zip(*found, strict=True)))
    return Told(ranked(every), auc(true, predictor.scorer(nodes, false)))
