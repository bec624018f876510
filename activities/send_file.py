"""Send an image, a video, an audio or a document."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields
from marshmallow.validate import OneOf

from activities.base import Desk
from activities.errors import refused
from activities.session import SessionAction
from bx24.i18n import Text
from bx24.properties import Properties
from gupshup import messages

KINDS: dict[str, Text] = {
    "auto": Text("detect automatically", "определить автоматически"),
    "image": Text("image", "изображение"),
    "video": Text("video", "видео"),
    "audio": Text("audio", "аудио"),
    "document": Text("document", "документ"),
}

CAPTION_DROPPED = Text(
    "WhatsApp shows no caption under audio, so the caption was left out.",
    "У аудио в WhatsApp подписи не бывает, поэтому она не отправлена.",
)


class SendFile(SessionAction):
    name = "send_file"
    title = Text("WhatsApp: file", "WhatsApp: файл")
    description = Text(
        "Sends an image, a video, an audio file or a document while the 24-hour window is open",
        "Отправляет изображение, видео, аудио или документ, пока открыто окно 24 часа",
    )

    class Content(Properties):
        file = fields.String(
            required=True,
            metadata={
                "title": Text("File", "Файл"),
                "hint": Text(
                    "An https link, the ID of a file on Drive, the code of a CRM field, or a public Drive link",
                    "Ссылка https, ID файла на Диске, код поля CRM или публичная ссылка Диска",
                ),
            },
        )
        kind = fields.String(
            load_default="auto",
            validate=OneOf(list(KINDS), labels=list(KINDS.values())),  # type: ignore[arg-type]  # labels are Texts
            metadata={"title": Text("Kind of file", "Вид файла")},
        )
        caption = fields.String(
            load_default="",
            metadata={
                "title": Text("Caption", "Подпись"),
                "hint": Text(
                    "Up to 1024 characters. Audio has no caption", "До 1024 символов. У аудио подписи не бывает"
                ),
                "type": "text",
            },
        )
        file_name = fields.String(
            load_default="",
            metadata={
                "title": Text("File name", "Имя файла"),
                "hint": Text(
                    "As the client sees it. Empty: the name of the original file",
                    "Каким его увидит клиент. Пусто: имя исходного файла",
                ),
            },
        )

    def message(self, values: Mapping[str, Any], desk: Desk) -> messages.Message:
        if desk.window_until() is None and values["if_closed"] == "fail":
            raise refused("window_closed")  # said before a file is fetched that could not be sent
        shared = desk.file(values["file"].strip(), values["kind"], values["file_name"].strip())
        return messages.File(shared.media, shared.url, values["caption"], shared.name)

    def note(self, message: messages.Message) -> Text | None:
        dropped = isinstance(message, messages.File) and message.caption_dropped
        return CAPTION_DROPPED if dropped else None
