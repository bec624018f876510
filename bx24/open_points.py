"""What Bitrix24's documentation leaves open, and what a call or a frame says about it. The points are those of our reference.

Points that the traffic cannot answer are missing here; the doctor names all (messaging.doctor.open_points).
"""

import re
from collections.abc import Iterator
from itertools import islice

from bx24.payloads import FrameCall, RunCall

ORDER, ENCODING, FRAMES, REPLACED_TOKEN, FIELDS_SIZE, LOCKED = (f"bitrix24.{number}" for number in (1, 2, 3, 4, 6, 7))
RATE = "bitrix24-2.9"
#: Properties of a call that are looked at.
_LOOKED_AT = 60
_FILE_CODES = frozenset({"file", "header"})
_MOMENTS = (
    ("moment_dotted", re.compile(r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}(?: [0-9:]{4,8})?")),
    ("moment_slashed", re.compile(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}(?: [0-9:]{4,8}(?: ?[ap]m)?)?", re.IGNORECASE)),
    ("moment_iso", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]{4,15}(?:Z|[+-][0-9:]{4,6})?)?")),
    ("moment_with_offset", re.compile(r"[0-9./-]{8,10} [0-9:]{4,8}(?: ?[ap]m)? \[-?[0-9]{1,6}\]", re.IGNORECASE)),
)
_LONGEST_MOMENT = 40
_SIZES = ((64 * 1024, "under_64_kb"), (500 * 1000, "under_500_kb"), (2 * 1024 * 1024, "under_2_mb"))


def of_frame(call: FrameCall) -> Iterator[tuple[str, str]]:
    """Pairs (point, word of an answer) that the opening of a frame gives."""
    keys = {"server_endpoint": call.auth.server_endpoint, "application_token": call.auth.application_token}
    yield FRAMES, "_and_".join(name for name, value in keys.items() if value) or "neither"


def of_settings(call: FrameCall) -> Iterator[tuple[str, str]]:
    """The same of the settings page of a robot."""
    size = len(call.options_json)
    yield FIELDS_SIZE, next((word for below, word in _SIZES if size < below), "over_2_mb")


def of_run(call: RunCall) -> Iterator[tuple[str, str]]:
    """The same of a robot's call."""
    for code, value in islice(call.properties.items(), _LOOKED_AT):
        if code.lower() in _FILE_CODES and value:
            yield ENCODING, _file_word(value)
        if isinstance(value, str) and value[:1].isdigit() and len(value) <= _LONGEST_MOMENT:
            for word, pattern in _MOMENTS:
                if pattern.fullmatch(value):
                    yield ENCODING, word


def _file_word(value: object) -> str:
    if not isinstance(value, str):
        return "file_list"
    if value.isdecimal():
        return "file_number"
    return "file_link" if value.lower().startswith(("http://", "https://")) else "file_other"
