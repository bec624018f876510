"""The people, companies and deals of an English portal: the sample ones, with English names and words."""

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
