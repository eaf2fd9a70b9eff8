"""Pictures of heads: how many patterns each needs, and how the classes change with depth."""

from typing import TYPE_CHECKING

from unfrozen.language.heads.analysis import CLASSES, Heads

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {
    "I": "I: global averaging",
    "II": "II: metastable, wide",
    "III": "III: metastable, narrow",
    "IV": "IV: near a single pattern",
}
# Even steps of one map that is safe for the colour-blind, from many patterns to one.
_COLOURS = {"I": "#fde725", "II": "#35b779", "III": "#31688e", "IV": "#440154"}


def head_classes(heads: Heads) -> "Figure":
    """Each head's share of patterns, and the classes of each layer.

    Args:
        heads: of a model.

    Returns:
        The picture; nothing is saved.

    Source: after figure 3 of Ramsauer et al. 2021.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    layers, width = len(heads.share), len(heads.share[0])
    figure = Figure(figsize=(11, max(3.2, 1.4 + 0.2 * layers)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    shares = [sorted(layer) for layer in heads.share]
    image = left.imshow(
        shares,
        aspect="auto",
        cmap="viridis",
        norm=LogNorm(vmin=1 / heads.length, vmax=1),
        interpolation="nearest",
        origin="lower",
    )
    left.set_title("patterns that carry 0.90 of the weight", fontsize=10)
    left.set_xlabel("heads of a layer, fewest patterns first")
    left.set_ylabel("layer")
    left.set_xticks([])
    figure.colorbar(image, ax=left, label="share of the patterns seen")
    start = [0] * layers
    for name in reversed(CLASSES):
        counts = [layer.count(name) for layer in heads.classes]
        right.barh(range(layers), counts, left=start, color=_COLOURS[name], label=NAMES[name])
        start = [s + c for s, c in zip(start, counts, strict=True)]
    right.set_title("operating classes", fontsize=10)
    right.set_xlabel("heads")
    right.set_xlim(0, width)
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    figure.suptitle(f"Heads of {heads.model} as Hopfield networks", fontsize=11, parse_math=False)
    return figure
