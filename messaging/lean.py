"""Leaving out what libraries take if they find it and nothing here uses; first import of the entry points.

`chardet` and `charset_normalizer` guess encodings for requests, `greenlet` is SQLAlchemy's way to asyncio, `rich` colours
structlog's tracebacks (development tools bring it). Together 4 MB of each process, 8 where rich is installed.
"""

import sys
import warnings


def leave_out(*names: str) -> None:
    """Importing these fails as if they were not installed, unless somebody has imported them already."""
    for name in names:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None is the documented way to say so
    warnings.filterwarnings("ignore", "Unable to find acceptable character detection dependency")
