"""Pictures of causal traces: where in a prompt and how deep a fact is carried."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from unfrozen.language.statistics import Mean
from unfrozen.language.tracing import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {
    "state": "hidden state",
    "mlp": "MLP output",
    "attention": "attention output",
    "severed-mlp": "hidden state, later MLPs severed",
    "severed-attention": "hidden state, later attention severed",
}
"""What each kind of restoration restores."""

# Sequential maps, even in lightness and safe for the colour-blind: one hue a kind of module.
_MAPS = {"state": "Purples", "mlp": "Greens", "attention": "Oranges"}
_COLOURS = {
    "state": "#6a51a3",
    "mlp": "#1b7837",
    "attention": "#d95f02",
    "severed-mlp": "#1b7837",
    "severed-attention": "#d95f02",
}
_DASHED = ("severed-mlp", "severed-attention")


def heat_map(trace: Trace, kinds: Sequence[str] | None = None) -> "Figure":
    """The indirect effect of every token and layer, a panel a kind; the subject is marked.

    Args:
        trace: of one prompt.
        kinds: which kinds of restoration; all that were traced by default.

    Returns:
        The picture; nothing is saved.

    Source: after figure 1 of Meng et al. 2022.
    """
    from matplotlib.figure import Figure

    kinds = list(trace.effects) if kinds is None else list(kinds)
    n_tokens = trace.effects[kinds[0]].shape[0]
    height = 1.9 + 0.27 * n_tokens
    figure = Figure(figsize=(2.2 + 3.9 * len(kinds), height), layout="constrained")
    axes = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    top = max(float(trace.effects[k].max()) for k in kinds)
    start, stop = trace.subject_span
    for ax, kind in zip(axes, kinds, strict=True):
        image = ax.imshow(
            trace.effects[kind].numpy(),
            aspect="auto",
            cmap=_MAPS.get(kind, "Greys"),
            vmin=0,
            vmax=max(top, 1e-6),
            interpolation="nearest",
        )
        window = kind in ("mlp", "attention") and trace.window > 1
        ax.set_title(
            TITLES[kind] + (f"\nwindow of {trace.window} layers" if window else ""), fontsize=10
        )
        ax.set_xlabel("layer" if not window else "layer (centre of the window)")
        ax.axhline(start - 0.5, color="black", lw=0.8, ls=":")
        ax.axhline(stop - 0.5, color="black", lw=0.8, ls=":")
        figure.colorbar(image, ax=ax, shrink=0.9, pad=0.02)
    first = axes[0]
    first.set_yticks(range(n_tokens))
    first.set_yticklabels(
        [_label(token, start <= i < stop) for i, token in enumerate(trace.tokens)]
    )
    for i in range(start, stop):
        first.get_yticklabels()[i].set_fontweight("bold")
    first.set_ylabel("token (* subject)")
    answer = trace.answer.strip()
    figure.suptitle(
        f"Restoring what noise on the subject destroyed: gain in p({answer!r}), "
        f"of {trace.total_effect:.2f}",
        fontsize=11,
        parse_math=False,
    )
    return figure


def average_effects(
    effects: Mapping[str, Mapping[str, Sequence[Mean]]], places: Sequence[str], total: Mean
) -> "Figure":
    """The average indirect effect by layer and role of the token, with confidence bands.

    Args:
        effects: kind -> place -> a mean a layer.
        places: which places, a panel each.
        total: average total effect.

    Returns:
        The picture; nothing is saved.

    Source: after figure 3 of Meng et al. 2022.
    """
    from matplotlib.figure import Figure

    columns = min(3, len(places))
    rows = -(-len(places) // columns)
    figure = Figure(figsize=(3.6 * columns, 2.7 * rows + 0.8), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for ax, place in zip(axes.flat, places, strict=False):
        for kind, by_place in effects.items():
            _band(ax, by_place.get(place, ()), kind)
        ax.set_title(place, fontsize=10)
        ax.axhline(0, color="black", lw=0.6)
    for ax in axes[:, 0]:
        ax.set_ylabel("average indirect effect\n(probability)")
    for ax in axes[-1]:
        ax.set_xlabel("layer")
    for ax in list(axes.flat)[len(places) :]:
        ax.set_visible(False)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.suptitle(
        f"Causal traces of {total.n} facts, 95 % confidence "
        f"(average total effect {total.value:.2f} ± {total.half_width:.2f})",
        fontsize=11,
    )
    return figure


def _band(ax: "Axes", means: Sequence[Mean], kind: str) -> None:
    layers = range(len(means))
    ax.plot(
        layers,
        [m.value for m in means],
        color=_COLOURS[kind],
        ls="--" if kind in _DASHED else "-",
        lw=1.6,
        label=TITLES[kind],
    )
    ax.fill_between(
        layers, [m.low for m in means], [m.high for m in means], color=_COLOURS[kind], alpha=0.18
    )


def _label(token: str, subject: bool) -> str:
    # A dollar sign would begin mathematics.
    text = token.replace("\n", "\\n").replace("$", r"\$")
    return f"{text}*" if subject else text
