"""Where the variables of a campaign's template get their values: fields of the CRM, columns of a file, fixed texts. Pure."""

from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

#: Characters of a fixed text, a substitute, a name of a field or column.
LONGEST = 1024


@dataclass(frozen=True)
class Source:
    """Where one value comes from. name: the recipient's value (a field's code, a column's title), "" for a fixed text;
    text: the fixed text, or the substitute for an empty value."""

    name: str = ""
    text: str = ""

    def value(self, values: AnyMapping[str, str]) -> str:
        """The value for a recipient; "" where there is none."""
        found = values.get(self.name, "").strip() if self.name else ""
        return found or self.text.strip()

    @classmethod
    def read(cls, stored: Any) -> Self:
        """As the API writes it: {"field": "NAME"}, {"value": "column"} (either with "if_empty"), or a fixed text."""
        if isinstance(stored, AnyMapping):
            name = stored.get("field") or stored.get("value") or stored.get("name") or ""
            return cls(str(name)[:LONGEST], str(stored.get("if_empty") or stored.get("text") or "")[:LONGEST])
        return cls("", str(stored if stored is not None else "")[:LONGEST])


@dataclass(frozen=True)
class Filled:
    """The values for one recipient, in the order of the template."""

    params: list[str]
    buttons: list[str]
    header: str


@dataclass(frozen=True)
class Mapping:
    """params: header's, then body's variables; buttons: in their order; header: a link to the file of the header."""

    params: tuple[Source, ...] = ()
    buttons: tuple[Source, ...] = ()
    header: Source = field(default_factory=Source)

    @classmethod
    def read(cls, stored: AnyMapping[str, Any] | None) -> Self:
        """What `to_dict` has written; what is missing is empty."""
        stored = stored or {}
        return cls(
            tuple(Source.read(one) for one in _entries(stored.get("params"))),
            tuple(Source.read(one) for one in _entries(stored.get("buttons"))),
            Source.read(stored.get("header")),
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def names(self) -> list[str]:
        """The values that recipients must bring, each once."""
        sources = (*self.params, *self.buttons, self.header)
        return list(dict.fromkeys(source.name for source in sources if source.name))

    def fits(self, params: int, buttons: int) -> bool:
        """Whether the mapping has as many values as a template has variables in its texts and in its buttons."""
        return (len(self.params), len(self.buttons)) == (params, buttons)

    def filled(self, values: AnyMapping[str, str]) -> Filled:
        """The template's values for a recipient. values: by field or column."""
        return Filled(
            [source.value(values) for source in self.params],
            [source.value(values) for source in self.buttons],
            self.header.value(values),
        )


def _entries(listed: Any) -> Sequence[Any]:
    return listed if isinstance(listed, list | tuple) else ()
