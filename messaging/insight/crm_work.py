"""What was written to a portal's CRM: the last executions of each trigger, and what was given up."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from bx24 import open_channels
from bx24.i18n import Text
from messaging.conversations.chat_tasks import IN_CHAT_UNKNOWN
from messaging.runs.crm_tasks import TRIGGER
from messaging.store.models import Message, Reply
from messaging.store.portal_tasks import NO_ANSWER, UNINSTALLED, UNREADABLE, PortalTask, TaskState

#: Tasks that are looked through for the last executions; executions that are shown of each trigger.
LOOKED_AT, SHOWN = 500, 5
#: Errors counted together.
MOST = 200
_REMEDIES: tuple[tuple[str, Text], ...] = (
    (
        "ACCESS_DENIED",
        Text(
            "Bitrix24 lets only administrators do this. An administrator should press “Reinstall” in the app's card: the app "
            "then works with that person's rights.",
            "Битрикс24 разрешает это только администратору. Пусть администратор нажмёт «Переустановить» в карточке приложения: "
            "дальше оно будет работать с его правами.",
        ),
    ),
    (
        "insufficient_scope",
        Text(
            "The app lacks the permission “CRM”. Tick it in the app's card.",
            "У приложения нет разрешения «CRM». Отметьте его в карточке приложения.",
        ),
    ),
    (
        "is not registered",
        Text(
            "Somebody has deleted the trigger. It is registered again automatically; place it on its stage anew.",
            "Триггер удалили. Он зарегистрируется сам; поставьте его на стадию заново.",
        ),
    ),
    (
        open_channels.LINE_OFF,
        Text(
            "The open line or our connector on it is switched off in Bitrix24. Switch it on there; what waits goes into the "
            "chat then.",
            "Открытая линия или наш коннектор на ней выключены в Битрикс24. Включите их там: ожидающее попадёт в чат.",
        ),
    ),
    (
        open_channels.NOT_ADDED,
        Text(
            "Bitrix24 was busy with this client's chat. The message is put into it again automatically.",
            "Битрикс24 был занят чатом этого клиента. Сообщение попадёт в чат со следующей попытки.",
        ),
    ),
    (
        open_channels.NOTHING_TO_SHOW,
        Text(
            "Bitrix24 could not load the client's file. The chat gets a link to it instead.",
            "Битрикс24 не смог загрузить файл клиента. Вместо файла в чат придёт ссылка на него.",
        ),
    ),
    (
        "IMCONNECTOR_NO",
        Text(
            "Bitrix24 does not know our connector any more. An administrator should open the page Robots, press “Repair all”, "
            "then switch the chats off and on again on the line's page.",
            "Битрикс24 больше не знает наш коннектор. Пусть администратор на странице «Роботы» нажмёт «Восстановить всё», а "
            "потом на странице линии выключит и снова включит чаты.",
        ),
    ),
    (
        "ACCESS_ERROR",
        Text(
            "The chat is closed to whoever installed the app. Add that person to the open line's queue or its supervisors.",
            "Чат закрыт для того, кто установил приложение. Добавьте его в очередь открытой линии или в её руководители.",
        ),
    ),
    (
        "OWNER",
        Text(
            "The CRM item has been deleted, or it is hidden from whoever installed the app.",
            "Карточку CRM удалили, или она закрыта для того, кто установил приложение.",
        ),
    ),
)
_OURS: dict[str, Text] = {
    IN_CHAT_UNKNOWN: Text(
        "The connection broke at the client's first messages, so nobody can tell whether the chat has this one. Look into the "
        "chat.",
        "Связь оборвалась на первых сообщениях клиента, и неизвестно, есть ли это сообщение в чате. Загляните в чат.",
    ),
    UNREADABLE: Text(
        "The app's server has lost the key this task was encrypted with. Tell its administrator.",
        "Сервер приложения потерял ключ, которым была зашифрована эта задача. Сообщите его администратору.",
    ),
    UNINSTALLED: Text(
        "The app was uninstalled before its turn came.",
        "Приложение удалили раньше, чем до этого дошла очередь.",
    ),
}
_REFUSED = Text(
    "Bitrix24 refused: {error}. Nothing is repeated by itself.", "Битрикс24 отказал: {error}. Само это не повторится."
)
_IN_VAIN = Text(
    "Bitrix24 did not answer for two days, or not clearly. Nothing is repeated by itself any more.",
    "Битрикс24 не отвечал два дня или отвечал неясно. Само это больше не повторится.",
)


@dataclass(frozen=True)
class Execution:
    """One execution of a trigger.

    state: of its task. outcome: done, moved (it had moved already, nothing was repeated), nobody (CRM knows no such phone), "".
    owner: entity type id and number. run_id: of the message or the reply; lone_id: of a message without a run.
    """

    at: datetime
    state: str
    outcome: str
    owner: tuple[int, int] | None
    error: str
    cause: str
    run_id: int | None = None
    lone_id: int | None = None


def executions(session: Session, portal_id: int) -> dict[str, list[Execution]]:
    """The newest executions of each trigger, by its code."""
    tasks = session.scalars(
        select(PortalTask)
        .where(PortalTask.portal_id == portal_id, PortalTask.kind == TRIGGER)
        .order_by(PortalTask.id.desc())
        .limit(LOOKED_AT)
        .options(defer(PortalTask.payload))
    ).all()
    by_code: defaultdict[str, list[PortalTask]] = defaultdict(list)
    for task in tasks:
        found = by_code[task.key.partition(" ")[0]]
        if len(found) < SHOWN:
            found.append(task)
    shown = [task for found in by_code.values() for task in found]
    messages = _runs(session, Message, {task.message_id for task in shown})
    replies = _runs(session, Reply, {task.reply_id for task in shown})
    return {code: [_execution(task, messages, replies) for task in found] for code, found in by_code.items()}


def _runs(session: Session, model: type[Message] | type[Reply], ids: set[int | None]) -> dict[int, int | None]:
    """Message or reply → its run."""
    wanted = [one for one in ids if one is not None]
    rows = session.execute(select(model.id, model.run_id).where(model.id.in_(wanted))) if wanted else ()
    return {row[0]: row[1] for row in rows}


def _execution(task: PortalTask, messages: Mapping[int, int | None], replies: Mapping[int, int | None]) -> Execution:
    known = task.result or {}
    owner = known.get("owner")
    message_id = task.message_id if task.message_id in messages else None
    run_id = messages.get(message_id) if message_id is not None else replies.get(task.reply_id or 0)
    return Execution(
        at=task.done_at or task.created_at,
        state=task.state,
        outcome=str(known.get("outcome") or ""),
        owner=(int(owner[0]), int(owner[1])) if owner else None,
        error=task.error,
        cause="reply" if task.reply_id is not None else "message" if task.message_id is not None else "list",
        run_id=run_id,
        lone_id=message_id if run_id is None else None,
    )


def given_up(session: Session, portal_id: int, since: datetime) -> Counter[tuple[str, str]]:
    """Kind of task and error → how many were given up since then; of more than MOST the newest."""
    failed = select(PortalTask.kind, PortalTask.error).where(
        PortalTask.portal_id == portal_id, PortalTask.state == TaskState.FAILED, PortalTask.done_at >= since
    )
    rows = session.execute(failed.order_by(PortalTask.id.desc()).limit(MOST))
    return Counter((row.kind, row.error) for row in rows)


def remedy(error: str) -> Text:
    """What somebody can do about an error that a task was given up for."""
    if error in _OURS:
        return _OURS[error]
    known = next((text for part, text in _REMEDIES if part.lower() in error.lower()), None)
    return known or (_IN_VAIN if error.startswith(NO_ANSWER) else _REFUSED.format(error=error))


def code(error: str) -> str:
    """What the portal has called an error; "" for what only our own words tell."""
    return "" if error in _OURS or error.startswith(NO_ANSWER) else error
