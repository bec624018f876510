"""What the filter of an audience may say, checked before the portal is asked: the keys of `crm.item.list`.

A key is a prefix and a field; a group under a number has `logic` and conditions of its own:
{">=opportunity": 1000, "@stageId": ["NEW", "WON"], "0": {"logic": "OR", "title": "A", "%title": "B"}}.
What PHP or a batch would leave out on its way (null, empty lists and groups) is refused: a condition that is lost would send
a campaign to everybody. Bitrix24 docs: api-reference/crm/universal/crm-item-list.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bx24.i18n import Text

MAX_CONDITIONS, MAX_DEPTH = 50, 3
#: Values of all lists of a filter together; characters of one value.
MAX_VALUES, MAX_TEXT = 500, 255
MAX_NUMBER = 10**18
_KEY = re.compile(r"(!=%|!%|!@|!=|=%|%=|>=|<=|>|<|@|%|!|=)?([A-Za-z][A-Za-z0-9_]{0,99})")
_GROUP = re.compile(r"[0-9]{1,3}")
_EQUAL = frozenset({"", "=", "!", "!="})
_BOUNDS = frozenset({">", ">=", "<", "<="})
_WHOLE = re.compile(r"[0-9]{1,18}")
_LISTS = _EQUAL | {"@", "!@"}
#: The names of these fields in the documents of workflows, which authors of robots know.
_ALSO_CALLED = {
    "ASSIGNED_BY": "assignedById",
    "CREATED_BY_ID": "createdBy",
    "DATE_CREATE": "createdTime",
    "DATE_MODIFY": "updatedTime",
    "MODIFY_BY_ID": "updatedBy",
    "STATUS_ID": "stageId",
}

Problems = dict[str, Text]
"""Where (`filter.0.%title`) → what is wrong and what to do."""


class InvalidAudience(Exception):
    """An audience that cannot be read. problems: by the place in it."""

    def __init__(self, problems: Problems) -> None:
        super().__init__("; ".join(f"{place}: {text.en}" for place, text in problems.items()))
        self.problems = problems


def camel(code: str) -> str:
    """A field's code as crm.item.list takes it, from whichever spelling: STAGE_ID → stageId, UF_CRM_5_1660 → ufCrm5_1660."""
    if code != code.upper():
        return code
    if code in _ALSO_CALLED:
        return _ALSO_CALLED[code]
    first, *others = (part for part in code.lower().split("_") if part)
    name = first + "".join(part.capitalize() for part in others[:-1])
    return name + "".join(f"_{part}" if first == "uf" and part.isdigit() else part.capitalize() for part in others[-1:])


def checked(given: Any) -> dict[str, Any]:
    """The filter with its fields in camelCase and its values as REST takes them. Raises InvalidAudience."""
    check = _Check()
    found = check.group(given, "filter", depth=1)
    if check.conditions > MAX_CONDITIONS:
        check.problems = {"filter": _TOO_MANY.format(count=check.conditions, most=MAX_CONDITIONS)}
    elif check.values > MAX_VALUES:
        check.problems = {"filter": _TOO_MANY_VALUES.format(count=check.values, most=MAX_VALUES)}
    if check.problems:
        raise InvalidAudience(check.problems)
    return found


class _Check:
    """Walks through a filter once, and stops early in one that is too large."""

    def __init__(self) -> None:
        self.problems: Problems = {}
        self.conditions = self.values = 0

    def group(self, given: Any, place: str, depth: int) -> dict[str, Any]:
        if not isinstance(given, Mapping):
            self.problems[place] = _NO_MAP
            return {}
        if depth > MAX_DEPTH:
            self.problems[place] = _TOO_DEEP.format(most=MAX_DEPTH)
            return {}
        return dict(self._entries(given, place, depth))

    def _entries(self, given: Mapping[Any, Any], place: str, depth: int) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for key, value in given.items():
            here = f"{place}.{str(key)[:100]}"
            entry = self._entry(str(key), value, here, depth)
            if entry is None:
                continue
            if entry[0] in seen:
                self.problems[here] = _TWICE.format(key=entry[0])
            seen.add(entry[0])
            if self.conditions > MAX_CONDITIONS or self.values > MAX_VALUES or len(self.problems) >= MAX_CONDITIONS:
                return
            yield entry

    def _entry(self, key: str, value: Any, here: str, depth: int) -> tuple[str, Any] | None:
        if key.lower() == "logic":
            return self._logic(value, here, depth)
        if _GROUP.fullmatch(key):
            self.conditions += not value
            inner = self.group(value, here, depth + 1)
            if not inner.keys() - {"logic"}:
                self.problems.setdefault(here, _EMPTY)
            return key, inner
        self.conditions += 1
        parts = _KEY.fullmatch(key)
        if parts is None:
            self.problems[here] = _BAD_KEY.format(key=key[:100])
            return None
        prefix, name = parts[1] or "", camel(parts[2])
        if name == "id" and prefix in _BOUNDS and not _WHOLE.fullmatch(str(value)):
            self.problems[here] = _NO_NUMBER
        return f"{prefix}{name}", self._value(prefix, value, here)

    def _logic(self, value: Any, here: str, depth: int) -> tuple[str, str] | None:
        word = str(value).upper()
        if depth == 1:
            self.problems[here] = _LOGIC_ABOVE
        elif word not in ("AND", "OR"):
            self.problems[here] = _BAD_LOGIC
        return "logic", word

    def _value(self, prefix: str, value: Any, here: str) -> Any:
        if isinstance(value, list | tuple):
            self.values += len(value)
            if prefix not in _LISTS:
                self.problems[here] = _NO_LIST
            elif not value:
                self.problems[here] = _EMPTY
            return [self._single(prefix, one, here) for one in value[:MAX_VALUES]]
        return self._single(prefix, value, here)

    def _single(self, prefix: str, value: Any, here: str) -> str | int | float:
        if isinstance(value, bool):
            return int(value)  # custom fields know 1 and 0 only
        if isinstance(value, str) and len(value) > MAX_TEXT:
            self.problems[here] = _TOO_LONG.format(most=MAX_TEXT)
        elif value == "" and prefix not in _EQUAL:
            self.problems[here] = _EMPTY
        elif isinstance(value, str) or (
            isinstance(value, int | float) and math.isfinite(value) and abs(value) < MAX_NUMBER
        ):
            return value
        else:
            self.problems[here] = _NO_VALUE
        return ""


_NO_MAP = Text("conditions are expected here: field and value", "здесь должны быть условия: поле и значение")
_TOO_DEEP = Text(
    "groups stand at most {most} deep; make them fewer", "групп внутри групп не больше {most}; упростите условия"
)
_TOO_MANY = Text(
    "{count} conditions or more, at most {most} are allowed; leave some out",
    "условий {count} или больше, можно не больше {most}; уберите лишние",
)
_TOO_MANY_VALUES = Text(
    "{count} values in lists, at most {most} are allowed; choose fewer or give a list of ids",
    "значений в списках {count}, можно не больше {most}; выберите меньше или передайте список ID",
)
_TWICE = Text("“{key}” is here twice; keep one of them", "«{key}» указано дважды; оставьте одно")
_BAD_KEY = Text(
    "“{key}” is no condition; write a field behind one of >= > <= < @ !@ % =% %= !% !=% = != ! or none of them",
    "«{key}» не условие; напишите поле, перед ним можно поставить >= > <= < @ !@ % =% %= !% !=% = != !",
)
_LOGIC_ABOVE = Text(
    '“logic” belongs into a group; write {{"0": {{"logic": "OR", …}}}}',
    '«logic» ставится только внутри группы; напишите {{"0": {{"logic": "OR", …}}}}',
).format()
_BAD_LOGIC = Text("“logic” is AND or OR", "«logic» бывает AND или OR")
_NO_LIST = Text(
    "one value is expected here, a list only behind @ and !@",
    "здесь нужно одно значение, список можно только после @ и !@",
)
_EMPTY = Text(
    "nothing is given; fill it in or leave the condition out", "значение пустое; заполните его или уберите условие"
)
_TOO_LONG = Text("longer than {most} characters; shorten it", "длиннее {most} символов; сократите")
_NO_NUMBER = Text("the number of an item is expected here", "здесь нужен номер карточки")
_NO_VALUE = Text("a text or a number is expected here", "здесь должен быть текст или число")
