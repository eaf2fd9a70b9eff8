"""Rows of tokens that begin alike, run once: what they share is computed once.

The prompts of an edit are the same few openings before the same few sentences, so most of their
tokens stand behind the very tokens that another row has there too.  Attention is causal: such
tokens have the same states.  Rows are laid out as a tree whose nodes see their ancestors only, and
one pass over the nodes serves them all.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.language.architecture.replay import KeyValues
from unfrozen.language.model import LanguageModel, Role, Run

# A tree that saves less than this is not worth its mask.
_WORTH = 0.8


@dataclass(frozen=True)
class TokenTree:
    """Rows of tokens as a tree of the tokens that differ in what is before them.

    Attributes:
        ids: token of each node; a node's parent stands before it.
        depth: how many tokens are before it.
        ancestor: for each depth the ancestor of each node there, itself at its own depth; -1 below.
        places: the node of each token of each row; behind a row's end, its last node.
    """

    ids: Int[Tensor, " node"]
    depth: Int[Tensor, " node"]
    ancestor: Int[Tensor, "node time"]
    places: Int[Tensor, "row time"]

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> "TokenTree":
        """Lay out rows, on the CPU.

        Args:
            rows: token ids, one at least in each.

        Example:
            >>> tree = TokenTree.of([[5, 6, 7], [5, 6, 8, 9]])
            >>> tree.ids.tolist(), tree.depth.tolist()
            ([5, 6, 7, 8, 9], [0, 1, 2, 2, 3])
            >>> tree.places.tolist()
            [[0, 1, 2, 2], [0, 1, 3, 4]]
        """
        longest = max(map(len, rows))
        number: dict[tuple[int, int], int] = {}
        ids: list[int] = []
        paths: list[list[int]] = []
        places: list[list[int]] = []
        for row in rows:
            path: list[int] = []
            for token in row:
                key = (path[-1] if path else -1, token)
                if key not in number:
                    number[key] = len(ids)
                    ids.append(token)
                    paths.append([*path, number[key]])
                path.append(number[key])
            places.append(path + path[-1:] * (longest - len(path)))
        depth = [len(path) - 1 for path in paths]
        ancestor = [path + [-1] * (longest - len(path)) for path in paths]
        made = (torch.tensor(x, device="cpu") for x in (ids, depth, ancestor, places))
        return cls(*made)

    def visible(self) -> Tensor:
        """Which nodes each node sees, [node, node]: its ancestors and itself."""
        n = len(self.ids)
        seen = torch.zeros(n, n + 1, dtype=torch.bool, device="cpu")
        # What has no ancestor at a depth marks a column that is dropped.
        seen.scatter_(1, self.ancestor.where(self.ancestor >= 0, n), True)
        return seen[:, :n]


@dataclass(frozen=True)
class SharedRun:
    """What passed at the nodes of a run, and where the tokens of each row are among them.

    Attributes:
        places: the node of each token of each row.
        entering: the residual stream entering block 0, at each node.
        kept: role -> layer -> what passed at each node.
        keys: a tensor a layer, if the cache was kept.
        values: likewise.
    """

    places: Int[Tensor, "row time"]
    entering: Float[Tensor, "node _"]
    kept: Mapping[Role, Mapping[int, Float[Tensor, "node _"]]]
    keys: tuple[Float[Tensor, "_ node _"], ...]
    values: tuple[Float[Tensor, "_ node _"], ...]

    def state_before(self, layer: int) -> Float[Tensor, "node _"]:
        """The residual stream entering a block."""
        return self.entering if layer == 0 else self.kept["state"][layer - 1]

    def prefix(self, rows: Int[Tensor, " chosen"], ends: Int[Tensor, " chosen"]) -> KeyValues:
        """Keys and values before a position of each row, aligned on the right.

        Rows with fewer are filled up on the left, with what an attention mask has to hide.

        Args:
            rows: which.
            ends: the position that each ends before.
        """
        longest = int(ends.max())
        times = torch.arange(-longest, 0, device=ends.device) + ends[:, None]
        nodes = self.places[rows[:, None], times.clamp(min=0)]

        def taken(kept: Tensor) -> Tensor:
            return kept[:, nodes].transpose(0, 1)

        return KeyValues(tuple(map(taken, self.keys)), tuple(map(taken, self.values)))


@torch.no_grad()
def run_shared(
    lm: LanguageModel,
    ids: Int[Tensor, "row time"],
    lengths: Int[Tensor, " row"],
    *,
    keep: Collection[Role],
    keep_layers: Collection[int],
    keep_cache: bool = False,
    stop_after: int | None = None,
) -> SharedRun:
    """Run rows and keep what passes; what they share is run once, where the model allows it.

    Whether it does is not asked but seen: the longest row is run by itself too, and where the two
    disagree (a sliding window that it does not fit in, positions that are not given to the model)
    all rows are run one beside another.

    Args:
        lm: the model.
        ids: rows, padded on the right with anything.
        lengths: of the rows.
        keep: what to keep.
        keep_layers: of which layers; the last of them tells whether the tree is true.
        keep_cache: whether to keep keys and values.
        stop_after: the last block to run.

    Raises:
        ModelError: a row is longer than the model can read.
    """
    longest = int(lengths.max())
    lm.check_length(longest)
    tree = TokenTree.of([row[:n] for row, n in zip(ids.tolist(), lengths.tolist(), strict=True)])
    settings = {"keep": tuple(keep), "keep_layers": set(keep_layers), "stop_after": stop_after}
    if len(tree.ids) < _WORTH * ids.shape[0] * longest:
        row = lengths.argmax()
        alone = lm.run(ids[row : row + 1, :longest], read="last", **settings)
        try:
            run = _run_tree(lm, tree, keep_cache, settings)
        except (RuntimeError, TypeError, ValueError):
            run = None
        if run is not None and _agree(run, alone, tree.places[row], tuple(keep), max(keep_layers)):
            return _shared(run, tree.places.to(lm.device), keep_layers, keep_cache)
    run = lm.run(ids[:, :longest], keep_cache=keep_cache, read="last", **settings)
    times = torch.arange(longest, device=lm.device).minimum(lengths[:, None].to(lm.device) - 1)
    places = torch.arange(len(ids), device=lm.device)[:, None] * longest + times
    return _shared(run, places, keep_layers, keep_cache)


def _run_tree(
    lm: LanguageModel, tree: TokenTree, keep_cache: bool, settings: Mapping[str, object]
) -> Run:
    visible = tree.visible().to(lm.device)
    # Added to the scores, which every kind of attention takes.
    mask = torch.zeros(visible.shape, dtype=lm.dtype, device=lm.device)
    mask.masked_fill_(~visible, torch.finfo(lm.dtype).min)
    return lm.run(
        tree.ids.to(lm.device)[None],
        keep_cache=keep_cache,
        read="last",
        position_ids=tree.depth.to(lm.device)[None],
        attention_mask=mask[None, None],
        **settings,  # pyright: ignore[reportArgumentType]
    )


def _agree(
    run: Run, alone: Run, places: Int[Tensor, " time"], keep: Sequence[Role], layer: int
) -> bool:
    """Whether a row of the tree holds at its end what it holds by itself."""
    for role in keep:
        ours = run.kept[role][layer][0, int(places[-1])].float()
        own = alone.kept[role][layer][0, -1].float()
        half = run.kept[role][layer].dtype in (torch.bfloat16, torch.float16)
        if not bool((ours - own).norm() <= (5e-2 if half else 1e-3) * own.norm()):
            return False
    return True


def _shared(
    run: Run, places: Int[Tensor, "row time"], layers: Collection[int], cache: bool
) -> SharedRun:
    kept: dict[Role, dict[int, Tensor]] = {
        role: {layer: values[layer].flatten(0, 1) for layer in layers}
        for role, values in run.kept.items()
    }
    keys = values = ()
    if cache:
        assert run.cache is not None
        keys = tuple(x.transpose(0, 1).flatten(1, 2) for x in run.cache.keys)
        values = tuple(x.transpose(0, 1).flatten(1, 2) for x in run.cache.values)
    return SharedRun(places, run.entering.flatten(0, 1), kept, keys, values)
