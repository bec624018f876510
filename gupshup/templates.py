"""Templates as Gupshup lists them, read into what sending one needs: which values, in which order.

Source: Gupshup docs "Get templates". `containerMeta` is JSON inside a string, or already an object, or missing; `data`
is only a rendering of all parts, used when nothing better is there.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from itertools import islice, zip_longest
from typing import Any, Self
from urllib.parse import quote

from gupshup import limits, problems
from gupshup.messages import Carousel, Choices, Location, MediaHeader, Template, clean_param
from gupshup.problems import Label
from gupshup.reading import as_dict, as_id, as_list, as_text, parse_json

# {{10}} has two digits, spaces are tolerated, and templates made in Meta's own editor have names as variables.
_VARIABLE = re.compile(r"\{\{\s*([0-9]{1,4}|[A-Za-z_][A-Za-z0-9_]*)\s*\}\}")

_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class TemplateStatus(StrEnum):
    """The statuses in Gupshup's docs. TemplateInfo.status may be another word: the list changes."""

    APPROVED = "APPROVED"
    PENDING = "PENDING"
    IN_APPEAL = "IN_APPEAL"
    REJECTED = "REJECTED"
    FAILED = "FAILED"  # never submitted to Meta
    PAUSED = "PAUSED"
    DISABLED = "DISABLED"
    DELETED = "DELETED"
    SANDBOX_REQUESTED = "SANDBOX_REQUESTED"  # may be sent by a sandbox app


_SENDABLE = frozenset({TemplateStatus.APPROVED, TemplateStatus.SANDBOX_REQUESTED})
_MEDIA_KINDS = frozenset({"IMAGE", "VIDEO", "DOCUMENT", "GIF"})


@dataclass(frozen=True)
class TemplateButton:
    """type: QUICK_REPLY, URL, PHONE_NUMBER, COPY_CODE, OTP, FLOW ...; value: the link or the phone.

    has_variable: it wants a value when sent, the tail of its link or the code. sample: the link as submitted, with a value.
    """

    type: str
    text: str
    value: str = ""
    has_variable: bool = False
    sample: str = field(default="", compare=False)

    @property
    def address(self) -> str:
        """What stands in front of the tail of its link; "" of a code."""
        return self.value.partition("{{")[0] if "{{" in self.value else ""

    @property
    def sample_tail(self) -> str:
        """An example of the value that it wants, "" if none is known."""
        tail = self.sample.removeprefix(self.address) if self.sample.startswith(self.address) else ""
        return "" if "{{" in tail else tail


@dataclass(frozen=True)
class TemplateCard:
    """One card of a carousel. media: IMAGE, VIDEO …; body_vars, samples: as of TemplateInfo."""

    media: str
    body: str = ""
    buttons: tuple[TemplateButton, ...] = ()
    body_vars: tuple[str, ...] = ()
    samples: tuple[str, ...] = field(default=(), compare=False)

    def with_samples(self) -> str:
        """Its text with the samples in place of its variables; a variable without a sample stays as it is."""
        pairs = zip_longest(self.body_vars, self.samples, fillvalue="")
        return _filled_in(self.body, self.body_vars, [sample or f"{{{{{name}}}}}" for name, sample in pairs])

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self:
        """What asdict() gave, also after a trip through JSON."""
        buttons = tuple(TemplateButton(**button) for button in stored["buttons"])
        return cls(stored["media"], stored["body"], buttons, tuple(stored["body_vars"]), tuple(stored["samples"]))


@dataclass(frozen=True)
class TemplateInfo:
    """status, category and kind in capitals. header_vars, body_vars: names in the order of the values ("1", "2" ...).

    header: its text, empty for media. samples: a value for each of header_vars + body_vars, "" where unknown.
    cards: of a carousel; card_vars: the values that they want, which come last. reason: why it was rejected.
    is_offer: a limited-time offer, which wants the moment of its end.
    """

    id: str
    name: str
    language: str
    status: str
    category: str
    kind: str
    header: str = ""
    body: str = ""
    footer: str = ""
    buttons: tuple[TemplateButton, ...] = ()
    header_vars: tuple[str, ...] = ()
    body_vars: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    card_vars: int = 0
    reason: str = ""
    is_offer: bool = False
    cards: tuple[TemplateCard, ...] = ()

    @property
    def text_vars(self) -> tuple[tuple[str, str], ...]:
        """What wants a text, in the order of the values: where it stands ("header", "body", "card 1" …), and its name."""
        parts = [("header", self.header_vars), ("body", self.body_vars)]
        parts += [(f"card {nth}", card.body_vars) for nth, card in enumerate(self.cards, 1)]
        return tuple((part, name) for part, names in parts for name in names)

    @property
    def text_samples(self) -> tuple[str, ...]:
        """A sample for each of `text_vars`, "" where unknown."""
        own = len(self.header_vars) + len(self.body_vars)
        padded = [*self.samples, *[""] * own][:own]
        for card in self.cards:
            padded += [*card.samples, *[""] * len(card.body_vars)][: len(card.body_vars)]
        return tuple(padded)

    @property
    def asking(self) -> tuple[tuple[str, TemplateButton], ...]:
        """The buttons that want a value, in their order: where each stands ("" or "card 1" …), and the button."""
        every = [("", button) for button in self.buttons]
        every += [(f"card {nth}", button) for nth, card in enumerate(self.cards, 1) for button in card.buttons]
        return tuple((part, button) for part, button in every if button.has_variable)

    @property
    def button_vars(self) -> int:
        return len(self.asking)

    @property
    def choices(self) -> Choices:
        """What the client can tap: the quick-reply buttons, by their position among themselves."""
        titles = [button.text for button in self.buttons if button.type == "QUICK_REPLY"]
        return tuple((str(position), title) for position, title in enumerate(titles, 1))

    @property
    def params_count(self) -> int:
        """How many values Gupshup wants, exactly: header, body, buttons, cards."""
        return len(self.text_vars) + self.button_vars

    @property
    def is_media(self) -> bool:
        """Whether a file must be given in addition to the values."""
        return self.kind in _MEDIA_KINDS

    @property
    def sendable(self) -> bool:
        return self.status in _SENDABLE

    def message(
        self,
        values: Sequence[str],
        button_values: Sequence[str] = (),
        header: MediaHeader | Location | Carousel | None = None,
        postbacks: Sequence[str] = (),
    ) -> Template:
        """The message with these values, checked against this template. Raises InvalidMessage.

        values: as `text_vars`. button_values: tails of links (made URL-safe here) and codes, as `asking`.
        """
        if len(values) != len(self.text_vars):
            raise problems.wrong_param_count("params", len(values), len(self.text_vars))
        if len(button_values) != self.button_vars:
            raise problems.wrong_param_count("button_params", len(button_values), self.button_vars)
        self._check_header(header)
        asking = [button for _, button in self.asking]
        tails = iter([_button_value(*pair) for pair in zip(asking, enumerate(button_values, 1), strict=True)])
        own = len(self.header_vars) + len(self.body_vars)
        params = [*values[:own], *islice(tails, sum(button.has_variable for button in self.buttons))]
        params += self._card_params(iter(values[own:]), tails)
        made = Template(self.id, tuple(params), header, tuple(postbacks))
        text = _filled_in(self.body, self.body_vars, made.params[len(self.header_vars) :])
        if len(text) > limits.TEMPLATE_TEXT_LIMIT:
            label = Label("params", "the template with its values", "шаблон с подставленными значениями")
            raise problems.too_long(label, len(text), limits.TEMPLATE_TEXT_LIMIT)
        return made

    def _card_params(self, values: Iterator[str], tails: Iterator[str]) -> Iterator[str]:
        """The values of the cards as Gupshup wants them: card by card its text's, then its buttons'."""
        for nth, card in enumerate(self.cards, 1):
            given = [*islice(values, len(card.body_vars))]
            text = _filled_in(card.body, card.body_vars, [clean_param(value) for value in given])
            if len(text) > limits.CARD_TEXT_LIMIT:
                label = Label("params", f"card {nth} with its values", f"карточка {nth} с подставленными значениями")
                raise problems.too_long(label, len(text), limits.CARD_TEXT_LIMIT)
            yield from given
            yield from islice(tails, sum(button.has_variable for button in card.buttons))

    def _check_header(self, header: MediaHeader | Location | Carousel | None) -> None:
        wanted = self.kind.lower() if self.is_media or self.kind in ("LOCATION", "CAROUSEL") else ""
        names: dict[type, str] = {Location: "location", Carousel: "carousel"}
        given = names.get(type(header)) or (header.media if isinstance(header, MediaHeader) else "")
        if wanted and not given:
            raise problems.missing_header(wanted)
        if given != wanted or (isinstance(header, Carousel) and not self._fits(header)):
            raise problems.unwanted_header()

    def _fits(self, carousel: Carousel) -> bool:
        return [card.media.lower() for card in self.cards] == [carousel.media] * len(carousel.links)

    def with_samples(self) -> tuple[str, str]:
        """Header and text with the samples in place of their variables; a variable without a sample stays as it is."""
        given = [
            sample or f"{{{{{name}}}}}"
            for name, sample in zip_longest(self.header_vars + self.body_vars, self.samples, fillvalue="")
        ]
        header = _filled_in(self.header, self.header_vars, given)
        return header, _filled_in(self.body, self.body_vars, given[len(self.header_vars) :])

    def to_dict(self) -> dict[str, Any]:
        made = asdict(self)
        # Left out where there are none: campaigns compare what was stored before there were cards.
        return made if self.cards else {name: value for name, value in made.items() if name != "cards"}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self:
        """What to_dict() gave, also after a trip through JSON. Keys of another version are left alone."""
        known = {one.name for one in fields(cls)}
        values: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in stored.items() if name in known
        }
        values["buttons"] = tuple(TemplateButton(**button) for button in stored.get("buttons", ()))
        values["cards"] = tuple(TemplateCard.from_dict(card) for card in stored.get("cards", ()))
        return cls(**values)


def parse(raw: dict[str, Any]) -> TemplateInfo:
    """Read one object of the list. Never raises: what is missing is empty, and an empty id means it is no template."""
    parts = _object(raw.get("containerMeta"))
    rendering = as_text(raw.get("data"))
    if not as_text(parts.get("data")):
        # The whole rendering stands for the body, buttons cut off: header and footer cannot be told apart in it.
        parts = {**parts, "header": "", "footer": "", "sampleText": "", "data": rendering.split(" | [", 1)[0]}
        parts.setdefault("buttons", _rendered_buttons(rendering))
    header, body = as_text(parts.get("header")), as_text(parts.get("data"))
    header_vars, body_vars = variables(header), variables(body)
    cards = tuple(_card(as_dict(card)) for card in _listed(parts.get("cards")))
    example = as_text(parts.get("sampleText")) or as_text(_object(raw.get("meta")).get("example"))
    return TemplateInfo(
        id=as_id(raw.get("id")),
        name=as_id(raw.get("elementName")),
        language=as_id(raw.get("languageCode")),
        status=as_id(raw.get("status")).upper(),
        category=as_id(raw.get("category")).upper(),
        kind=as_id(raw.get("templateType")).upper() or "TEXT",
        header=header,
        body=body,
        footer=as_text(parts.get("footer")),
        buttons=_buttons(parts.get("buttons")),
        header_vars=header_vars,
        body_vars=body_vars,
        samples=_samples(header, header_vars, as_text(parts.get("sampleHeader"))) + _samples(body, body_vars, example),
        card_vars=sum(len(card.body_vars) + sum(one.has_variable for one in card.buttons) for card in cards),
        reason="" if raw.get("reason") == "NONE" else as_text(raw.get("reason")),
        is_offer=_is_offer(parts),
        cards=cards,
    )


def variables(text: str) -> tuple[str, ...]:
    """Distinct variables of one component: numbers in numeric order, then names by first appearance.

    A variable repeated in one component is one value; each component counts from {{1}} anew.
    """
    found = dict.fromkeys(_name(found) for found in _VARIABLE.findall(text))
    numbers = sorted((name for name in found if name.isdigit()), key=int)
    return (*numbers, *(name for name in found if not name.isdigit()))


def _filled_in(text: str, names: tuple[str, ...], values: Sequence[str]) -> str:
    by_name = dict(zip(names, values, strict=False))
    return _VARIABLE.sub(lambda found: by_name.get(_name(found[1]), ""), text)


def _button_value(button: TemplateButton, numbered: tuple[int, str]) -> str:
    position, value = numbered
    value = clean_param(value)
    if button.type == "COPY_CODE" and len(value) > limits.COPY_CODE_LIMIT:
        label = Label("button_params", f"the code of button {position}", f"код кнопки {position}", position)
        raise problems.too_long(label, len(value), limits.COPY_CODE_LIMIT)
    # WhatsApp wants the tail of a link ready for a browser; what is escaped already stays as it is.
    return quote(_BARE_PERCENT.sub("%25", value), safe="/?#[]@!$&'()*+,;=:%-._~") if button.type == "URL" else value


def _name(found: str) -> str:
    return str(int(found)) if found.isdigit() else found


def _is_offer(parts: Mapping[str, Any]) -> bool:
    """Gupshup docs "Create template": isLTO, limitedOfferText; one without an end, hasExpiration false, wants no moment."""
    is_offer = _is_true(parts.get("isLTO")) or as_text(parts.get("limitedOfferText")).strip() != ""
    return is_offer and (parts.get("hasExpiration") is None or _is_true(parts.get("hasExpiration")))


def _is_true(value: object) -> bool:
    return value is True or as_id(value).lower() == "true"


def _card(card: Mapping[str, Any]) -> TemplateCard:
    """Gupshup docs "Create template": `headerType`, `body`, `sampleText`, `buttons` of each of `cards`."""
    body = as_text(card.get("body"))
    names = variables(body)
    return TemplateCard(
        media=as_id(card.get("headerType")).upper(),
        body=body,
        buttons=_buttons(card.get("buttons")),
        body_vars=names,
        samples=_samples(body, names, as_text(card.get("sampleText"))),
    )


def _object(value: object) -> dict[str, Any]:
    return as_dict(parse_json(value) if isinstance(value, str) else value)


def _buttons(listed: object) -> tuple[TemplateButton, ...]:
    return tuple(_button(as_dict(raw)) for raw in _listed(listed))


def _listed(value: object) -> list[Any]:
    """A list, or one in a string."""
    return as_list(parse_json(value) if isinstance(value, str) else value)


def _button(raw: dict[str, Any]) -> TemplateButton:
    kind = as_id(raw.get("type")).upper()
    value = as_text(raw.get("url")) or as_text(raw.get("phone_number"))
    given = raw.get("example")
    sample = as_text(next(iter(given), "")) if isinstance(given, list) else as_text(given)
    return TemplateButton(kind, as_text(raw.get("text")), value, kind == "COPY_CODE" or "{{" in value, sample)


def _rendered_buttons(rendering: str) -> list[dict[str, str]]:
    """` | [Confirm] | [Map,https://example.org/{{1}}] | [Call,+7900…] | [null]`, the last one a copy-code button."""
    return [_rendered_button(part.rstrip().removesuffix("]")) for part in rendering.split(" | [")[1:]]


def _rendered_button(inside: str) -> dict[str, str]:
    text, _, value = (part.strip() for part in inside.rpartition(","))
    if inside == "null":
        return {"type": "COPY_CODE"}
    if text and value.startswith(("http://", "https://")):
        return {"type": "URL", "text": text, "url": value}
    if text and re.fullmatch(r"\+?[0-9 ()-]{5,}", value):
        return {"type": "PHONE_NUMBER", "text": text, "phone_number": value}
    return {"type": "QUICK_REPLY", "text": inside}


def _samples(text: str, names: tuple[str, ...], example: str) -> tuple[str, ...]:
    """Values found where the variables stand in the filled-in example: "Hello [Olga]" or "Hello Olga"."""
    found: dict[str, str] = {}
    pieces = _VARIABLE.split(text)  # text, variable, text, variable, ... text
    place = len(pieces[0]) if example.startswith(pieces[0]) else -1
    for name, after in zip(pieces[1::2], pieces[2::2], strict=True):
        if place < 0:
            break
        end = example.find(after, place) if after else len(example)
        value = example[place:end] if end >= 0 else ""
        found.setdefault(_name(name), value.removeprefix("[").removesuffix("]"))
        place = end + len(after) if end >= 0 else -1
    return tuple(found.get(name, "") for name in names)
