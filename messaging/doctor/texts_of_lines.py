"""Findings about a line, in words: (check, code) → (what was seen, what to do)."""

from bx24.i18n import Text

_NOTHING = Text("", "")
_CONSOLE = Text(
    "Open the line's page and press “Set the address in Gupshup”, or put the webhook's address into the Gupshup console.",
    "Откройте страницу линии и нажмите «Настроить адрес в Gupshup» или вставьте его адрес в консоли Gupshup.",
)

LINES: dict[tuple[str, str], tuple[Text, Text]] = {
    ("", "key"): (Text("the key must be accepted first", "сначала Gupshup должен принять ключ"), _NOTHING),
    ("", "busy"): (
        Text("Gupshup asks us to wait", "Gupshup просит подождать"),
        Text("Try again in a minute.", "Повторите через минуту."),
    ),
    ("", "down"): (
        Text("Gupshup does not answer", "Gupshup не отвечает"),
        Text(
            "Try again in a minute; you need not change anything.",
            "Повторите через минуту, у себя ничего менять не нужно.",
        ),
    ),
    ("", "refused"): (
        Text("Gupshup refuses: {said} ({code})", "Gupshup отказывает: {said} ({code})"),
        Text("Ask Gupshup's support about these words.", "Спросите об этом поддержку Gupshup."),
    ),
    ("line", ""): (Text("neither stopped nor paused", "не остановлена и не на паузе"), _NOTHING),
    ("line", "stopped"): (
        Text("it is stopped: {error} {said}", "остановлена: {error} {said}"),
        Text(
            "The line's page says what to do; resume the line there afterwards.",
            "Что делать, сказано на странице линии; там же её потом возобновите.",
        ),
    ),
    ("line", "paused"): (
        Text("somebody has paused it", "она на паузе"),
        Text("End the pause on the line's page.", "Снимите паузу на странице линии."),
    ),
    ("key", ""): (Text("accepted for {app}", "принят, приложение {app}"), _NOTHING),
    ("key", "key_refused"): (
        Text("Gupshup refuses the key of {app}", "Gupshup не принимает ключ приложения {app}"),
        Text(
            "Copy the App API Key again, whole, and store it on the line's page.",
            "Скопируйте App API Key ещё раз целиком и сохраните на странице линии.",
        ),
    ),
    ("key", "name_unknown"): (
        Text("the account has no app called {app}", "в аккаунте нет приложения {app}"),
        Text("Correct the App name; capitals matter.", "Исправьте App name, регистр букв важен."),
    ),
    ("number", ""): (Text("+{phone}", "+{phone}"), _NOTHING),
    ("number", "other_number"): (
        Text("the app {app} has another number than +{phone}", "у приложения {app} другой номер, не +{phone}"),
        Text(
            "Copy the number from the app's settings at Gupshup.", "Скопируйте номер из настроек приложения в Gupshup."
        ),
    ),
    ("webhook", ""): (Text("Gupshup posts what we need", "Gupshup присылает всё нужное"), _NOTHING),
    ("webhook", "silent"): (
        Text("no webhook came, though messages were handed over", "вебхуков нет, хотя сообщения переданы"),
        _CONSOLE,
    ),
    ("webhook", "unreachable"): (
        Text(
            "our own address does not answer (status {status})", "наш собственный адрес не отвечает (статус {status})"
        ),
        Text("See the public address above.", "Смотрите публичный адрес выше."),
    ),
    ("webhook", "not_set"): (Text("Gupshup does not know our address", "Gupshup не знает нашего адреса"), _CONSOLE),
    ("webhook", "paste"): (
        Text(
            "nothing has come from Gupshup yet, and it cannot be asked",
            "от Gupshup ещё ничего не приходило, и спросить его нельзя",
        ),
        _CONSOLE,
    ),
    ("webhook", "inactive"): (Text("our address is switched off at Gupshup", "наш адрес отключён в Gupshup"), _CONSOLE),
    ("webhook", "modes"): (
        Text(
            "Gupshup does not post all events that robots wait for", "Gupshup присылает не все нужные роботам события"
        ),
        _CONSOLE,
    ),
    ("templates", ""): (Text("{approved} approved", "одобрено: {approved}"), _NOTHING),
    ("templates", "none_approved"): (
        Text("none is approved ({review} in review)", "одобренных нет (на проверке: {review})"),
        Text(
            "Create one at Gupshup: a robot may write first only by an approved template.",
            "Создайте шаблон в Gupshup: первым робот пишет только по одобренному.",
        ),
    ),
    ("templates", "no_app_id"): (
        Text("the App ID of the line is not known", "App ID линии неизвестен"),
        Text("Enter it on the line's page.", "Укажите его на странице линии."),
    ),
    ("templates", "app_unknown"): (
        Text("Gupshup does not know this App ID", "Gupshup не знает такого App ID"),
        Text("Copy it from the app's settings at Gupshup.", "Скопируйте его из настроек приложения в Gupshup."),
    ),
    ("balance", ""): (
        Text(
            "Gupshup took the last message, so there was money; only its console shows how much",
            "последнее сообщение Gupshup принял, значит, деньги были; сколько их, видно только в его консоли",
        ),
        _NOTHING,
    ),
    ("balance", "empty"): (
        Text("the wallet is empty", "кошелёк пуст"),
        Text("Top it up in the Gupshup console.", "Пополните его в консоли Gupshup."),
    ),
    ("balance", "untold"): (
        Text(
            "not known: no message has been sent yet, and only the Gupshup console shows the sum",
            "неизвестно: сообщений ещё не было, а сумму видно только в консоли Gupshup",
        ),
        Text("Look there.", "Посмотрите там."),
    ),
    ("round_trip", ""): (
        Text("it came back and was stored and applied within {seconds} s", "вернулся, сохранён и учтён за {seconds} с"),
        _NOTHING,
    ),
    ("round_trip", "no_answer"): (
        Text("our address does not answer: {said}", "наш адрес не отвечает: {said}"),
        Text("See the public address above.", "Смотрите публичный адрес выше."),
    ),
    ("round_trip", "refused"): (
        Text("our address answers {status}", "наш адрес отвечает {status}"),
        Text(
            "Let the reverse proxy pass POST /gupshup/… on, without a login page, a robot check or a limit of "
            "size below 4 MB.",
            "Прокси должен пропускать POST /gupshup/… без входа, без проверки «вы не робот» и без ограничения "
            "размера ниже 4 МБ.",
        ),
    ),
    ("round_trip", "not_empty"): (
        Text("the answer has a body of {bytes} bytes", "в ответе есть тело, {bytes} байт"),
        Text(
            "Something between Gupshup and us adds it, and Gupshup might send it to the client. Let the proxy pass answers on "
            "unchanged.",
            "Его добавляет кто-то перед нами, и Gupshup может отправить его клиенту. Прокси не должен менять ответы.",
        ),
    ),
    ("round_trip", "not_stored"): (
        Text("it was answered 200, but it is not in this database", "ответ был 200, но в этой базе его нет"),
        Text(
            "The address leads to another installation: correct PUBLIC_URL or the proxy.",
            "Адрес ведёт на другую установку: исправьте PUBLIC_URL или прокси.",
        ),
    ),
    ("round_trip", "not_applied"): (
        Text("stored, but not applied within {seconds} s", "сохранён, но за {seconds} с не учтён"),
        Text("See the worker and the queues above.", "Смотрите воркер и очереди выше."),
    ),
}
