"""Sphinx configuration."""

import os
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))
# Tutorials run as the tests do: without a network, and in one thread each.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Processes that run tutorials are renewed when a language model has made them large.
warnings.filterwarnings("ignore", message="A worker stopped while some jobs")

project = "unfrozen"
author = "The unfrozen authors"
project_copyright = "the unfrozen authors; Apache-2.0"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "claims",
    "reference",
    "mathml",
]
html_math_renderer = "mathml"
html_theme = "furo"
html_title = "unfrozen"
html_static_path = ["_static"]
html_css_files = ["book.css"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3
default_role = "py:obj"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 88  # shapes: one parameter a line
python_use_unqualified_type_names = True
toc_object_entries = False  # a thousand names at the side of every page; the sections list them
suppress_warnings = ["ref.python"]  # a type by its name alone, where several have that name
napoleon_google_docstring = True
napoleon_attr_annotations = False  # shapes such as "*batch key" would be read as emphasis
napoleon_use_ivar = True  # NamedTuples have their fields as properties too

_PARTS = ("memory", "language", "hippocampus", "learning", "topology", "agent")
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "tutorials",
    "subsection_order": [f"../examples/{part}" for part in _PARTS],
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("figures",),
    "capture_repr": (),
    # The library may have changed where a script has not: every build runs them all.
    "run_stale_examples": True,
    "parallel": 2,
    "abort_on_example_error": False,  # it is a warning, which -W turns into an error
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "write_computation_times": False,
    "remove_config_comments": True,
}
