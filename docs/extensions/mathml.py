"""Equations as MathML, which browsers draw by themselves: no script, no network.

Docutils brings the translation from TeX.
"""

from html import escape
from typing import Any

from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml


def translated(text: str, block: bool) -> str:
    """A formula in TeX as MathML.

    Raises:
        MathError: it uses what the translation does not know.
    """
    return tex2mathml(" ".join(text.split()), as_block=block)


def setup(app: Any) -> dict[str, Any]:
    """Hook into Sphinx."""
    from docutils import nodes
    from sphinx.util import logging

    log = logging.getLogger(__name__)

    def told(node: Any, block: bool) -> str:
        try:
            return translated(node.astext(), block)
        except MathError as error:
            log.warning("cannot be written as MathML: %s", error, location=node)
            return f"<code>{escape(node.astext())}</code>"

    def inline(self: Any, node: Any) -> None:
        self.body.append(told(node, block=False))
        raise nodes.SkipNode

    def display(self: Any, node: Any) -> None:
        self.body.append(f'<div class="math">{told(node, block=True)}</div>')
        raise nodes.SkipNode

    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
