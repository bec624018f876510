"""The line a run writes into the workflow log of Bitrix24."""

from collections.abc import Mapping
from typing import Any

from bx24.i18n import Text
from messaging.store.rows import RunRow

_WINDOW = {
    "Y": Text("the 24-hour window is open, {minutes} min left", "окно 24 часа открыто, осталось {minutes} мин."),
    "N": Text("the 24-hour window is closed", "окно 24 часа закрыто"),
}
_CONSENT = {
    "Y": Text("the client gets no more messages", "клиенту больше не пишем"),
    "N": Text("messages may go to the client", "писать клиенту можно"),
}
_CLOSED = Text("chats closed: {count}", "закрыто чатов: {count}")
_HEADLINE = {
    "accepted": Text("WhatsApp accepted the message", "WhatsApp принял сообщение"),
    "sent": Text("the message was sent", "сообщение отправлено"),
    "delivered": Text("the message was delivered", "сообщение доставлено"),
    "read": Text("the message was read", "сообщение прочитано"),
    "replied": Text("the client replied", "клиент ответил"),
}
#: Characters of a reply that are shown.
_REPLY_SHOWN = 200


def log_line(run: RunRow, outcome: str, error: str, results: Mapping[str, Any]) -> str:
    """To whom, what happened, the client's reply and the run's note. error: its text, "" if the run did not fail."""
    message = run.message or run.awaited
    to = f" → +{message.client.phone}" if message else ""
    if "opted_out" in results and run.note:
        return f"WhatsApp{to}: {run.note}"  # more than the result says
    # The text of an error says everything; with a headline before it the line would say it twice.
    line = f"WhatsApp{to}: {error or _headline(outcome, results).to(run.language)}"
    if results.get("reply_text"):
        line += f": «{results['reply_text'][:_REPLY_SHOWN]}»"
    return f"{line}. {run.note}" if run.note else line


def _headline(outcome: str, results: Mapping[str, Any]) -> Text:
    """What happened, in a few words."""
    if "closed" in results:
        return _CLOSED.format(count=results["closed"])
    if "window_open" in results:
        return _WINDOW[str(results["window_open"])].format(minutes=results.get("minutes_left", 0))
    if "opted_out" in results:
        return _CONSENT[str(results["opted_out"])]
    return _HEADLINE[outcome]
