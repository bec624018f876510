"""The triggers that a portal should have: registered with the robots, named in the portal's language.

Bitrix24 docs: api-reference/crm/automation/triggers (an administrator's token; adding again renames).
"""

from typing import Any

from bx24 import i18n
from bx24.client import Client
from bx24.errors import Rejected
from bx24.i18n import Text
from bx24.registration import Report
from messaging.runs.crm_tasks import Trigger

NAMES: dict[Trigger, Text] = {
    Trigger.REPLY: Text("WhatsApp: the client replied", "WhatsApp: клиент ответил"),
    Trigger.BUTTON: Text("WhatsApp: the client tapped a button", "WhatsApp: клиент нажал кнопку"),
    Trigger.DELIVERED: Text("WhatsApp: message delivered", "WhatsApp: сообщение доставлено"),
    Trigger.READ: Text("WhatsApp: message read", "WhatsApp: сообщение прочитано"),
    Trigger.FAILED: Text("WhatsApp: message not delivered", "WhatsApp: сообщение не доставлено"),
    Trigger.OPT_OUT: Text("WhatsApp: the client opted out", "WhatsApp: клиент отписался"),
}


def register(client: Client, _url: str, language: str) -> Report:
    """Add or rename all of them. Raises Bx24Error if the portal could not be asked; the report names what it refused."""
    report = Report()
    spoken = i18n.language(language)
    commands: dict[str, tuple[str, dict[str, Any]]] = {
        str(code): ("crm.automation.trigger.add", {"CODE": str(code), "NAME": name.to(spoken)})
        for code, name in NAMES.items()
    }
    reply = client.batch(commands)
    for code in commands:
        if code in reply.errors:
            report.failed[code] = reply.errors[code]
        elif reply.results.get(code):
            report.added.append(code)
        else:
            report.failed[code] = Rejected("not_added", "Bitrix24 took the trigger and made none of it")
    return report


def registered(client: Client) -> frozenset[str]:
    """The codes of our triggers that the portal has, asked now. Raises Bx24Error."""
    result = client.call("crm.automation.trigger.list").result
    rows = list(result.values()) if isinstance(result, dict) else result if isinstance(result, list) else []
    return frozenset(str(row.get("CODE")) for row in rows if isinstance(row, dict)) & frozenset(NAMES)
