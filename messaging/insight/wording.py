"""Names for people, in both languages: of states, of robots and activities, of durations."""

from datetime import timedelta

from activities import ACTIONS
from bx24.i18n import Text
from messaging.store.states import Hold, MessageStatus, Origin, OutcomeKind
from robots import ROBOTS

STATUS: dict[str, Text] = {
    MessageStatus.HELD: Text("held", "отложено"),
    MessageStatus.QUEUED: Text("queued", "в очереди"),
    OutcomeKind.ACCEPTED: Text("accepted", "принято"),
    OutcomeKind.SENT: Text("sent", "отправлено"),
    OutcomeKind.DELIVERED: Text("delivered", "доставлено"),
    OutcomeKind.READ: Text("read", "прочитано"),
    OutcomeKind.REPLIED: Text("replied", "ответил"),
    OutcomeKind.FAILED: Text("not delivered", "не доставлено"),
    OutcomeKind.UNKNOWN: Text("unknown", "неизвестно"),
    OutcomeKind.TIMEOUT: Text("timeout", "время вышло"),
    OutcomeKind.OK: Text("done", "выполнено"),
}
#: Why a message is held → what it waits for.
_HELD: dict[str, Text] = {
    Hold.WINDOW: Text("Held until the client writes", "Ждёт, пока клиент напишет"),
    Hold.QUIET: Text("Held until quiet hours end", "Ждёт конца тихих часов"),
}
_JUDGED_AGAIN = Text("Is judged again, for it could not leave in time", "Решаем заново: вовремя уйти не получилось")
#: A failure of an action that sends nothing, so that nothing was to be delivered.
DID_NOT_RUN = Text("did not run", "не выполнено")


def status(name: str, action: str) -> Text:
    """The status of a run of this action; a name that no status has as it is."""
    if name == OutcomeKind.FAILED and not action.startswith("send_"):
        return DID_NOT_RUN
    return STATUS.get(name, Text(name, name))


def held(hold: str) -> Text:
    """What a held message waits for (states.Hold)."""
    return _HELD.get(hold, _JUDGED_AGAIN)


#: Types of webhooks behind their dot; a type of Gupshup's that is not here is shown as it came.
_STATUS_EVENTS: dict[str, Text] = {
    **{name: STATUS[name] for name in (OutcomeKind.SENT, OutcomeKind.DELIVERED, OutcomeKind.READ, OutcomeKind.FAILED)},
    "enqueued": Text("taken by Gupshup", "принято Gupshup"),
    "mismatch": Text("number spelled otherwise", "номер записан иначе"),
    "deleted": Text("deleted by the client", "удалено клиентом"),
}
_REPLY_EVENTS: dict[str, Text] = {
    "text": Text("text", "текст"),
    "button": Text("button", "кнопка"),
    "list": Text("row of a list", "строка списка"),
    "image": Text("image", "изображение"),
    "video": Text("video", "видео"),
    "audio": Text("audio", "аудио"),
    "file": Text("file", "файл"),
    "sticker": Text("sticker", "стикер"),
    "location": Text("location", "геопозиция"),
    "contact": Text("contact", "контакт"),
    "reaction": Text("reaction", "реакция"),
    "form": Text("form", "форма"),
}
_WHOLE_EVENTS: dict[str, Text] = {
    "template-event": Text("change of a template", "изменение шаблона"),
    "account-event": Text("news of the account", "событие аккаунта"),
    "billing-event": Text("cost of a message", "стоимость сообщения"),
    "preference-event": Text("marketing stopped or allowed", "отказ от рекламы или согласие на неё"),
    "platform-event": Text("check by the doctor", "проверка из «Диагностики»"),
    "other": Text("other", "прочее"),
    "unknown": Text("not understood", "не распознано"),
}


def webhook(label: str) -> Text:
    """The name of a type of webhooks (gupshup.events, `type_label`): `message-event.read` is “status: read”."""
    kind, _dot, rest = label.partition(".")
    if kind == "message-event" and rest in _STATUS_EVENTS:
        return Text("status: {name}", "статус: {name}").format(name=_STATUS_EVENTS[rest])
    if kind == "message" and rest in _REPLY_EVENTS:
        return Text("reply: {name}", "ответ: {name}").format(name=_REPLY_EVENTS[rest])
    return _WHOLE_EVENTS.get(label, Text(label, label))


#: Origin of a message that no run has asked for → what stands in place of the robot's name.
_ORIGINS: dict[str, Text] = {
    Origin.CAMPAIGN: Text("Campaign", "Рассылка"),
    Origin.OPERATOR: Text("An operator's message", "Сообщение оператора"),
    Origin.MANUAL: Text("Sent by hand", "Отправлено вручную"),
    Origin.API: Text("Sent through the API", "Отправлено через API"),
    Origin.PROVIDER: Text("Sent as an SMS from Bitrix24", "Отправлено как SMS из Битрикс24"),
}


def title(side: str, action: str) -> Text:
    """The name of a robot (side `robots`) or of an activity; the bare code of an action that no longer exists.

    side: for a message without a run its origin.
    """
    if side in _ORIGINS:
        return _ORIGINS[side]
    if side == "robots" and action in ROBOTS:
        return ROBOTS[action][1]
    return ACTIONS[action].title if action in ACTIONS else Text(action, action)


def duration(time: timedelta) -> Text:
    """A duration in its two largest units: 1 h 20 min. Below a minute: seconds."""
    seconds = max(0, round(time.total_seconds()))
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    parts = [(days, "d", "д"), (hours, "h", "ч"), (minutes, "min", "мин")] if seconds >= 60 else [(seconds, "s", "с")]
    largest = [part for part in parts if part[0]][:2]
    return Text(*(" ".join(f"{part[0]} {part[language]}" for part in largest) for language in (1, 2)))
