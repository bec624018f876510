"""Why a file cannot be had or sent, in words for whoever set up the robot: what happened and what to do."""

from activities.errors import Refused, refused
from bx24.i18n import Text
from gupshup.limits import MAX_BYTES

_AGAIN = Text("try again later", "повторите позже")
REASONS: dict[str, Text] = {
    "scheme": Text("the link must begin with https://", "ссылка должна начинаться с https://"),
    "address": Text("this is no valid link; copy it again in full", "это не ссылка; скопируйте её ещё раз целиком"),
    "password": Text(
        "the link holds a user name and a password; give a link that is open without them",
        "в ссылке записаны логин и пароль; дайте ссылку, которая открывается без них",
    ),
    "forbidden": Text(
        "the link leads into a private network; give a link that is open on the internet",
        "ссылка ведёт во внутреннюю сеть; дайте ссылку, которая открывается из интернета",
    ),
    "hops": Text(
        "the link redirects too often; give the direct link to the file",
        "ссылка слишком много раз перенаправляет; дайте прямую ссылку на файл",
    ),
    "closed": Text(
        "the link opens only after a login (answer {status}); make the file public, or put it on Bitrix24 "
        "Drive and give its id",
        "ссылка открывается только после входа (ответ {status}); откройте доступ к файлу или положите его "
        "на Диск Битрикс24 и укажите ID",
    ),
    "missing": Text(
        "there is no file under this link (answer {status}); check the link in a private window of the browser",
        "по ссылке нет файла (ответ {status}); проверьте её в окне инкогнито",
    ),
    "status": Text(
        "the server answered {status}; check the link, or {again}",
        "сервер ответил {status}; проверьте ссылку или {again}",
    ),
    "connection": Text(
        "the server cannot be reached; check the link, or {again}", "сервер недоступен; проверьте ссылку или {again}"
    ),
    "slow": Text(
        "the server is too slow; {again}, or put the file on Bitrix24 Drive and give its id",
        "сервер отвечает слишком медленно; {again} или положите файл на Диск Битрикс24 и укажите ID",
    ),
    "broken": Text("the connection broke half-way; {again}", "связь оборвалась на полпути; {again}"),
    "room": Text(
        "there is no room for files on our server; {again}, and tell whoever runs the server",
        "на нашем сервере нет места для файлов; {again} и сообщите тому, кто отвечает за сервер",
    ),
    "store": Text(
        "our file store cannot be reached; {again}, and tell whoever runs the server",
        "наше хранилище файлов недоступно; {again} и сообщите тому, кто отвечает за сервер",
    ),
    "empty": Text("the file is empty; choose another one", "файл пустой; выберите другой"),
    "page": Text(
        "the link opens a web page, not the file itself; give the direct download link, or put the file on Bitrix24 "
        "Drive and give its id",
        "ссылка открывает страницу, а не сам файл; дайте прямую ссылку для скачивания или положите файл "
        "на Диск Битрикс24 и укажите ID",
    ),
    "protected": Text(
        "the public link is protected by a password; make one without a password, or give the file's id on Drive",
        "публичная ссылка защищена паролем; сделайте ссылку без пароля или укажите ID файла на Диске",
    ),
    "folder": Text(
        "the public link opens a folder; make a link to one file",
        "публичная ссылка открывает папку; сделайте ссылку на один файл",
    ),
    "refused": Text(
        "Bitrix24 does not give it out ({answer}); check that it exists and that whoever installed the app may read it",
        "Битрикс24 его не отдаёт ({answer}); проверьте, что он существует и доступен тому, кто установил приложение",
    ),
    "field_empty": Text(
        "the field {field} of the card is empty; attach a file to it",
        "поле {field} в карточке пустое; прикрепите к нему файл",
    ),
    "field_missing": Text(
        "the card has no field {field}; copy the field's code from the CRM settings",
        "в карточке нет поля {field}; скопируйте код поля из настроек CRM",
    ),
    "no_card": Text(
        "the workflow does not run on a CRM item, so there is no card with such a field; give a link or a Drive file id",
        "процесс запущен не по элементу CRM, карточки с таким полем нет; укажите ссылку или ID файла на Диске",
    ),
}
TAKES: dict[str, Text] = {
    "image": Text("JPEG and PNG", "JPEG и PNG"),
    "video": Text("MP4 and 3GP with H.264 and AAC", "MP4 и 3GP с H.264 и AAC"),
    "audio": Text("AAC, M4A, MP3, AMR and OGG with Opus", "AAC, M4A, MP3, AMR и OGG с Opus"),
}
SENT_AS: dict[str, Text] = {
    "image": Text("an image", "изображение"),
    "video": Text("a video", "видео"),
    "audio": Text("audio", "аудио"),
    "document": Text("a document", "документ"),
}
_MANY: dict[str, Text] = {
    "image": Text("images", "изображения"),
    "video": Text("videos", "видео"),
    "audio": Text("audio", "аудио"),
    "document": Text("files", "файлы"),
}


class Unfetched(Refused):
    """Why a file could not be had. passing: another try in a minute may succeed."""

    def __init__(self, refusal: Refused, passing: bool = False) -> None:
        super().__init__(refusal.code, refusal.text)
        self.passing = passing


def unreachable(label: str, reason: str, passing: bool = False, **values: object) -> Unfetched:
    """file_unreachable with one of REASONS. label: what to call the file."""
    text = REASONS[reason].format(again=_AGAIN, **values)
    return Unfetched(refused("file_unreachable", value=label, reason=text), passing)


def too_large(label: str, media: str, size: int | None) -> Unfetched:
    """file_too_large. size: None when the reading was given up."""
    limit = limit_of(media)
    many = media if media in MAX_BYTES else "document"
    actual = megabytes(size) if size else Text("more than {limit}", "больше {limit}").format(limit=megabytes(limit))
    remedy = Text("Make the file smaller.", "Уменьшите файл.")
    if many != "document":
        remedy = Text(
            "Make the file smaller, or send it as a document (up to 100 MB).",
            "Уменьшите файл или отправьте его как документ (до 100 МБ).",
        )
    return Unfetched(
        refused("file_too_large", value=label, size=actual, media=_MANY[many], limit=megabytes(limit), remedy=remedy)
    )


def limit_of(media: str) -> int:
    """How many bytes a file may have; "auto" may end as a document."""
    return MAX_BYTES.get(media, MAX_BYTES["document"])


def megabytes(size: int) -> Text:
    """ "7.3 MB" — rounded up, so that what is over a limit never reads like the limit itself."""
    tenths = -(-size * 10 // (1024 * 1024))
    whole, rest = divmod(tenths, 10)
    return Text(f"{whole}.{rest} MB" if rest else f"{whole} MB", f"{whole},{rest} МБ" if rest else f"{whole} МБ")
