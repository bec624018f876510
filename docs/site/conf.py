"""Sphinx's settings for both languages; `python -m docs.site` says which one is built (decision 0031)."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

project = "waba24"
author = "waba24 contributors"
extensions = ["myst_parser", "docs.site.outside", "docs.site.languages"]
exclude_patterns = ["ru", "site", "tables", "pictures"]
source_suffix = {".md": "markdown"}
nitpicky = True

# Anchors as code hosts make them, so that one link works on both.
myst_heading_anchors = 4
# A table of the code is no place to guess languages: blocks without one are shown as they are.
highlight_language = "none"

html_theme = "pydata_sphinx_theme"
html_title = "waba24"
html_copy_source = False
html_show_sourcelink = False
html_last_updated_fmt = None
html_static_path = ["static"]
html_css_files = ["site.css"]
templates_path = ["templates"]
# Light or dark, as the reader's system is.
html_context = {"default_mode": "auto"}
html_theme_options = {
    "navbar_start": ["navbar-logo"],
    "navbar_center": ["navbar-nav"],
    "navbar_end": ["language", "theme-switcher"],
    "footer_start": ["not-affiliated"],
    "footer_end": [],
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
}
