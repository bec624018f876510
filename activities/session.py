"""Actions whose message WhatsApp takes only while the client's 24-hour window is open, and what they do while it is closed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from marshmallow import fields, validate

from activities import send_template
from activities.base import Desk, Plan, SendAction, Until, quiet_field
from activities.errors import Refused, from_invalid, refused
from bx24.i18n import Text
from gupshup.errors import InvalidMessage
from gupshup.messages import Choices, Message
from gupshup.reading import is_blank

IF_CLOSED: dict[str, Text] = {
    "fail": Text("end with an error", "завершить с ошибкой"),
    "template": Text("send a template instead", "отправить вместо этого шаблон"),
    "wait": Text("wait until the client writes", "дождаться, пока клиент напишет"),
}
_TEMPLATE = Text("Template instead", "Шаблон вместо сообщения")
_PARAMS = Text("Variables of the template instead", "Переменные шаблона вместо сообщения")
_WORDING = send_template.Wording(
    params=_PARAMS,
    remedy=Text(
        "Fill it in. If it takes its value from the card, check that the card has one.",
        "Заполните её. Если значение берётся из карточки, проверьте, что оно там есть.",
    ),
)
_SENT_INSTEAD = Text(
    "The 24-hour window was closed, so the message was replaced by the template “{template}”",
    "Окно 24 часа было закрыто, поэтому вместо сообщения взят шаблон «{template}»",
)
_NEEDS_MORE = Text(
    "The template “{template}” begins with a file or has variables in its buttons; as “{field}” only a template without them "
    "can be sent. Choose another one.",
    "Шаблон «{template}» начинается с файла или содержит переменные в кнопках. В поле «{field}» подойдёт только шаблон "
    "без них. Выберите другой.",
)
_SEVERAL_LANGUAGES = Text(
    "The template “{template}” exists in several languages. In “{field}”, give the Gupshup ID of the one to send.",
    "Шаблон «{template}» есть на нескольких языках. Укажите в поле «{field}» ID нужного шаблона в Gupshup.",
)


class SessionSending(Until):
    """The ending of a send that needs an open window."""

    if_closed = fields.String(
        load_default="fail",
        validate=validate.OneOf(list(IF_CLOSED), labels=list(IF_CLOSED.values())),  # type: ignore[arg-type]  # labels are Texts
        metadata={
            "title": Text("If the 24-hour window is closed", "Если окно 24 часа закрыто"),
            "hint": Text(
                "The client has not written for a day. Waiting ends with “Wait at most”",
                "Клиент не писал больше суток. Ждать будем не дольше, чем указано выше",
            ),
        },
    )
    fallback_template = fields.String(
        load_default="",
        metadata={
            "title": _TEMPLATE,
            "hint": Text(
                "Its name or its Gupshup ID. Sent only if the window is closed",
                "Название или ID в Gupshup. Отправим, только если окно закрыто",
            ),
        },
    )
    fallback_params = send_template.params_field(_PARAMS)
    quiet = quiet_field()


class SessionAction(SendAction):
    """A send that needs an open window."""

    Ending = SessionSending

    def make_plan(self, values: Mapping[str, Any], desk: Desk) -> Plan:
        goes_instead = values["if_closed"] == "template" and not self.is_template(values)
        if goes_instead and is_blank(values["fallback_template"]):
            raise refused("value_missing", at="fallback_template", field=_TEMPLATE)
        if not goes_instead or _is_open(desk):
            return replace(super().make_plan(values, desk), waits_for_window=values["if_closed"] == "wait")
        name = values["fallback_template"].strip()
        plan = self.plan_of(values, *fallback(values, desk))
        return replace(plan, note=_SENT_INSTEAD.format(template=name[:60]))

    def is_template(self, values: Mapping[str, Any]) -> bool:
        """Whether these values are a template, which needs no window."""
        return False


def _is_open(desk: Desk) -> bool:
    until = desk.window_until()
    return until is not None and until > desk.now()


def fallback(values: Mapping[str, Any], desk: Desk) -> tuple[Message, Choices]:
    """The template that is sent while the window is closed. Raises Refused, at the fields it came from."""
    name = values["fallback_template"].strip()
    try:
        call = send_template.Call(
            template=name,
            language="",
            params=send_template.ordered(values["fallback_params"]),
            header="",
            button_params=(),
            wording=_WORDING,
        )
        return send_template.compose(call, desk)
    except InvalidMessage as error:
        raise _at_its_field(from_invalid(error), name) from None
    except Refused as refusal:
        raise _at_its_field(refusal, name) from None


def _at_its_field(refusal: Refused, name: str) -> Refused:
    """The refusal of a template as a refusal of the template instead."""
    if refusal.code == "template_ambiguous":
        words = _SEVERAL_LANGUAGES.format(template=name, field=_TEMPLATE)
        return Refused(refusal.code, words, "fallback_template")
    if refusal.at in ("header", "button_params"):
        words = _NEEDS_MORE.format(template=name, field=_TEMPLATE)
        return Refused(refusal.code, words, "fallback_template")
    refusal.at = "fallback_params" if refusal.at == "params" else "fallback_template"
    return refusal
