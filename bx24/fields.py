"""Fields that take a value as people, CRM fields and expressions write it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import fields

# What people and CRM fields put between the digits of a number, no-break and thin spaces included.
_SPACES = re.compile(r"[\s\u00a0\u2009\u202f']")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]*)?|\.[0-9]+)")


class DecimalFloat(fields.Float):
    """A number as people write it: "59,95", "1 234.5", "-0,5"."""

    def _validated(self, value: Any) -> float:
        plain = _plain_number(value)
        if isinstance(plain, str) and not _NUMBER.fullmatch(plain):
            raise self.make_error("invalid", input=value)
        return super()._validated(plain)


class WholeNumber(fields.Integer):
    """A whole number as people and expressions write it: "1 440", "60.0", "60,0". 1.5 is refused, not rounded."""

    def _validated(self, value: Any) -> int:
        plain = _plain_number(value)
        if isinstance(plain, str):
            plain = re.sub(r"\.0*$", "", plain)
        if isinstance(plain, str) and not re.fullmatch(r"[+-]?[0-9]{1,18}", plain):
            raise self.make_error("invalid", input=value)
        return super()._validated(plain)


class YesNo(fields.Boolean):
    """Bitrix24's bool, `Y` or `N`; an expression may bring 1/0 or a word in either language."""

    _YES = frozenset({"y", "yes", "1", "true", "on", "да", "д"})
    _NO = frozenset({"n", "no", "0", "false", "off", "нет", "н"})

    @classmethod
    def is_no(cls, value: object) -> bool:
        """Whether this says no, as a run may bring it."""
        return str(value).strip().lower() in cls._NO

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        word = str(value).strip().lower()
        if word in self._YES or self.is_no(word):
            return word in self._YES
        raise self.make_error("invalid", input=value)


def _plain_number(value: Any) -> Any:
    return _SPACES.sub("", value).replace(",", ".") if isinstance(value, str) else value
