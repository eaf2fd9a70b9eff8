"""A scraper for sphinx-gallery: pictures that a script made without pyplot.

Plot functions of the library return a matplotlib Figure and show nothing, so that pyplot does not
know of it.  What a script keeps in a name is shown below the code that made it, once.
"""

from typing import Any

from matplotlib.figure import Figure

_SHOWN = "_shown_in_the_gallery"


def scrape(block: Any, variables: dict[str, Any], settings: dict[str, Any], **_: Any) -> str:
    """Save the figures among the names of a script; the RST that shows them."""
    import matplotlib.pyplot as plt
    from sphinx_gallery.scrapers import figure_rst

    found = list(variables["example_globals"].values())
    found += [plt.figure(number) for number in plt.get_fignums()]
    paths = []
    for figure in found:
        if isinstance(figure, Figure) and not hasattr(figure, _SHOWN):
            setattr(figure, _SHOWN, True)
            path = next(variables["image_path_iterator"])
            figure.savefig(path, dpi=110, facecolor="white")
            paths.append(path)
    plt.close("all")
    return figure_rst(paths, settings["src_dir"])


def _get_sg_image_scraper() -> Any:
    """What sphinx-gallery asks a module for."""
    return scrape
