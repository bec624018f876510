"""An action: what its robot and its activity have in common, and how its fields become a plan.

An action's module declares its fields (`Content`) and builds the message; everything else lives here or further out:
to whom (robots, activities), when the workflow goes on (`Sending`), sending, waiting and answering (messaging).
Actions are pure. What they must look up comes through the `Desk` they are handed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol

from marshmallow import Schema, ValidationError, fields, validate

from activities.errors import FIELD_TOO_LONG, Refused, from_invalid, refused
from bx24.i18n import Text
from bx24.properties import Descriptor, Properties, WholeNumber, returns
from gupshup.errors import InvalidMessage
from gupshup.messages import Choices, Message
from gupshup.reading import is_blank
from gupshup.templates import TemplateInfo

MAX_WAIT_MINUTES = 43_200
#: Characters of one property, all its entries together; each entry counts one more.
MAX_FIELD = 64 * 1024
DEFAULT_WAIT_MINUTES = 1_440

UNTIL: dict[str, Text] = {
    "accepted": Text("the message is accepted", "сообщение принято"),
    "sent": Text("the message is sent", "сообщение отправлено"),
    "delivered": Text("the message is delivered", "сообщение доставлено"),
    "read": Text("the message is read", "сообщение прочитано"),
    "replied": Text("the client has replied", "клиент ответил"),
}

QUIET: dict[str, Text] = {
    "send": Text("send all the same", "отправить всё равно"),
    "hold": Text("send when they end", "отправить, когда закончатся"),
    "drop": Text("do not send", "не отправлять"),
}

#: Code → title, or (title, type) of a result that is no string.
Results = Mapping[str, Text | tuple[Text, str]]

WINDOW_UNTIL = Text("Window open until", "Окно открыто до")
STATUS_RESULTS: dict[str, Text] = {
    "status": Text("Outcome", "Результат"),
    "error_code": Text("Error code", "Код ошибки"),
    "error_text": Text("Error text", "Текст ошибки"),
}
SEND_RESULTS: dict[str, Text] = {
    "message_id": Text("Message ID", "ID сообщения"),
    "sent_to": Text("Sent to (phone)", "Кому отправлено (телефон)"),
    "sent_at": Text("Sent at", "Время отправки"),
    "delivered_at": Text("Delivered at", "Время доставки"),
    "read_at": Text("Read at", "Время прочтения"),
    "window_until": WINDOW_UNTIL,
}
REPLY_RESULTS: dict[str, Text] = {
    "reply_type": Text("Reply: kind", "Ответ: вид"),
    "reply_text": Text("Reply: text", "Ответ: текст"),
    "reply_id": Text("Reply: ID of the button or row", "Ответ: код кнопки или строки"),
    "reply_file": Text("Reply: file", "Ответ: файл"),
    "reply_from": Text("Reply: from (phone)", "Ответ: от кого (телефон)"),
}


@dataclass(frozen=True)
class Card:
    """A CRM contact as a WhatsApp contact card needs it. `phones`: as CRM has them, at least one."""

    first_name: str
    last_name: str
    phones: tuple[str, ...]
    emails: tuple[str, ...] = ()
    company: str = ""
    position: str = ""


@dataclass(frozen=True)
class Shared:
    """A file under a link of ours that WhatsApp may fetch: checked, of a known kind, without a token of the portal.

    media: image, video, audio or document; name: as the client sees it, with its extension.
    """

    media: str
    url: str
    name: str
    content_type: str
    size: int


class Desk(Protocol):
    """What an action may ask while it plans; messaging answers, tests answer with a table."""

    @property
    def msgid(self) -> str:
        """What finds this message again when the client taps one of its buttons."""

    @property
    def region(self) -> str:
        """The portal's country, for phone numbers without a country code ("RU")."""

    def window_until(self) -> datetime | None:
        """Until when session messages may be sent to the client; None: the window is closed."""

    def now(self) -> datetime:
        """The time by the injected clock."""

    def close_chats(self) -> int | None:
        """Close the item's open dialogs of our connector; how many there were. None: the portal has not granted that."""

    def contact(self, reference: str) -> Card:
        """A CRM contact by its id. Raises Refused contact_not_found."""

    def file(self, reference: str, media: str, name: str = "") -> Shared:
        """A file by https link, Disk file id, CRM field code or public Disk link, made ready for WhatsApp.

        media: "auto", or what it must be: image, video, audio, document. name: what the client shall see, "" = its own.
        Raises Refused: file_unreachable, file_too_large, file_type, value_invalid.
        """

    def template(self, reference: str, language: str) -> TemplateInfo | None:
        """The template of the run's line by Gupshup id or element name.

        None: the line has no app id, so nobody can know; only an id is worth a try then.
        Raises Refused: template_not_found, template_not_approved, template_ambiguous.
        """


@dataclass(frozen=True)
class Plan:
    """What a run wants: a message or none, until when the workflow waits, and for how long at most.

    accept: replies that count, compared without case and surrounding space; empty: any.
    choices: (id, title) of the message's buttons or rows, in order; what a tap on them means.
    note: something the workflow log should say besides the outcome.
    waits_for_window: while the client's window is closed, the message is held until the client writes; else it is refused.
    quiet: what happens to it in the portal's quiet hours, a key of QUIET.
    values: results known at once; such a run sends nothing and waits for nothing.
    consent: "stop" or "allow" messages to the client; likewise, and its result is known when that is done.
    """

    message: Message | None = None
    until: str = "accepted"
    wait: timedelta = timedelta()
    accept: tuple[str, ...] = ()
    choices: Choices = ()
    note: Text | None = None
    waits_for_window: bool = False
    quiet: str = "send"
    values: Mapping[str, Any] | None = None
    consent: str = ""


def wait_minutes_field() -> fields.Integer:
    """For how long a run may take."""
    return WholeNumber(
        load_default=DEFAULT_WAIT_MINUTES,
        validate=validate.Range(1, MAX_WAIT_MINUTES),
        metadata={
            "title": Text("Wait at most, minutes", "Ждать не дольше, минут"),
            "hint": Text("From 1 to 43200 (30 days)", "От 1 до 43200 (30 дней)"),
        },
    )


def quiet_field() -> fields.String:
    """What happens to a message in the portal's quiet hours."""
    return fields.String(
        load_default="send",
        validate=validate.OneOf(list(QUIET), labels=list(QUIET.values())),  # type: ignore[arg-type]  # labels are Texts
        metadata={
            "title": Text("In quiet hours", "В тихие часы"),
            "hint": Text(
                "By the client's own time. The hours are set in the app, on the page “Sending rules”",
                "По времени клиента. Часы задаются в приложении, на странице «Правила отправки»",
            ),
        },
    )


class Until(Properties):
    """When the workflow goes on after a send."""

    until = fields.String(
        load_default="accepted",
        validate=validate.OneOf(list(UNTIL), labels=list(UNTIL.values())),  # type: ignore[arg-type]  # labels are Texts
        metadata={
            "title": Text("Continue when", "Продолжить, когда"),
            "hint": Text(
                "The workflow waits until then and gets the result", "Процесс дождётся этого и получит результат"
            ),
        },
    )
    wait_minutes = wait_minutes_field()


class Sending(Until):
    """The ending of a send that may leave at any time: a template."""

    quiet = quiet_field()


class Nothing(Properties):
    """No fields: of an action that has no content, or ends at once."""


class Action:
    """One thing that can be done. `name` is the module, the tail of the URL and of the code."""

    name: ClassVar[str]
    title: ClassVar[Text]
    description: ClassVar[Text]
    #: Whether its card asks for a line and a phone.
    is_addressed: ClassVar[bool] = True
    Content: ClassVar[type[Properties]]
    Ending: ClassVar[type[Properties]]
    results: ClassVar[Results]

    def __init__(self) -> None:
        self._schemas: dict[type[Properties], Properties] = {}

    def tidy(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """What people put into one field and meant for two, put right before the check."""
        return raw

    def schema(self, to_whom: type[Properties]) -> Properties:
        """To whom, content, ending: the order of the card. Made once: making one costs more than a whole check."""
        if to_whom not in self._schemas:
            self._schemas[to_whom] = self._make_schema(to_whom)
        return self._schemas[to_whom]

    def _make_schema(self, to_whom: type[Properties]) -> Properties:
        parts = (*((to_whom,) if self.is_addressed else ()), self.Content, self.Ending, *self.after_ending(to_whom))
        declared = {name: field for part in parts for name, field in part._declared_fields.items()}
        made: Properties = type(f"{self.name}_{to_whom.__name__}", (Properties,), dict(declared))()
        return made

    def after_ending(self, to_whom: type[Properties]) -> tuple[type[Properties], ...]:
        """Fields behind the ending, which only robots or only activities have."""
        return ()

    def return_properties(self, schema: Properties) -> dict[str, Descriptor]:
        """RETURN_PROPERTIES as registered."""
        return returns(self.results, besides=schema.codes())

    def plan(self, values: Mapping[str, Any], desk: Desk) -> Plan:
        """Turn checked values into a plan. Raises Refused."""
        try:
            return self.make_plan(values, desk)
        except InvalidMessage as error:
            raise from_invalid(error) from None

    def plan_without_line(self, values: Mapping[str, Any]) -> Plan | None:
        """The plan while no line is connected; None: this action cannot do without."""
        return None

    def make_plan(self, values: Mapping[str, Any], desk: Desk) -> Plan:
        """The action's own part of `plan`."""
        raise AssertionError(f"{type(self).__name__} has no plan")


class SendAction(Action):
    """An action that sends one message. It writes `message()`, or `compose()` where the message does not know its choices."""

    Ending: ClassVar[type[Properties]] = Sending
    results: ClassVar[Results] = {**STATUS_RESULTS, **SEND_RESULTS, **REPLY_RESULTS}

    def after_ending(self, to_whom: type[Properties]) -> tuple[type[Properties], ...]:
        shown: type[Properties] | None = getattr(to_whom, "Shown", None)
        return () if shown is None else (shown,)

    def make_plan(self, values: Mapping[str, Any], desk: Desk) -> Plan:
        return self.plan_of(values, *self.compose(values, desk))

    def plan_of(self, values: Mapping[str, Any], message: Message, choices: Choices) -> Plan:
        """The plan to send this message, whatever the action's own would be."""
        return Plan(
            message,
            values["until"],
            timedelta(minutes=values["wait_minutes"]),
            choices=choices,
            note=self.note(message),
            quiet=values["quiet"],
        )

    def compose(self, values: Mapping[str, Any], desk: Desk) -> tuple[Message, Choices]:
        """The message to send, and what the client can tap in it. Raises Refused or InvalidMessage."""
        message = self.message(values, desk)
        return message, message.choices

    def note(self, message: Message) -> Text | None:
        """What the workflow log should say about this message besides its outcome."""
        return None

    def message(self, values: Mapping[str, Any], desk: Desk) -> Message:
        """The message to send. Raises Refused or InvalidMessage."""
        raise AssertionError(f"{type(self).__name__} sends no message")


def load(schema: Properties, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Check what a run brought. Raises Refused for the first field, in the card's order, that is missing or wrong."""
    if longest := too_long(schema, raw):
        raise longest[0]
    try:
        values: dict[str, Any] = schema.load(_visible(raw))
    except ValidationError as error:
        raise explain(schema, raw, error) from None
    return values


def within_limit(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a call as they are kept: what is longer than MAX_FIELD becomes a text that `load` refuses."""
    return {code: value if _is_short(value) else "x" * (MAX_FIELD + 1) for code, value in raw.items()}


def too_long(schema: Schema, raw: Mapping[str, Any]) -> list[Refused]:
    """A refusal for each field that is longer than MAX_FIELD, in the card's order."""
    long = {str(code).lower() for code, value in raw.items() if not _is_short(value)}
    return [
        Refused("text_too_long", FIELD_TOO_LONG.format(field=field.metadata["title"], limit=MAX_FIELD), code)
        for code, field in (schema.fields.items() if long else ())
        if code.lower() in long
    ]


def _is_short(value: object) -> bool:
    """Whether the texts in a value fit into MAX_FIELD; looks at no more of them than that."""
    left, waiting = MAX_FIELD, [value]
    while waiting and left >= 0:
        part = waiting.pop()
        if isinstance(part, Mapping):
            part = [*part, *part.values()]
        if isinstance(part, list | tuple):
            left -= len(part)
            waiting += part if left >= 0 else ()
        else:
            left -= len(str(part))
    return left >= 0


def explain(schema: Schema, raw: Mapping[str, Any], error: ValidationError) -> Refused:
    """Name the field, the value's problem and the remedy, from the field's own rules."""
    messages = error.messages_dict
    code, field = next((code, field) for code, field in schema.fields.items() if code in messages)
    value = next((value for key, value in raw.items() if str(key).lower() == code.lower()), None)
    title = field.metadata["title"]
    if field.error_messages["required"] in messages[code]:
        return refused("value_missing", at=code, field=title)
    return refused("value_invalid", at=code, field=title, value=_shown(value), remedy=_remedy(field))


def _shown(value: object) -> str:
    text = ", ".join(_leaves(value))
    return text if len(text) <= 60 else text[:59] + "…"


def _leaves(value: object) -> Iterator[str]:
    """The texts in a value, however it is nested."""
    if isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(inner)
    else:
        yield str(value)


def _visible(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Without the fields in which a client would see nothing: they are as good as empty."""
    return {code: value for code, value in raw.items() if not (isinstance(value, str) and is_blank(value))}


def _remedy(field: fields.Field[Any]) -> Text:
    for rule in field.validators:
        if isinstance(rule, validate.Range):
            return Text("Give a number from {a} to {b}.", "Укажите число от {a} до {b}.").format(a=rule.min, b=rule.max)
        if isinstance(rule, validate.OneOf):
            allowed = ", ".join(map(str, rule.choices))
            return Text("Allowed: {a}.", "Допустимо: {a}.").format(a=allowed)
    if isinstance(field, fields.Number):
        return Text("Give a number.", "Укажите число.")
    return Text("Check the field.", "Проверьте поле.")


__all__ = [
    "Action",
    "Card",
    "Desk",
    "Plan",
    "Refused",
    "SendAction",
    "Sending",
    "Shared",
    "Until",
    "explain",
    "load",
    "too_long",
    "within_limit",
]
