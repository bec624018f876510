"""Little memory; first import of the entry points.

Left out is what libraries take if they find it and nothing here uses: `chardet` and `charset_normalizer` guess encodings for
requests, `greenlet` is SQLAlchemy's way to asyncio, `rich` colours structlog's tracebacks (development tools bring it).
Together 4 MB of each process, 8 where rich is installed. The rest is measured in docs/performance.md, Memory.
"""

import ctypes
import gc
import sys
import warnings
from collections.abc import Mapping
from contextlib import suppress

#: For the interpreter: without the columns of each instruction, which tracebacks underline, 0.6 MB.
FLAGS = ("-X", "no_debug_ranges")
#: glibc: no store of freed pieces for each thread. One thread at a time holds the interpreter; 128 stores are 2 MB.
TUNABLES = "glibc.malloc.tcache_count=0"
#: glibc's number for M_ARENA_MAX, mallopt(3).
ARENA_MAX = -8
#: CPython's own is 700, 10, 10: all rings of 70,000 objects are kept until somebody looks for them.
THRESHOLDS = (700, 5, 5)


def leave_out(*names: str) -> None:
    """Importing these fails as if they were not installed, unless somebody has imported them already."""
    for name in names:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None is the documented way to say so
    warnings.filterwarnings("ignore", "Unable to find acceptable character detection dependency")


def one_arena() -> None:
    """One heap for all threads (glibc; elsewhere nothing happens).

    By default every few threads get one of their own, and what one has freed is of no use to the others: 3 MB of a worker
    with 128 threads. They would not wait for each other any less, as one at a time holds the interpreter.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(ARENA_MAX, 1)


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process with many threads; what the admin has tuned himself comes last and counts."""
    return {**given, "GLIBC_TUNABLES": ":".join(filter(None, (TUNABLES, given.get("GLIBC_TUNABLES"))))}


def settle() -> None:
    """After the imports: what is there now stays, so that looking for garbage costs little and can be done often.

    A message and its run point at each other; they are given back when the collector comes by, not before.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
