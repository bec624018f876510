"""What a cell of a workbook says, as text: what its reader sees in it, without the formatting of the spreadsheet.

A date is written as the portal writes dates, with seconds only if there are any (bitrix24.md 5): 17.03.2026 09:30 in Russian,
03/17/2026 09:30 am in English. Formats such as percent or currency are left out.
"""

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

#: The content of a cell whose formula failed, in the language of the file format.
ERRORS = frozenset(
    {"#N/A", "#VALUE!", "#REF!", "#DIV/0!", "#NUM!", "#NAME?", "#NULL!", "#SPILL!", "#CALC!", "#GETTING_DATA"}
)


def text_of(value: Any, ru: bool) -> str:
    """The value of a cell as openpyxl gives it → text; "" for an empty one. ru: in Russian, else in English."""
    if value is None:
        return ""
    if isinstance(value, str):
        # Line breaks as Excel stores them in XML.
        return value.replace("_x000D_", "").replace("\0", "").strip("\ufeff \t\r\n\v\f\xa0")
    if isinstance(value, bool):
        return ("да" if value else "нет") if ru else ("yes" if value else "no")
    if isinstance(value, (int, float)):
        return _number(value, ru)
    if isinstance(value, (date, time)):  # a datetime is a date
        return _moment(value, ru)
    if isinstance(value, timedelta):
        return _duration(value)
    return str(value).strip()


def _number(value: float, ru: bool) -> str:
    """All digits, as far as a spreadsheet keeps them (15), without exponent; no ".0" behind a whole number."""
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return ""
    written = f"{Decimal(format(value, '.15g')):f}"
    return written.replace(".", ",") if ru else written


def _moment(value: date | time, ru: bool) -> str:
    day = ("%d.%m.%Y" if ru else "%m/%d/%Y") if isinstance(value, date) else ""
    clock = ""
    if isinstance(value, time) or (isinstance(value, datetime) and value.time() != time()):
        clock = f"{'%H' if ru else '%I'}:%M{':%S' if value.second else ''}"
        clock += "" if ru else f" {'am' if value.hour < 12 else 'pm'}"
    return value.strftime(f"{day} {clock}".strip())


def _duration(value: timedelta) -> str:
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}" + (f":{seconds:02}" if seconds else "")
