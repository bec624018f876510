"""Texts of the phone pages, in both languages side by side."""

from __future__ import annotations

_TEXTS: dict[str, tuple[str, str]] = {
    "title": ("Client phones", "Телефоны клиентов"),
    "practice": (
        "Practice WhatsApp: no real messages are sent",
        "Учебный WhatsApp: настоящие сообщения не отправляются",
    ),
    "to_content": ("Skip to content", "К содержанию"),
    "chats": ("Chats", "Чаты"),
    "chats_empty": ("No chats yet", "Чатов пока нет"),
    "chats_empty_hint": (
        "A chat appears when the first message is sent to a phone, or when you write from one below.",
        "Чат появится, когда на телефон придёт первое сообщение или когда вы напишете с него сами.",
    ),
    "open_phone": ("Open a phone", "Открыть телефон"),
    "number": ("Phone number", "Номер телефона"),
    "number_hint": ("With country code, for example 79123456789", "С кодом страны, например 79123456789"),
    "open": ("Open", "Открыть"),
    "businesses": ("Businesses", "Компании"),
    "businesses_empty": (
        "No Gupshup apps yet: POST /emulator/apps makes one.",
        "Приложений Gupshup пока нет: их создаёт POST /emulator/apps.",
    ),
    "templates_n": ("templates", "шаблоны"),
    "webhook_set": ("webhook set", "вебхук задан"),
    "webhook_none": ("no webhook", "вебхука нет"),
    "all_phones": ("All phones", "Все телефоны"),
    "phone_of": ("Phone", "Телефон"),
    "screen_label": ("As the client sees it", "Как увидит клиент"),
    "business": ("Business account", "Бизнес-аккаунт"),
    "no_messages": (
        "No messages yet. Write first, or wait for the business.",
        "Сообщений пока нет. Напишите первым или дождитесь компании.",
    ),
    "message": ("Message", "Сообщение"),
    "send": ("Send", "Отправить"),
    "attach": ("Attach a file", "Прикрепить файл"),
    "attach_send": ("Send the file", "Отправить файл"),
    "see_all": ("See all options", "Все варианты"),
    "read_more": ("Read more", "Читать дальше"),
    "choose": ("Choose an option", "Выберите вариант"),
    "close": ("Close", "Закрыть"),
    "photo": ("Photo", "Фото"),
    "video": ("Video", "Видео"),
    "audio": ("Voice message", "Голосовое сообщение"),
    "file": ("Document", "Документ"),
    "sticker": ("Sticker", "Стикер"),
    "location": ("Location", "Геопозиция"),
    "contact": ("Contact", "Контакт"),
    "contact_name": ("Peter Orlov", "Пётр Орлов"),
    "reaction": ("Reaction", "Реакция"),
    "list": ("List", "Список"),
    "template": ("Template", "Шаблон"),
    "text": ("Text", "Текст"),
    "buttons": ("Buttons", "Кнопки"),
    "unknown": ("Message", "Сообщение"),
    "write_contact": ("Message", "Написать"),
    "save_contact": ("Save contact", "Сохранить контакт"),
    "send_location": ("Send location", "Отправить геопозицию"),
    "copy_code": ("Copy code", "Скопировать код"),
    "you": ("You", "Вы"),
    "phone_settings": ("The phone", "Телефон"),
    "online": ("Online", "В сети"),
    "online_hint": ("Off: messages are sent but not delivered", "Выключено: отправлено, но не доставлено"),
    "receipts": ("Read receipts", "Отчёты о прочтении"),
    "receipts_hint": ("Off: «read» never comes", "Выключено: «прочитано» не приходит"),
    "apply": ("Apply", "Применить"),
    "refuse": ("Refuse messages", "Отказывать с кодом"),
    "refuse_none": ("Accept all", "Принимать всё"),
    "window": ("24-hour window", "Окно 24 часа"),
    "window_open": ("open until", "открыто до"),
    "window_closed": ("closed: only templates arrive", "закрыто: доходят только шаблоны"),
    "window_close": ("Let 24 hours pass", "Пропустить 24 часа"),
    "more": ("What else a client can send", "Что ещё может прислать клиент"),
    "more_kind": ("What to send", "Что отправить"),
    "more_text": ("Text, for an answer to a message", "Текст, если это ответ на сообщение"),
    "more_target": ("In answer to", "В ответ на"),
    "more_no_target": ("No message", "Без цитаты"),
    "more_quote": ("Text that quotes", "Текст с цитатой"),
    "more_voice": ("Voice message", "Голосовое сообщение"),
    "more_sticker": ("Sticker", "Стикер"),
    "more_contact": ("Contact", "Контакт"),
    "more_location": ("Location", "Геопозиция"),
    "more_reaction": ("Reaction 👍", "Реакция 👍"),
    "more_no_reaction": ("Take the reaction back", "Снять реакцию"),
    "sent_log": ("Messages of the business", "Сообщения компании"),
    "sent_empty": ("Nothing was sent yet.", "Пока ничего не отправлено."),
    "webhooks": ("Notifications of Gupshup", "Уведомления Gupshup"),
    "webhooks_empty": ("Nothing was posted yet.", "Пока ничего не отправлено."),
    "submitted": ("accepted", "принято"),
    "enqueued": ("queued", "в очереди"),
    "sent": ("sent", "отправлено"),
    "delivered": ("delivered", "доставлено"),
    "read": ("read", "прочитано"),
    "failed": ("not delivered", "не доставлено"),
    "hook_waiting": ("waiting", "ждёт"),
    "hook_delivered": ("answered", "принято"),
    "hook_retrying": ("will retry", "повторим"),
    "hook_given up": ("given up", "не принято"),
    "no_answer": ("no answer", "нет ответа"),
    "missing": ("There is no such chat", "Такого чата нет"),
    "missing_hint": (
        "Make a Gupshup app first: a phone needs somebody to write to.",
        "Сначала создайте приложение Gupshup: телефону нужно кому-то писать.",
    ),
}
_RUSSIAN = ("ru", "by", "kz", "ua", "be", "kk", "uk")


class Texts:
    """`texts.send` in one language; an unknown key is an error."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self._column = 1 if lang == "ru" else 0

    def __getitem__(self, key: str) -> str:
        return _TEXTS[key][self._column]


def choose(wanted: str | None, accepted: str | None) -> Texts:
    """Texts in the language of `?lang=`, else of the Accept-Language header."""
    tag = (wanted or (accepted or "").split(",")[0]).strip().lower()[:2]
    return Texts("ru" if tag in _RUSSIAN else "en")
