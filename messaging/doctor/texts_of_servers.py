"""Findings about the installation, in words: (check, code) → (what was seen, what to do)."""

from bx24.i18n import Text

_NOTHING = Text("", "")
_PROXY = Text(
    "Check that the web process is running, that the reverse proxy passes requests on to it, and that the firewall lets "
    "everybody reach port 443.",
    "Проверьте, работает ли веб-процесс, передаёт ли ему запросы обратный прокси и пускает ли брандмауэр на "
    "порт 443 отовсюду.",
)

SERVER: dict[tuple[str, str], tuple[Text, Text]] = {
    ("address", ""): (Text("{address} answers", "{address} отвечает"), _NOTHING),
    ("address", "missing"): (
        Text("PUBLIC_URL is not set", "PUBLIC_URL не задан"),
        Text(
            "Set PUBLIC_URL to the https address under which Bitrix24 and Gupshup reach this server, and start it again.",
            "Укажите в PUBLIC_URL адрес https, по которому этот сервер видят Битрикс24 и Gupshup, и запустите его снова.",
        ),
    ),
    ("address", "no_dot"): (
        Text("{address} has no dot in its name", "в имени {address} нет точки"),
        Text(
            "Bitrix24 takes only full domain names. Set PUBLIC_URL to one.",
            "Битрикс24 принимает только полные доменные имена. Укажите такое в PUBLIC_URL.",
        ),
    ),
    ("address", "no_such_name"): (
        Text("the name in {address} is not known to DNS", "имени из {address} нет в DNS"),
        Text("Add an A record for it, or correct PUBLIC_URL.", "Добавьте для него запись A или исправьте PUBLIC_URL."),
    ),
    ("address", "dns_away"): (
        Text("DNS did not answer this machine about {address}", "DNS не ответил этой машине про {address}"),
        Text(
            "Check the name servers of this machine (/etc/resolv.conf) and that port 53 is open to them. "
            "PUBLIC_URL may be right.",
            "Проверьте серверы имён этой машины (/etc/resolv.conf) и открыт ли к ним порт 53. PUBLIC_URL может быть верен.",
        ),
    ),
    ("address", "private"): (
        Text("{address} leads to a private address", "{address} ведёт на внутренний адрес"),
        Text(
            "Bitrix24 and Gupshup call from the internet, so the name must lead to a public address. If it does so "
            "everywhere but on this machine, rely on the checks of the portal instead.",
            "Битрикс24 и Gupshup обращаются из интернета, поэтому имя должно вести на публичный адрес. Если так и есть, а "
            "внутренний адрес видит только эта машина, верьте проверкам портала.",
        ),
    ),
    ("address", "not_trusted"): (
        Text("we do not trust the certificate of {address} ourselves", "мы сами не доверяем сертификату {address}"),
        Text(
            "If the next check finds nothing wrong with it, it is of an authority that this machine knows and Python's package "
            "certifi does not, such as one of your own. Bitrix24 and Gupshup do not know it either: use a public one.",
            "Если следующая проверка ничего не нашла, его выдал центр, который известен этой машине, но не пакету certifi в "
            "Python: например, ваш собственный. Битрикс24 и Gupshup его тоже не знают: возьмите сертификат публичного центра.",
        ),
    ),
    ("address", "no_answer"): (Text("{address} does not answer: {said}", "{address} не отвечает: {said}"), _PROXY),
    ("address", "other_site"): (
        Text(
            "{address}/healthz answers {status}, and the answer is not ours",
            "{address}/healthz отвечает {status}, и это не наш ответ",
        ),
        Text(
            "Something else stands at this address. Let the reverse proxy pass all paths on to the web process, unchanged.",
            "По этому адресу отвечает что-то другое. Прокси должен передавать веб-процессу все пути без изменений.",
        ),
    ),
    ("certificate", ""): (
        Text("trusted, valid for {days} more days", "доверенный, действует ещё {days} дн."),
        _NOTHING,
    ),
    ("certificate", "no_https"): (
        Text("the address is not https", "адрес не https"),
        Text("Only emulators can do without https.", "Без https можно только с эмуляторами."),
    ),
    ("certificate", "not_trusted"): (
        Text("it is not trusted: {said}", "ему нельзя доверять: {said}"),
        Text(
            "Use a certificate of a public authority, for this very name, and let the server send the whole "
            "chain (fullchain.pem).",
            "Нужен сертификат публичного центра именно на это имя, и сервер должен отдавать всю цепочку (fullchain.pem).",
        ),
    ),
    ("certificate", "expired"): (
        Text("it expired {days} days ago", "он истёк: {days} дн."),
        Text("Renew it and reload the reverse proxy.", "Обновите его и перечитайте настройки прокси."),
    ),
    ("certificate", "expires_soon"): (
        Text("it expires in {days} days", "истекает через {days} дн."),
        Text(
            "It should have been renewed by now: look at the renewal (certbot, Caddy).",
            "Он уже должен был обновиться: посмотрите, что с обновлением (certbot, Caddy).",
        ),
    ),
    ("certificate", "no_address"): (
        Text("not asked: the name has no address", "не проверен: у имени нет адреса"),
        Text("Do what the check of the address says first.", "Сначала сделайте то, что сказано у проверки адреса."),
    ),
    ("certificate", "no_answer"): (Text("nobody answered: {said}", "никто не ответил: {said}"), _PROXY),
    ("database", ""): (Text("{kind} answers, its schema is current", "{kind} отвечает, схема актуальна"), _NOTHING),
    ("database", "unreachable"): (
        Text("{kind} cannot be reached: {said}", "{kind} недоступна: {said}"),
        Text(
            "Check that it is running and that DATABASE_URL is right.",
            "Проверьте, работает ли она и верен ли DATABASE_URL.",
        ),
    ),
    ("database", "old"): (
        Text("its schema is older than this version", "её схема старее этой версии"),
        Text("Run `flask --app app db upgrade`.", "Выполните `flask --app app db upgrade`."),
    ),
    ("database", "full"): (
        Text("its disk is full: {said}", "на её диске нет места: {said}"),
        Text("Make room; calls are refused until then.", "Освободите место: до этого вызовы не принимаются."),
    ),
    ("redis", ""): (Text("it answers", "отвечает"), _NOTHING),
    ("redis", "unreachable"): (
        Text("it cannot be reached: {said}", "он недоступен: {said}"),
        Text(
            "Check that it is running and that REDIS_URL is right. Nothing is lost meanwhile, but tokens cannot be renewed.",
            "Проверьте, работает ли он и верен ли REDIS_URL. Ничего не теряется, но токены не обновляются.",
        ),
    ),
    ("redis", "evicts"): (
        Text("it throws keys away when it is full ({policy})", "при нехватке памяти он выбрасывает ключи ({policy})"),
        Text("Set `maxmemory-policy noeviction`.", "Задайте `maxmemory-policy noeviction`."),
    ),
    ("worker", ""): (Text("{count} running", "работает: {count}"), _NOTHING),
    ("worker", "none"): (
        Text("none is running", "ни один не запущен"),
        Text(
            "Start `python worker.py`: calls are stored, but nothing is sent without it.",
            "Запустите `python worker.py`: вызовы сохраняются, но без него ничего не отправляется.",
        ),
    ),
    ("disk", ""): (Text("{free_mb} MB are free", "свободно {free_mb} МБ"), _NOTHING),
    ("disk", "low"): (
        Text("only {free_mb} MB are free", "свободно только {free_mb} МБ"),
        Text("Make room: files are not fetched any more.", "Освободите место: файлы уже не скачиваются."),
    ),
    ("disk", "full"): (
        Text("{free_mb} MB are free", "свободно {free_mb} МБ"),
        Text("Make room: soon nothing can be stored.", "Освободите место: скоро вызовы некуда будет сохранять."),
    ),
    ("queues", ""): (
        Text("{waiting} entries wait, the oldest for {seconds} s", "ждут {waiting}, дольше всех — {seconds} с"),
        _NOTHING,
    ),
    ("queues", "slow"): (
        Text(
            "the oldest entry ({queue}) has waited for {seconds} s",
            "дольше всех ждёт запись в очереди {queue}: {seconds} с",
        ),
        Text(
            "If no worker is running, start one. If a line is stopped, its messages wait. Otherwise add worker processes.",
            "Если воркер не запущен, запустите. Если остановлена линия, её сообщения ждут. Иначе добавьте процессов.",
        ),
    ),
    ("", "redis"): (Text("Redis is unavailable", "Redis недоступен"), _NOTHING),
    ("", "database"): (Text("the database is unavailable", "база данных недоступна"), _NOTHING),
}
