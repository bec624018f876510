"""Build the site into build/site: `python -m docs.site`, or `make docs`. English pages at its root, Russian ones under ru/.

Every warning is an error: a missing page, anchor or picture, a page that no list of contents names.
Exit status: 0 built, otherwise Sphinx's own, its words on standard error.
"""

import sys
from pathlib import Path

from sphinx.cmd.build import main as sphinx

DOCS = Path(__file__).resolve().parents[1]
SITE = DOCS.parent / "build" / "site"
#: Language → folder of its pages below DOCS, and of its site below SITE.
LANGUAGES = {"en": ".", "ru": "ru"}


def build(language: str) -> int:
    """Build the pages of one language; 0 if nothing was wrong."""
    folder = LANGUAGES[language]
    # A cache of its own for each language, outside of what is published.
    cache = DOCS.parent / "build" / "site-cache" / language
    options = ["-q", "--fail-on-warning", "--keep-going", "-b", "html", "-c", str(DOCS / "site"), "-d", str(cache)]
    result: int = sphinx([*options, "-D", f"language={language}", str(DOCS / folder), str(SITE / folder)])
    return result


if __name__ == "__main__":
    results = [build(language) for language in LANGUAGES]
    if not any(results):
        print(f"The site is in {SITE.relative_to(DOCS.parent)}: open index.html, no server is needed.")
    sys.exit(max(results))
