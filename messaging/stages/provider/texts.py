"""Why a message that the portal has handed over was not sent, and what to do, where the robots' words would not fit."""

from bx24.i18n import Text

WINDOW_CLOSED = Text(
    "Not sent: the client has not written for more than a day, so WhatsApp takes only a template. Send a template from the tab "
    "“WhatsApp” of the card. Or let an administrator choose a template for free texts on the page of the line: such texts "
    "are sent in it then.",
    "Не отправлено: клиент не писал больше суток, и WhatsApp принимает только шаблон. Отправьте шаблон с вкладки «WhatsApp» "
    "в карточке. Или попросите администратора выбрать на странице линии шаблон для свободных текстов: такие тексты будут "
    "уходить в нём.",
)
FALLBACK = Text(
    "Not sent: the client has not written for more than a day, and the line's template for free texts cannot be sent. {why} "
    "An administrator can choose another one on the page of the line.",
    "Не отправлено: клиент не писал больше суток, а шаблон линии для свободных текстов отправить нельзя. {why} "
    "Администратор может выбрать другой на странице линии.",
)
QUIET_HOURS = Text(
    "Not sent: it is {time} where the client is, and quiet hours last from {from_} to {to}. Send it when they are over. "
    "An administrator can change what happens then on the page of the line.",
    "Не отправлено: у клиента сейчас {time}, а тихие часы длятся с {from_} до {to}. Отправьте сообщение, когда они закончатся. "
    "Что делать в это время, администратор может изменить на странице линии.",
)
TEXT = Text("Text", "Текст")
EMPTY = Text("Write a text.", "Напишите текст.")
