"""The codes by which the API refuses, besides those of the actions (activities.errors): what each means, and what to do."""

from bx24.i18n import Text

#: Code → what it means; it never changes with the case.
TITLES: dict[str, Text] = {
    "invalid": Text("The request has wrong values", "В запросе неверные значения"),
    "malformed": Text("The request cannot be read", "Запрос не удалось прочитать"),
    "unauthorized": Text("A valid token is missing", "Нет действующего токена"),
    "forbidden": Text("The token may not do this", "Токену это не разрешено"),
    "not_found": Text("There is no such thing", "Такого объекта нет"),
    "method_not_allowed": Text("The method is not allowed here", "Этот метод здесь не работает"),
    "wrong_state": Text("Not possible in this state", "В этом состоянии так нельзя"),
    "idempotency_conflict": Text("The key was used for another request", "Ключ уже использован для другого запроса"),
    "idempotency_busy": Text("The first request is still worked on", "Первый запрос ещё выполняется"),
    "too_large": Text("The request is too large", "Запрос слишком большой"),
    "unsupported_media_type": Text("The body has another type", "Тело запроса другого типа"),
    "rate_limited": Text("Too many requests", "Слишком много запросов"),
    "unavailable": Text("Not available just now", "Сейчас недоступно"),
    "internal": Text("An error on our side", "Ошибка на нашей стороне"),
}
#: Code → what happened and what to do, unless the case knows better.
DETAILS: dict[str, Text] = {
    "invalid": Text(
        "Nothing was done. `errors` names each wrong field. Correct them and send the request again.",
        "Ничего не сделано. В `errors` названо каждое неверное поле. Исправьте их и повторите запрос.",
    ),
    "malformed": Text(
        "The request could not be read. Check its address, its headers and its body.",
        "Запрос не удалось прочитать. Проверьте адрес, заголовки и тело запроса.",
    ),
    "unauthorized": Text(
        "Send the header “Authorization: Bearer <token>”. Administrators make and revoke tokens in the app, on the page “API”.",
        "Передайте заголовок «Authorization: Bearer <токен>». Токены создаёт и отзывает администратор в приложении, "
        "на странице «API».",
    ),
    "not_found": Text(
        "There is nothing at this address. Check the address and the id.",
        "По этому адресу ничего нет. Проверьте адрес и идентификатор.",
    ),
    "method_not_allowed": Text(
        "Use one of the methods of the header `Allow`.", "Используйте один из методов из заголовка `Allow`."
    ),
    "idempotency_conflict": Text(
        "This Idempotency-Key came with another body within the last 48 hours. Use a new key for a new request.",
        "С этим Idempotency-Key за последние 48 часов уже приходило другое тело. Для нового запроса возьмите новый ключ.",
    ),
    "idempotency_busy": Text(
        "The first request with this Idempotency-Key is still worked on. Repeat the request a little later.",
        "Первый запрос с этим Idempotency-Key ещё выполняется. Повторите запрос чуть позже.",
    ),
    "too_large": Text(
        "A body in JSON may have up to 256 KB, a file up to 16 MB. Divide the request, or send a smaller file.",
        "Тело в формате JSON может занимать до 256 КБ, файл — до 16 МБ. Разделите запрос или отправьте файл меньше.",
    ),
    "unsupported_media_type": Text(
        "Send JSON with the header “Content-Type: application/json”, a file with “application/octet-stream”.",
        "Передайте JSON с заголовком «Content-Type: application/json», файл — с «application/octet-stream».",
    ),
    "rate_limited": Text(
        "A token may send 20 requests a second, 60 at once. Wait as long as the header `Retry-After` says.",
        "Токен может отправлять 20 запросов в секунду, 60 разом. Подождите столько, сколько указано в `Retry-After`.",
    ),
    "unavailable": Text(
        "Nothing was done. Repeat the request with the same Idempotency-Key after the time in `Retry-After`.",
        "Ничего не сделано. Повторите запрос с тем же Idempotency-Key через время из `Retry-After`.",
    ),
    "internal": Text(
        "If it happens again, tell support this number: {number}.",
        "Если повторится, назовите поддержке номер {number}.",
    ),
}
#: The token may not do this: the scope is filled in.
FORBIDDEN = Text(
    "This needs a token with the scope {scope}. Make one in the app, on the page “API”.",
    "Для этого нужен токен с правом {scope}. Создайте его в приложении, на странице «API».",
)
#: Status → its code, where the HTTP layer refuses.
OF_STATUS: dict[int, str] = {
    400: "malformed",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "rate_limited",
    503: "unavailable",
}
