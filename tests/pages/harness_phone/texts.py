"""The words of phone.js, templates.js, buttons.js, list.js and ordinary.js: key to (English, Russian); plurals by CLDR."""

from __future__ import annotations

from tests.pages.harness.field_texts import TEXTS as FIELD_TEXTS

Plural = dict[str, str]

TEXTS: dict[str, tuple[str | Plural, str | Plural]] = {
    "phone.label": ("As the client sees it", "Как увидит клиент"),
    "phone.business": ("business", "бизнес"),
    "phone.more": ("Read more", "Читать дальше"),
    "phone.marketing_fold": (
        "WhatsApp may fold advertising after about five lines",
        "Рекламу WhatsApp может свернуть примерно после пяти строк",
    ),
    "phone.image": ("Photo", "Фото"),
    "phone.video": ("Video", "Видео"),
    "phone.audio": ("Voice message", "Голосовое сообщение"),
    "phone.document": ("Document", "Документ"),
    "phone.location": ("Location", "Геопозиция"),
    "phone.write": ("Message", "Написать"),
    "phone.save_contact": ("Save contact", "Сохранить контакт"),
    "phone.see_all": ("See all options", "Все варианты"),
    "phone.send": ("Send", "Отправить"),
    "phone.list_open": ("Show the list open", "Показать список открытым"),
    "phone.all_open": ("Show all options", "Показать все варианты"),
    "phone.length": ("{length} / {limit}", "{length} / {limit}"),
    "phone.length_with_samples": ("{length} / {limit} with samples", "{length} / {limit} с примерами"),
    "phone.variables": (
        {"one": "{n} variable", "other": "{n} variables"},
        {"one": "{n} переменная", "few": "{n} переменные", "many": "{n} переменных", "other": "{n} переменной"},
    ),
    "phone.paid": ("charged: {category}", "платное: {category}"),
    "templates.search": ("Search by name or words of the text", "Найдите по имени или словам из текста"),
    "templates.language": ("Language", "Язык"),
    "templates.all_languages": ("All languages", "Все языки"),
    "templates.category": ("Category", "Категория"),
    "templates.all_categories": ("All categories", "Все категории"),
    "templates.refresh": ("Refresh templates", "Обновить шаблоны"),
    "templates.asking": ("Asking Gupshup for templates…", "Запрашиваем шаблоны у Gupshup…"),
    "templates.no_answer": ("Gupshup does not answer. Try again", "Gupshup не отвечает. Повторите"),
    "templates.none": ("No approved templates on this line", "На этой линии нет одобренных шаблонов"),
    "templates.no_match": (
        "Nothing found. Change the words or the filters",
        "Ничего не нашлось. Измените слова или фильтры",
    ),
    "templates.found": (
        {"one": "{n} template", "other": "{n} templates"},
        {"one": "{n} шаблон", "few": "{n} шаблона", "many": "{n} шаблонов", "other": "{n} шаблона"},
    ),
    "templates.change": ("Change", "Сменить"),
    "templates.by_field": ("The name comes from a field when the robot runs", "Имя подставится из поля при запуске"),
    "templates.gone": ("Not on this line any more", "На этой линии его больше нет"),
    "templates.several": ("Exists in {languages}. Choose one language", "Есть на языках: {languages}. Выберите один"),
    "templates.variables": (
        {"one": "{n} variable", "other": "{n} variables"},
        {"one": "{n} переменная", "few": "{n} переменные", "many": "{n} переменных", "other": "{n} переменной"},
    ),
    "templates.buttons": (
        {"one": "{n} button", "other": "{n} buttons"},
        {"one": "{n} кнопка", "few": "{n} кнопки", "many": "{n} кнопок", "other": "{n} кнопки"},
    ),
    "buttons.title": ("Title of button {n}", "Название кнопки {n}"),
    "buttons.example": ("For example, Yes", "Например, Да"),
    "buttons.add": ("Add a button", "Добавить кнопку"),
    "buttons.count": ("{n} of {max}", "{n} из {max}"),
    "buttons.none": ("Add at least one button", "Добавьте хотя бы одну кнопку"),
    "buttons.untitled": ("Give the button a title", "Назовите кнопку"),
    "buttons.equal": ("Two buttons have the same title", "Кнопки называются одинаково"),
    "buttons.too_many": ("{max} buttons are allowed. Remove this one", "Можно {max} кнопки. Уберите эту"),
    "list.row": ("Row {n}", "Строка {n}"),
    "list.title": ("Title of the row", "Название строки"),
    "list.title_example": ("For example, Check-up", "Например, Осмотр"),
    "list.description": ("Description of the row", "Описание строки"),
    "list.description_example": ("For example, 30 minutes", "Например, 30 минут"),
    "list.section": ("Section {n}", "Раздел {n}"),
    "list.section_title": ("Title of the section", "Название раздела"),
    "list.section_example": ("For example, Doctors", "Например, Врачи"),
    "list.add": ("Add a row", "Добавить строку"),
    "list.add_section": ("Add a section", "Добавить раздел"),
    "list.remove_section": ("Remove the section", "Убрать раздел"),
    "list.count": (
        {"one": "{n} of {max} rows", "other": "{n} of {max} rows"},
        {
            "one": "{n} из {max} строк",
            "few": "{n} из {max} строк",
            "many": "{n} из {max} строк",
            "other": "{n} из {max} строк",
        },
    ),
    "list.none": ("Add at least one row", "Добавьте хотя бы одну строку"),
    "list.untitled": ("Give the row a title", "Назовите строку"),
    "list.untitled_section": (
        "Name the section: there are several",
        "Назовите раздел: разделов несколько",
    ),
    "list.empty_section": ("Add a row to the section or remove it", "Добавьте в раздел строку или уберите его"),
    "list.hash": ("A title cannot begin with #", "Название не может начинаться с #"),
    "list.equal": ("Two rows of the section are the same", "В разделе две одинаковые строки"),
    "list.too_many": ("{max} rows are allowed. Remove this one", "Можно {max} строк. Уберите эту"),
    "rows.up": ("{name}: move up", "{name}: выше"),
    "rows.down": ("{name}: move down", "{name}: ниже"),
    "rows.remove": ("{name}: remove", "{name}: удалить"),
    "rows.more": ("{name}: id of the answer", "{name}: код ответа"),
    "rows.id": ("Id", "Код"),
    "rows.comes_back": ("The answer comes back as the id: {id}", "Ответ вернётся как код: {id}"),
    "rows.moved": ("{name} is now {position} of {count}", "«{name}» теперь {position} из {count}"),
    "rows.ordinals": (
        "first second third fourth fifth sixth seventh eighth ninth tenth",
        "первая вторая третья четвёртая пятая шестая седьмая восьмая девятая десятая",
    ),
    "rows.counts": (
        "one two three four five six seven eight nine ten",
        "одной двух трёх четырёх пяти шести семи восьми девяти десяти",
    ),
    "rows.left": (
        {"one": "{n} character left", "other": "{n} characters left"},
        {
            "one": "остался {n} знак",
            "few": "осталось {n} знака",
            "many": "осталось {n} знаков",
            "other": "осталось {n} знака",
        },
    ),
    "rows.over": (
        {"one": "{n} character too many", "other": "{n} characters too many"},
        {"one": "лишний {n} знак", "few": "лишних {n} знака", "many": "лишних {n} знаков", "other": "лишних {n} знака"},
    ),
    "rows.too_long": (
        {
            "one": "{n} character too many: {limit} are allowed",
            "other": "{n} characters too many: {limit} are allowed",
        },
        {
            "one": "Лишний {n} знак: можно {limit}",
            "few": "Лишних {n} знака: можно {limit}",
            "many": "Лишних {n} знаков: можно {limit}",
            "other": "Лишних {n} знака: можно {limit}",
        },
    ),
    "rows.bar": ("Remove “|”: it separates the id", "Уберите черту «|»: она отделяет код"),
    "rows.equal_ids": ("Another one has the id {id}", "Код {id} уже занят"),
    "entries.add": ("Add a value", "Добавить значение"),
    "entries.remove": ("Remove the value {name}", "Убрать значение {name}"),
    "select.none": ("not chosen", "не выбрано"),
    "bool.yes": ("yes", "да"),
    "bool.no": ("no", "нет"),
}


def texts(lang: str) -> dict[str, str | Plural]:
    """One language of them, as the page's JSON."""
    return {key: pair[lang == "ru"] for key, pair in (*FIELD_TEXTS.items(), *TEXTS.items())}
