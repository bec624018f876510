"""What operators read in a chat besides messages: what was sent automatically, and what was not sent, why, and what to do."""

from activities.errors import Refused
from bx24.i18n import Text

NOT_SENT = Text("Not sent to the client. {why}", "Не отправлено клиенту. {why}")
FAILED = Text("The client did not get the message “{text}”. {why}", "Клиент не получил сообщение «{text}». {why}")
UNCLEAR = Text(
    "It is not known whether the message “{text}” has left: the connection broke while it was handed over. It is not sent "
    "again by itself. Ask the client before you send it again.",
    "Неизвестно, ушло ли сообщение «{text}»: связь оборвалась во время передачи. Само оно не отправится ещё раз. "
    "Уточните у клиента, прежде чем отправлять снова.",
)
NOT_CONNECTED = Text(
    "This open line is not connected with WhatsApp any more. An administrator connects it on the line's page in waba24.",
    "Эта открытая линия больше не связана с WhatsApp. Связать её может администратор на странице линии в waba24.",
)
WINDOW_CLOSED = Text(
    "The 24-hour window is closed: the client has not written for more than a day. Send a template (the WhatsApp button "
    "below the input field), or wait until the client writes.",
    "Окно 24 часа закрыто: клиент не писал больше суток. Отправьте шаблон (кнопка WhatsApp под полем ввода) "
    "или дождитесь сообщения клиента.",
)
FILE_NOT_FETCHED = Text(
    "The file “{name}” could not be fetched from Bitrix24. Send it once more.",
    "Файл «{name}» не удалось получить из Битрикс24. Отправьте его ещё раз.",
)
FILES_NOT_SENT = Text(
    "Files of this message that were not sent to the client: {count}. Send them in a message of their own, at most {most}.",
    "Файлы этого сообщения, не отправленные клиенту: {count}. Отправьте их отдельным сообщением, не больше {most}.",
)
#: In a client's message.
LATE = Text("(written on {at})", "(написано {at})")
FILE_LOST = Text(
    "[File {name}: it could not be fetched from WhatsApp. Ask the client to send it again.]",
    "[Файл {name}: не удалось получить из WhatsApp. Попросите клиента прислать его ещё раз.]",
)
FILE_BY_LINK = Text("File {name}: {link}", "Файл {name}: {link}")
FILE_NOT_IN_CHAT = Text(
    "Bitrix24 could not load the client's file {name} into the chat. It is here for 30 days: {link}",
    "Битрикс24 не смог загрузить файл клиента {name} в чат. Он доступен 30 дней: {link}",
)
LOCATION = Text("Location: {place}", "Местоположение: {place}")
CONTACT = Text("Contact: {person}", "Контакт: {person}")
NOT_SHOWN = Text(
    "[A message of a kind that cannot be shown here. See WhatsApp on the phone.]",
    "[Сообщение такого вида здесь не показать. Посмотрите в WhatsApp на телефоне.]",
)
REACTION = Text("The client reacted: {emoji}", "Реакция клиента: {emoji}")
REACTION_TO = Text("The client reacted {emoji} to “{text}”", "Реакция клиента {emoji} на «{text}»")
#: Origin → the sender's name in the chat for messages that operators did not write.
SENT_BY: dict[str, Text] = {
    "robot": Text("Sent automatically (robot)", "Отправлено автоматически (робот)"),
    "activity": Text("Sent automatically (workflow)", "Отправлено автоматически (бизнес-процесс)"),
    "campaign": Text("Sent automatically (campaign)", "Отправлено автоматически (рассылка)"),
    "manual": Text("Sent from the card", "Отправлено из карточки"),
    "api": Text("Sent automatically (API)", "Отправлено автоматически (API)"),
    "provider": Text("Sent automatically (messages of CRM)", "Отправлено автоматически (сообщения CRM)"),
}
SENT_AT = Text("{by}, {at}", "{by}, {at}")
TEMPLATE_SENT = Text("Template “{name}” sent to the client:", "Клиенту отправлен шаблон «{name}»:")


#: Their own texts begin by saying that nothing was sent.
POLICY = frozenset({"opted_out", "marketing_cap"})


def not_sent(why: Refused, name: str) -> Text:
    """What operators read when a message of theirs is not sent: why, and what to do. name: of its file, if it has one."""
    if why.code in POLICY:
        return why.text
    reason = why.text
    if why.code == "window_closed":
        reason = WINDOW_CLOSED
    elif why.code == "file_unreachable":
        reason = FILE_NOT_FETCHED.format(name=name)
    return NOT_SENT.format(why=reason)
