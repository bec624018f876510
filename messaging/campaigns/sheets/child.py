"""The process that reads one spreadsheet: `python -m messaging.campaigns.sheets.child OPTIONS < FILE`.

The process may use little memory and time, so that a hostile file harms nothing else (docs/decisions/0038). It writes
messages (`rows`) and nothing else: a parser's complaint may contain names and phones.
OPTIONS: JSON, `Options`.
"""

import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import errors

from messaging.campaigns.sheets import MOST_BYTES
from messaging.campaigns.sheets.problems import Unreadable
from messaging.campaigns.sheets.rows import Message

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # a stream of its name
_NO_MEMORY = errors.codes[errors.XML_ERROR_NO_MEMORY]


@dataclass(frozen=True)
class Options:
    """sheet: its name, "" for the first visible one. ru: write dates and numbers in Russian, else in English.

    memory_bytes: of address space. cpu_s: seconds of processor time.
    """

    sheet: str = ""
    ru: bool = True
    memory_bytes: int = 300 * 1024 * 1024
    cpu_s: int = 60


def main(options: Options, file: BinaryIO) -> None:
    """Read the file and write its messages, "end" in any case but that of being killed."""
    _bind(options)
    code, facts = "", {}
    try:
        for message in _messages(file, options):
            _write(message)
    except Unreadable as found:
        code, facts = found.code, found.facts
    except MemoryError:
        code = "too_heavy"
    except BrokenPipeError:
        return
    except Exception as found:  # of many kinds: openpyxl, zipfile, zlib, expat
        is_memory = isinstance(found, ParseError) and found.code == _NO_MEMORY
        code, facts = ("too_heavy" if is_memory else "broken"), {"error": type(found).__name__}
    # Out of `except`: only here everything that filled the memory is gone.
    with suppress(BrokenPipeError):
        _write(["end", code, {**facts, "peak_kb": _peak_kb()}])
        sys.stdout.flush()


def _bind(options: Options) -> None:
    """Set the limits of this process, and let the processes that send messages run first."""
    limits = {
        resource.RLIMIT_AS: (options.memory_bytes, options.memory_bytes),
        resource.RLIMIT_CPU: (options.cpu_s, options.cpu_s + 1),  # first SIGXCPU, which says why
        resource.RLIMIT_FSIZE: (0, 0),  # of files that it would write
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, limit in limits.items():
        with suppress(ValueError, OSError):  # macOS knows no limit of address space
            resource.setrlimit(kind, limit)
    os.nice(5)


def _messages(file: BinaryIO, options: Options) -> Iterator[Message]:
    """By what the file holds, not by its name."""
    size = file.seek(0, os.SEEK_END)
    if size > MOST_BYTES:
        raise Unreadable("too_large")
    file.seek(0)
    head = file.read(len(_OLE))
    file.seek(0)
    if head == _OLE:
        raise Unreadable("encrypted" if _ENCRYPTED in file.read() else "old_excel")
    if head.startswith(b"PK"):
        from messaging.campaigns.sheets import workbook  # openpyxl takes a tenth of a second

        yield from workbook.messages(file, options.sheet, options.ru)
    else:
        from messaging.campaigns.sheets import delimited

        yield from delimited.messages(file)


def _peak_kb() -> int:
    """The most memory this process has had, 0 where the system does not say. (getrusage counts that of whoever started us.)"""
    with suppress(OSError, ValueError):
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])
    return 0


def _write(message: Message) -> None:
    sys.stdout.write(json.dumps(message, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Options(**json.loads(sys.argv[1])), sys.stdin.buffer)
