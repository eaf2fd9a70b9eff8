"""Sphinx configuration."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "unfrozen"
author = "The unfrozen authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "claims"]
html_theme = "furo"
html_title = "unfrozen"
html_static_path = ["_static"]
html_css_files = ["book.css"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3
autodoc_typehints = "none"
napoleon_google_docstring = True
napoleon_attr_annotations = False  # shapes such as "*batch key" would be read as emphasis
napoleon_use_ivar = True  # NamedTuples have their fields as properties too
