"""The book. `cargo xtask book` builds it and checks every link within it."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

project = "wr2l"
author = "the wr2l contributors"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "wr2l"
html_show_copyright = False
exclude_patterns = ["_build"]
myst_heading_anchors = 4
myst_heading_slug_func = "slugs.slug"
