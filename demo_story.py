"""What `make demo` plays: nine of the twelve robots on one deal, and a client who answers.

A step is a robot as it is placed on the stage, and what the client does about it: nothing, a text, a tap.
"""

from dataclasses import dataclass, field
from typing import Any

from bx24.i18n import Text


@dataclass(frozen=True)
class Step:
    """One robot. `client`: what the client does once it has arrived (control API of the emulated Gupshup)."""

    code: str
    values: dict[str, Any]
    until: str = "delivered"
    client: dict[str, Any] = field(default_factory=dict)
    does: Text | None = None

    def robot(self, name: str) -> dict[str, Any]:
        """As the emulated portal takes it."""
        ending = {} if self.until == "ok" else {"wait_minutes": "60"}
        until = {} if self.until == "ok" or self.code == "robot.wait_reply" else {"until": self.until}
        return {"code": self.code, "name": name, "values": {**self.values, **until, **ending}}


def templates(lang: str) -> list[dict[str, Any]]:
    """The approved template the conversation begins with, and a paused one: what to do about it stands on the first page."""
    body = Text(
        "Hello, {{1}}! It is time to measure for “{{2}}”. When would it suit you?",
        "Здравствуйте, {{1}}! По заказу «{{2}}» пора назначить замер. Когда вам удобно?",
    )
    sale = Text("Only this week: kitchens 15% off!", "Только на этой неделе: кухни со скидкой 15 %!")
    samples = {"1": Text("Anna", "Анна").to(lang), "2": Text("Kitchen", "Кухня").to(lang)}
    return [
        {
            "name": "measuring_visit",
            "language": lang,
            "category": "UTILITY",
            "body": body.to(lang),
            "samples": samples,
        },
        {"name": "week_sale", "language": lang, "category": "MARKETING", "body": sale.to(lang), "status": "PAUSED"},
    ]


def steps(lang: str) -> list[Step]:
    """The scenario in one language. {=A1:reply_text} is what the first robot returned."""

    def t(en: str, ru: str) -> str:
        return Text(en, ru).to(lang)

    saturday, sunday = t("On Saturday", "В субботу"), t("On Sunday", "В воскресенье")
    oak = t("Oak", "Дуб")
    return [
        Step(
            "robot.send_template",
            {"template": "measuring_visit", "params": [t("[1]Olga", "[1]Ольга"), "[2]{=Document:TITLE}"]},
            until="replied",
            client={"type": "text", "text": t("This weekend", "В выходные")},
            does=Text("The client answers: “This weekend”", "Клиент отвечает: «В выходные»"),
        ),
        Step("robot.check_window", {}, until="ok"),
        Step(
            "robot.send_text",
            {"text": t("Thank you! You wrote: “{=A1:reply_text}”.", "Спасибо! Вы написали: «{=A1:reply_text}».")},
        ),
        Step(
            "robot.send_buttons",
            {"text": t("Which day?", "Какой день?"), "buttons": [f"{saturday}|sat", f"{sunday}|sun"]},
            until="replied",
            client={"type": "button", "title": saturday},
            does=Text("The client taps “On Saturday”", "Клиент нажимает «В субботу»"),
        ),
        Step(
            "robot.send_list",
            {
                "text": t("Which wood do you like?", "Какое дерево вам нравится?"),
                "button": t("Show", "Показать"),
                "items": f"# {t('Woods', 'Породы')}\n{oak}|{t('light, strong', 'светлый, прочный')}|oak\n"
                f"{t('Walnut', 'Орех')}|{t('dark, warm', 'тёмный, тёплый')}|walnut",
            },
            until="replied",
            client={"type": "list", "title": oak},
            does=Text("The client chooses “Oak”", "Клиент выбирает «Дуб»"),
        ),
        Step(
            "robot.send_file",
            {
                "file": "601",
                "caption": t("Our price list", "Наш прайс"),
                "file_name": t("Price list.pdf", "Прайс-лист.pdf"),
            },
        ),
        Step("robot.send_contact", {"contact": "2"}),
        Step(
            "robot.send_location",
            {
                "latitude": "54,9885",
                "longitude": "73,3686",
                "place": t("Showroom", "Салон"),
                "address": t("1 Lenina, Omsk", "Омск, Ленина, 1"),
            },
        ),
        Step(
            "robot.wait_reply",
            {"accept": [t("Thanks", "Спасибо")]},
            until="replied",
            client={"type": "text", "text": t("thanks", "спасибо")},
            does=Text("The client writes “thanks”", "Клиент пишет «спасибо»"),
        ),
    ]
