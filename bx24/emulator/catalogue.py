"""What a robot's settings page is told about the document: its fields, earlier steps, stored values.

Shape: docs, tutorials/bizproc/setting-robot; bizproc/classes/general/restactivity.php.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import crm
from .state import localized

if TYPE_CHECKING:
    from .portal import Portal, Stage
    from .workflow import PlacedRobot

_FIELDS: tuple[tuple[str, str, str, str, bool], ...] = (
    ("ID", "ID", "ID", "int", False),
    ("TITLE", "Название", "Name", "string", False),
    ("OPPORTUNITY", "Сумма", "Amount", "double", False),
    ("CURRENCY_ID", "Валюта", "Currency", "select", False),
    ("STAGE_ID", "Стадия", "Stage", "select", False),
    ("ASSIGNED_BY_ID", "Ответственный", "Responsible", "user", False),
    ("ASSIGNED_BY_PRINTABLE", "Ответственный (текст)", "Responsible (text)", "string", False),
    ("COMMENTS", "Комментарий", "Comment", "text", False),
    ("BEGINDATE", "Дата начала", "Start date", "datetime", False),
    ("UF_CRM_CONTRACT", "Договор", "Contract", "file", False),
    ("CONTACT.NAME", "Контакт: Имя", "Contact: First name", "string", False),
    ("CONTACT.LAST_NAME", "Контакт: Фамилия", "Contact: Last name", "string", False),
    ("CONTACT.PHONE", "Контакт: Телефон", "Contact: Phone", "phone", True),
    ("CONTACT.PHONE_PRINTABLE", "Контакт: Телефон (текст)", "Contact: Phone (text)", "string", False),
    ("COMPANY.TITLE", "Компания: Название", "Company: Name", "string", False),
    ("COMPANY.PHONE_PRINTABLE", "Компания: Телефон (текст)", "Company: Phone (text)", "string", False),
)


def document_fields(lang: str) -> dict[str, dict[str, Any]]:
    return {
        code: {
            "Name": russian if lang == "ru" else english,
            "Type": kind,
            "Multiple": multiple,
            "Required": False,
            "Options": None,
        }
        for code, russian, english, kind, multiple in _FIELDS
    }


def settings_options(portal: Portal, stage: Stage, index: int) -> dict[str, Any]:
    """PLACEMENT_OPTIONS of a settings page. `properties` have the stored shape: upper-case keys, language maps."""
    robot = stage.robots[index]
    record = portal.robots[robot.code]
    placed = {code.lower(): value for code, value in robot.values.items()}
    return {
        "code": robot.code,
        "activity_name": robot.name,
        "properties": record.properties(),
        "current_values": {code: placed.get(code.lower()) for code in record.properties()},
        "document_type": list(crm.document_type(crm.DEAL)),
        "document_fields": document_fields(portal.lang),
        "template": _template(portal, stage.robots[:index]),
    }


def _template(portal: Portal, earlier: list[PlacedRobot]) -> dict[str, Any]:
    steps = []
    for robot in earlier:
        record = portal.robots.get(robot.code)
        if record:
            returns = [
                {"Id": code, "Name": localized(item.get("NAME"), portal.lang), "Type": str(item.get("TYPE", "string"))}
                for code, item in record.returns().items()
            ]
            steps.append(
                {"Id": robot.name, "Type": f"rest_{robot.code}", "Title": portal.engine.title(robot), "Return": returns}
            )
    return {
        "parameters": [],
        "variables": [],
        "constants": [],
        "global_variables": [],
        "global_constants": [],
        "return_activities": steps,
    }
