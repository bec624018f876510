"""The texts of the pages, in both languages, in one place to be read aloud."""

from bx24.i18n import Text

INSTALL = {
    "title": Text("Installing waba24", "Устанавливаем waba24"),
    "portal": Text("The portal is recognised", "Портал распознан"),
    "robots": Text("Registering robots and activities…", "Регистрируем роботов и действия…"),
    "robots_done": Text("Robots and activities are registered", "Роботы и действия зарегистрированы"),
    "robots_failed": Text(
        "Not everything could be registered; it is tried again by itself. The app opens all the same.",
        "Не всё удалось зарегистрировать; попытка повторится сама. Приложение откроется.",
    ),
    "finish": Text("Open the app", "Открыть приложение"),
    "silent": Text(
        "Bitrix24 did not open the app by itself. Reload the portal's page.",
        "Битрикс24 не открыл приложение сам. Обновите страницу портала.",
    ),
}
APP = {
    "title": Text("waba24: WhatsApp for Bitrix24", "waba24: WhatsApp для Битрикс24"),
    "lines": Text("Lines", "Линии"),
    "no_lines": Text(
        "No lines yet. A line is your WhatsApp number at Gupshup. Your integrator connects it with the command "
        "“flask --app app lines add”.",
        "Линий пока нет. Линия — это ваш номер WhatsApp у Gupshup. Её подключает интегратор командой "
        "«flask --app app lines add».",
    ),
    "robots": Text("Robots and activities", "Роботы и действия"),
    "registered": Text("registered", "зарегистрированы"),
    "pending": Text("being registered, refresh the page in a moment", "регистрируются, обновите страницу через минуту"),
    "problems": Text("Bitrix24 refused", "Битрикс24 отказал"),
    "default": Text("default", "по умолчанию"),
    "connected": Text("works", "работает"),
    "stopped": Text("stopped", "остановлена"),
    "not_told": Text(
        "The notification in Bitrix24 did not get through. Give the app the permission “im” and install it again",
        "Уведомление в Битрикс24 не прошло. Дайте приложению право «Чат и уведомления» (im) и переустановите его",
    ),
    "removed": Text("removed", "отключена"),
    "runs": Text("Robot calls in the last 24 hours", "Запусков роботов за сутки"),
}
REFUSED = {
    "title": Text("This page cannot be shown", "Страницу нельзя показать"),
    "unverified": Text(
        "Bitrix24 did not confirm who opened it. Open the app from Bitrix24 again.",
        "Битрикс24 не подтвердил, кто её открыл. Откройте приложение из Битрикс24 ещё раз.",
    ),
    "not_admin": Text(
        "A portal administrator has to finish the installation. Pass this page on to one.",
        "Установку завершает администратор портала. Передайте ему эту страницу.",
    ),
    "unavailable": Text(
        "Bitrix24's authorization server does not answer. Try again in a minute.",
        "Сервер авторизации Битрикс24 не отвечает. Попробуйте через минуту.",
    ),
    "not_installed": Text(
        "The app is not installed on this portal. Install it from the app's card.",
        "Приложение на этом портале не установлено. Установите его из карточки приложения.",
    ),
    "open_inside": Text("Open this page from Bitrix24.", "Откройте эту страницу из Битрикс24."),
}
