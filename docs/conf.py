"""Sphinx configuration."""

project = "unfrozen"
author = "The unfrozen authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "unfrozen"
exclude_patterns = ["_build"]
autodoc_typehints = "none"
napoleon_google_docstring = True
napoleon_attr_annotations = False  # shapes such as "*batch key" would be read as emphasis
napoleon_use_ivar = True  # NamedTuples have their fields as properties too
