"""Structured logs to standard error, one correlation id (`trace`) from robot call to answer, nothing secret in them.

Masking is a processor, not a habit: whatever reaches a log line as a phone, a token or a key is cut here, also in the
lines of libraries. Values are shortened first, because strangers choose paths, codes and names as long as they like.
"""

import logging
import re
import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import structlog

_SECRET_NAMES = re.compile(r"token|secret|api_?key|password|authorization|auth_id|refresh_id|properties", re.IGNORECASE)
_SECRET_VALUES = re.compile(
    r"((?:access_token|refresh_token|auth|code|client_secret|apikey|AUTH_ID|REFRESH_ID)=)[^&\s\"']+", re.IGNORECASE
)
_WEBHOOK = re.compile(r"(/(?:gupshup|files)/)[^/\s\"'?]+")
#: What every one of the patterns beside it needs.
_SUSPECT = re.compile(r"\d|=|/(?:gupshup|files)/")
_PHONE = re.compile(r"(?<!\d)(\+?\d{3})\d{4,10}(\d{2})(?!\d)")
_TYPED_PHONE = re.compile(r"(?<!\w)\+?\d[\d ()-]{8,18}\d(?!\w)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_LONG = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{40,}")
#: Characters of a logged value, and of a traceback.
MAX_VALUE, MAX_TRACEBACK = 500, 16_000
#: So many characters more are masked before the cut: half a token or half a phone would not be recognised.
_BEYOND_THE_CUT = 100
_AS_THEY_ARE = frozenset({"timestamp", "trace", "logger", "level"})


def scrub(text: str) -> str:
    """A text without phones, tokens and webhook secrets."""
    if not _SUSPECT.search(text):
        return text  # most texts: four searches less for each
    text = _SECRET_VALUES.sub(r"\1***", text)
    text = _WEBHOOK.sub(r"\1***", text)
    text = _LONG.sub(_masked_token, text)
    text = _TYPED_PHONE.sub(_masked, text)
    return _PHONE.sub(r"\1***\2", text)


def shortened(text: str) -> str:
    """A value as it may stand in a log line: its first MAX_VALUE characters, masked."""
    if len(text) <= MAX_VALUE:
        return scrub(text)
    return scrub(text[: MAX_VALUE + _BEYOND_THE_CUT])[:MAX_VALUE] + "…"


def _shortened_traceback(text: str) -> str:
    """Its beginning says where it happened, its end what."""
    if len(text) > MAX_TRACEBACK:
        text = f"{text[: MAX_TRACEBACK // 2]}\n…\n{text[-MAX_TRACEBACK // 2 :]}"
    return scrub(text)


def _masked_token(found: re.Match[str]) -> str:
    """A long word with a digit in it is a token or a key; one without is a name or a path."""
    return "***" if any(character.isdigit() for character in found[0]) else found[0]


def _masked(found: re.Match[str]) -> str:
    text = found[0]
    if sum(char.isdigit() for char in text) < 10 or _DATE.match(text):
        return text
    return f"{text[:3]}***{text[-2:]}"


@lru_cache(1024)
def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAMES.search(name))


def _mask(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if _is_secret(name):
            event[name] = "***"
        elif name == "exception":
            event[name] = _shortened_traceback(str(value))
        elif isinstance(value, str) and name not in _AS_THEY_ARE:
            event[name] = shortened(value)
        elif isinstance(value, list | tuple | set | dict | bytes | BaseException):
            event[name] = shortened(repr(value))
    return event


class _Output(threading.local):
    """Standard error; while `held`, the lines of this thread wait here."""

    waiting: list[str] | None = None

    def write(self, line: str) -> None:
        """Write a line, or keep it."""
        if self.waiting is None:
            sys.stderr.write(line)
        else:
            self.waiting.append(line)

    def flush(self) -> None:
        """Standard error needs no flushing."""


_output = _Output()


class _Logger(structlog.WriteLogger):
    """structlog's logger that writes to a file; it knows the module it belongs to."""

    def __init__(self, name: str = "") -> None:
        super().__init__(_output)  # type: ignore[arg-type]  # any object with write() and flush() will do
        self.name = name


@contextmanager
def held() -> Iterator[None]:
    """Keep the lines this thread writes until the end, also until that of an error.

    For code that holds a lock others wait for: on SQLite all writers of an installation wait for one transaction.
    """
    lines = _output.waiting = []
    try:
        yield
    finally:
        _output.waiting = None
        sys.stderr.write("".join(lines))


def _named(logger: Any, _: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["logger"] = logger.name
    return event


def _as_text(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    """`time [level] event [module] name=value …`, and a traceback below."""
    said, logger = _printable(str(event.pop("event"))), event.pop("logger")
    head = f"{event.pop('timestamp')} [{event.pop('level'):<8}] {said:<30} [{logger}]"
    trace = event.pop("exception", "")
    pairs = " ".join([f"{name}={_shown(event[name])}" for name in sorted(event)])
    # Indented: a line break in an error's text must not begin a line that looks like one of ours.
    return f"{head} {pairs}" + "".join(f"\n  {_printable(line)}" for line in (trace.split("\n") if trace else ()))


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if text.isprintable() and " " not in text else repr(text)


def _printable(text: str) -> str:
    """The text with what a terminal would obey (ESC, CR, U+2028 …) written as escapes."""
    return text if text.isprintable() else "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def configure(format: str, level: str) -> None:
    """Send all logs of this process, libraries included, to standard error in `text` or `json`."""
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False) if format == "json" else _as_text
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[_named, *shared, _mask, renderer],
        logger_factory=_Logger,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared, _mask],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("rq.worker", "rq.queue", "alembic", "werkzeug", "urllib3"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
