"""Findings about a portal, in words: (check, code) → (what was seen, what to do)."""

from bx24.i18n import Text

_NOTHING = Text("", "")
_OPEN_AGAIN = Text(
    "Ask an administrator of the portal to open the app once: that gives it a new token.",
    "Пусть администратор портала один раз откроет приложение: так появится новый токен.",
)
_REGISTER = Text(
    "Press Repair all on the page Robots, or run `flask --app app robots sync --portal …`.",
    "Нажмите «Восстановить всё» на странице «Роботы» или выполните `flask --app app robots sync --portal …`.",
)
_CLOCK = Text(
    "Compare this server's clock with a public one (`timedatectl`, NTP) and correct it.",
    "Сверьте часы этого сервера с точным временем (`timedatectl`, NTP) и поправьте.",
)

PORTALS: dict[tuple[str, str], tuple[Text, Text]] = {
    ("", "portal"): (Text("Bitrix24 could not be asked", "Битрикс24 не удалось спросить"), _NOTHING),
    ("token", ""): (Text("{portal} answers to our token", "{portal} отвечает на наш токен"), _NOTHING),
    ("token", "reauth"): (
        Text("our token for {portal} is no longer valid: {said}", "наш токен для {portal} больше не действует: {said}"),
        _OPEN_AGAIN,
    ),
    ("token", "inactive"): (
        Text("the app is no longer on {portal}: {said}", "приложения на {portal} больше нет: {said}"),
        Text("Install the app again.", "Установите приложение заново."),
    ),
    ("token", "no_answer"): (
        Text("{portal} does not answer ({error}): {said}", "{portal} не отвечает ({error}): {said}"),
        Text(
            "Try again in a minute. If that does not help, check whether this server can reach the internet on port 443.",
            "Повторите через минуту. Если не помогло, проверьте, может ли этот сервер обращаться наружу по порту 443.",
        ),
    ),
    ("token", "refused"): (
        Text("{portal} refuses: {error} {said}", "{portal} отказывает: {error} {said}"),
        _OPEN_AGAIN,
    ),
    ("installed", ""): (Text("finished", "завершена"), _NOTHING),
    ("installed", "not_finished"): (
        Text(
            "Bitrix24 considers it unfinished, so it sends no events",
            "Битрикс24 считает её незавершённой: события не приходят",
        ),
        Text(
            "Open the app as an administrator and wait until the install page is done.",
            "Откройте приложение администратором и дождитесь конца установки.",
        ),
    ),
    ("plan", ""): (Text("{plan}, with workflows", "{plan}, бизнес-процессы есть"), _NOTHING),
    ("plan", "payment_expired"): (
        Text("the subscription to the app has ended", "подписка на приложение закончилась"),
        Text("Renew it in the Bitrix24 Market.", "Продлите её в Маркете Битрикс24."),
    ),
    ("plan", "no_workflows"): (
        Text("this plan ({plan}) has no robots and workflows", "в этом тарифе ({plan}) нет роботов и бизнес-процессов"),
        Text("Choose a plan with CRM automation.", "Выберите тариф с автоматизацией CRM."),
    ),
    ("administrator", ""): (Text("the token is an administrator's", "токен принадлежит администратору"), _NOTHING),
    ("administrator", "not_admin"): (
        Text("the token belongs to a user who is not an administrator", "токен принадлежит не администратору"),
        Text(
            "Ask an administrator to open the app, then repair the robots.",
            "Пусть приложение откроет администратор, затем восстановите роботов.",
        ),
    ),
    ("scopes", ""): (Text("{scopes}", "{scopes}"), _NOTHING),
    ("scopes", "missing"): (
        Text("missing: {scopes}", "не хватает: {scopes}"),
        Text(
            "Tick them in the app's card under Permissions, save, and install the app again.",
            "Отметьте их в карточке приложения в разделе прав, сохраните и установите приложение заново.",
        ),
    ),
    ("scopes", "useful"): (
        Text("missing, and not needed by robots: {scopes}", "не хватает, роботам не нужно: {scopes}"),
        Text(
            "With `im` the administrator is told when a line stops. Tick it if you want that.",
            "С правом `im` администратор узнаёт об остановке линии. Отметьте, если это нужно.",
        ),
    ),
    ("robots", ""): (
        Text("{present} of {expected} are registered", "зарегистрировано {present} из {expected}"),
        _NOTHING,
    ),
    ("robots", "missing"): (
        Text(
            "{present} of {expected} are registered; missing: {codes} {said}",
            "зарегистрировано {present} из {expected}, нет: {codes} {said}",
        ),
        _REGISTER,
    ),
    ("robots", "pending"): (
        Text("{present} of {expected}: they are being registered", "{present} из {expected}: регистрация идёт"),
        Text(
            "Look again in a minute; a worker must be running.", "Проверьте через минуту, воркер должен быть запущен."
        ),
    ),
    ("robots", "refused"): (
        Text("Bitrix24 does not list them: {error} {said}", "Битрикс24 не даёт их список: {error} {said}"),
        Text(
            "See the permissions, the plan and the administrator above.", "Смотрите права, тариф и администратора выше."
        ),
    ),
    ("events", ""): (Text("all {count} are bound to our address", "все {count} привязаны к нашему адресу"), _NOTHING),
    ("events", "missing"): (Text("not bound: {events}", "не привязаны: {events}"), _REGISTER),
    ("events", "elsewhere"): (
        Text("bound to another address: {events}", "привязаны к другому адресу: {events}"),
        _REGISTER,
    ),
    ("placements", ""): (
        Text(
            "none is left over; settings pages belong to their robots, so Bitrix24 does not list them",
            "лишних нет; страницы настроек относятся к роботам, отдельно Битрикс24 их не перечисляет",
        ),
        _NOTHING,
    ),
    ("placements", "elsewhere"): (
        Text("{count} lead to another address: {addresses}", "{count} ведут на другой адрес: {addresses}"),
        Text(
            "They are left from an earlier installation: install the app again.",
            "Они от прежней установки: установите приложение заново.",
        ),
    ),
    ("senders", ""): (Text("all {expected} are registered", "зарегистрированы все: {expected}"), _NOTHING),
    ("senders", "no_scope"): (
        Text(
            "the app has no permission messageservice, so CRM's own “Send SMS” does not offer WhatsApp",
            "у приложения нет права messageservice, поэтому «Отправить SMS» в CRM не предлагает WhatsApp",
        ),
        Text(
            "If you want it: grant the permission in the app's settings on the portal, then open the app once.",
            "Если это нужно: дайте право в настройках приложения на портале и один раз откройте приложение.",
        ),
    ),
    ("senders", "refused"): (
        Text("Bitrix24 does not list them: {error} {said}", "Битрикс24 не даёт их список: {error} {said}"),
        Text("See the permissions and the administrator above.", "Смотрите права и администратора выше."),
    ),
    ("senders", "pending"): (
        Text("{present} of {expected}, the others are being registered", "{present} из {expected}, остальные в работе"),
        Text("Look again in a minute.", "Посмотрите ещё раз через минуту."),
    ),
    ("senders", "missing"): (
        Text("{present} of {expected}; missing: {codes} {said}", "{present} из {expected}; нет: {codes} {said}"),
        _REGISTER,
    ),
    ("portal_clock", ""): (Text("it agrees with ours", "сходятся с нашими"), _NOTHING),
    ("portal_clock", "skewed"): (Text("{seconds} s ahead of ours", "впереди наших на {seconds} с"), _CLOCK),
    ("gupshup_clock", ""): (Text("it agrees with ours", "сходятся с нашими"), _NOTHING),
    ("gupshup_clock", "skewed"): (Text("{seconds} s ahead of ours", "впереди наших на {seconds} с"), _CLOCK),
    ("", "no_date"): (Text("no answer told the time", "ни один ответ не сообщил времени"), _NOTHING),
    ("echo", ""): (Text("an event came after {seconds} s", "событие пришло через {seconds} с"), _NOTHING),
    ("echo", "lost"): (
        Text(
            "Bitrix24 sent an event, but it did not arrive within {seconds} s",
            "Битрикс24 отправил событие, но за {seconds} с оно не пришло",
        ),
        Text(
            "Robot calls take the same way, so they will not arrive either. Check the address and the certificate above, and "
            "let the firewall accept every source address. If the log shows 403 at /bx24/events, the event arrived, but with "
            "a wrong token: install the app again.",
            "Вызовы роботов идут тем же путём, поэтому не дойдут и они. Проверьте адрес и сертификат выше; брандмауэр должен "
            "пропускать запросы с любых адресов. Если в журнале 403 на /bx24/events, событие дошло, но с чужим токеном: "
            "установите приложение заново.",
        ),
    ),
    ("echo", "not_sent"): (
        Text(
            "Bitrix24 does not send the test event: {error} {said}",
            "Битрикс24 не отправляет проверочное событие: {error} {said}",
        ),
        Text("Use the trial run of a robot instead.", "Проверьте пробным запуском робота."),
    ),
    ("echo", "not_asked"): (Text("no event was asked for", "событие не запрашивали"), _NOTHING),
    ("trial", ""): (
        Text(
            "the call came after {came_s} s, Bitrix24 took the answer {answered_s} s later",
            "вызов пришёл через {came_s} с, ещё через {answered_s} с Битрикс24 принял ответ",
        ),
        _NOTHING,
    ),
    ("trial", "ended_failed"): (
        Text(
            "the call came after {came_s} s and was answered {answered_s} s later, with the error {error}",
            "вызов пришёл через {came_s} с, ответ принят ещё через {answered_s} с, но с ошибкой {error}",
        ),
        Text(
            "Calls arrive and answers are taken. Choose an item whose client has a phone, and check the lines.",
            "Вызовы доходят, ответы принимаются. Выберите элемент, у клиента которого есть телефон, и проверьте линии.",
        ),
    ),
    ("trial", "not_started"): (
        Text(
            "Bitrix24 does not start the workflow on {item}: {error} {said}",
            "Битрикс24 не запускает процесс на {item}: {error} {said}",
        ),
        Text(
            "Choose a workflow made for this kind of item, and an item that exists.",
            "Выберите процесс для этого вида элементов и существующий элемент.",
        ),
    ),
    ("trial", "not_called"): (
        Text(
            "the workflow runs on {item}, but within {seconds} s no robot called us",
            "процесс на {item} запущен, но за {seconds} с робот нас не вызвал",
        ),
        Text(
            "Is “WhatsApp: is the 24-hour window open?” in that workflow? If it is, Bitrix24 cannot reach us: "
            "see the check above.",
            "Есть ли в этом процессе «WhatsApp: окно 24 часа открыто?»? Если есть, Битрикс24 не может до нас "
            "достучаться: см. проверку выше.",
        ),
    ),
    ("trial", "not_seen"): (
        Text("no call came for {item} within {seconds} s", "за {seconds} с вызова для {item} не было"),
        Text(
            "Was the robot “WhatsApp: is the client's 24-hour window open?” started on this item? If it was, Bitrix24 cannot "
            "reach us: see the check above.",
            "Запускался ли на этом элементе робот «WhatsApp: окно 24 часа с клиентом открыто?»? Если да, Битрикс24 не может до "
            "нас достучаться: см. "
            "проверку выше.",
        ),
    ),
    ("trial", "not_worked"): (
        Text("the call arrived, but nothing processed it", "вызов пришёл, но его никто не обработал"),
        Text("See the worker and the queues above.", "Смотрите воркер и очереди выше."),
    ),
    ("trial", "not_answered"): (
        Text(
            "the call was processed, but Bitrix24 does not take the answer",
            "вызов обработан, но Битрикс24 не принимает ответ",
        ),
        Text(
            "See the access to Bitrix24 above, and the timeline of the run on the page Messages.",
            "Смотрите доступ к Битрикс24 выше и историю запуска на странице «Сообщения».",
        ),
    ),
    ("trial", "not_asked"): (
        Text("no item was named", "элемент не указан"),
        Text(
            "Name a CRM item for the trial run; the client gets nothing. To run it by hand, open a deal, choose Robots, add "
            "“WhatsApp: is the client's 24-hour window open?” to a stage and move the deal there.",
            "Укажите элемент CRM для пробного запуска; клиент ничего не получит. Чтобы запустить вручную, откройте сделку, "
            "выберите «Роботы», добавьте на стадию «WhatsApp: окно 24 часа с клиентом открыто?» и переведите сделку на неё.",
        ),
    ),
}
