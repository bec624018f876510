"""The people, companies, deals, files and open lines of an English portal: the sample ones, with English names and words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bx24.emulator.state.records import User

_ENGLISH = {
    "Анна": "Anna",
    "Соколова": "Sokolova",
    "Пётр": "Peter",
    "Иванов": "Ivanov",
    "Мария": "Maria",
    "Кузнецова": "Kuznetsova",
    "Ольга": "Olga",
    "Никитина": "Nikitina",
    "Игоревна": "Igorevna",
    "Дизайнер": "Designer",
    "Дмитрий": "Dmitry",
    "Павлов": "Pavlov",
    "добавочный 12": "extension 12",
    "Ирина": "Irina",
    "Тихая": "Tikhaya",
    "ООО «Ромашка»": "Romashka Ltd",
    "ИП Безномерный": "Unlisted & Sons",
    "Заявка с сайта": "Request from the website",
    "Елена": "Elena",
    "Орлова": "Orlova",
    "Повторное обращение": "Second request",
    "Шкаф-купе на заказ": "Sliding wardrobe to order",
    "Форма «Рассчитать шкаф»": "Form “What does a wardrobe cost?”",
    "Позвонить до обеда": "Call before noon",
    "А-1042": "A-1042",
    "А-1043": "A-1043",
    "А-1044": "A-1044",
    "белый": "white",
    "дуб": "oak",
    "графит": "graphite",
    "Москва, Садовая ул., 10\nдомофон 42": "10 Garden Street, Moscow\nintercom 42",
    'Кухня «Лофт» "под ключ"': 'Kitchen “Loft” "turnkey"',
    "Ремонт офиса": "Office renovation",
    "Консультация": "Consultation",
    "Без телефона": "Without a phone",
    "Предложение №1": "Estimate 1",
    "Счёт №1": "Invoice 1",
    "Доставка №1": "Delivery 1",
    "Доставка": "Delivery",
    "Счета": "Invoices",
    "Общая": "General",
    "Общий диск": "Company drive",
    "Анна Соколова": "Anna Sokolova",
    "Пётр Иванов": "Peter Ivanov",
    "Дизайн кухонь": "Kitchen design",
    "Договоры": "Contracts",
    "Только для директора": "For the director only",
    "Прайс-лист.pdf": "Price list.pdf",
    "shkaf.png": "wardrobe.png",
    "Договор 512.pdf": "Contract 512.pdf",
    "Зарплаты.pdf": "Salaries.pdf",
    "Заметки.pdf": "Notes.pdf",
    "Открытая линия": "Open channel",
    "Здравствуйте! Оператор скоро ответит.": "Hello! An operator will answer soon.",
    "Спасибо за обращение!": "Thank you for writing to us!",
    "Оцените, пожалуйста, качество обслуживания. Отправьте: 1 - хорошо, 0 - плохо": "How did we do? Send 1 for good, 0 for bad",
    "Спасибо за оценку!": "Thank you for your rating!",
    "Нам очень жаль, что мы не смогли вам помочь.": "We are sorry that we could not help you.",
}


def in_english(value: Any) -> Any:
    """A value of a sample item, or a whole item; what has no English words stays as it is."""
    if isinstance(value, str):
        return _ENGLISH.get(value, value)
    if isinstance(value, dict):
        return {key: in_english(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(in_english(one) for one in value)
    return value


def english_user(user: User) -> User:
    return replace(user, name=in_english(user.name), last_name=in_english(user.last_name))
