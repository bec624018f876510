"""Write the tables into every page that has marks for them: `python -m docs.tables`, or `make tables`.

Exit status: 0 all written; 1 a text is in English only, or a page names a table that does not exist.
"""

import sys

from docs.tables.pages import ROOT, pages, rewritten
from docs.tables.words import Untranslated


def main() -> int:
    missing: set[str] = set()
    for page in pages():
        before = page.read_text()
        try:
            after = rewritten(page)
        except Untranslated as error:
            missing |= set(error.names)
            continue
        except KeyError as error:
            print(f"{page.relative_to(ROOT)}: there is no table {error}", file=sys.stderr)
            return 1
        if after != before:
            page.write_text(after)
            print(f"written: {page.relative_to(ROOT)}")
    for name in sorted(missing):
        print(f"docs/tables has no Russian text for {name}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
