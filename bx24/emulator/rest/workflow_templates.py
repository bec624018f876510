"""`bizproc.workflow.template.list` and `bizproc.workflow.start`. Source: docs, api-reference/bizproc."""

from __future__ import annotations

import copy
from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, Page, RestError, rest
from bx24.emulator.rules.workflow_engine import Engine
from bx24.emulator.state import crm
from bx24.emulator.state.crm import Triple
from bx24.emulator.state.workflow import Template


@rest("bizproc.workflow.template.list", "bizproc")
def template_list(call: Call) -> Page:
    call.need_admin()
    params = call.upper()
    wanted = [str(field).upper() for _, field in php.items(params.get("SELECT"))] or ["ID"]
    criteria = {str(name).upper(): str(value) for name, value in php.items(params.get("FILTER"))}
    rows = [_fields(template) for template in call.portal.templates.values()]
    found = [row for row in rows if all(row.get(name) == value for name, value in criteria.items())]
    return Page([{name: row[name] for name in wanted if name in row} for row in found], len(found), None)


def _fields(template: Template) -> dict[str, Any]:
    module, entity, document_type = template.document_type
    return {
        "ID": str(template.id),
        "MODULE_ID": module,
        "ENTITY": entity,
        "DOCUMENT_TYPE": document_type,
        "AUTO_EXECUTE": "0",
        "NAME": template.name,
        "USER_ID": "1",
    }


@rest("bizproc.workflow.start", "bizproc")
def start(call: Call) -> str:
    call.need_admin()
    params = call.upper()
    number = php.to_int(params.get("TEMPLATE_ID"))
    if not number:
        raise RestError("ERROR_WRONG_WORKFLOW_ID", "Empty TEMPLATE_ID")
    template = call.portal.templates.get(number)
    if template is None:
        raise RestError("ERROR_WRONG_WORKFLOW_ID", "Template not found")
    document = _document(params.get("DOCUMENT_ID"))
    if document[:2] != template.document_type[:2] or not document[2].startswith(f"{template.document_type[2]}_"):
        raise RestError("", "Template type and DOCUMENT_ID mismatch!")
    entity = crm.entity_type(template.document_type)
    item = document[2].rpartition("_")[2]
    if entity is None or not item.isdecimal() or (entity, int(item)) not in call.portal.crm.items:
        raise RestError("", "Incorrect document type!")
    steps = copy.deepcopy(template.steps)
    return Engine(call.portal).start(document, template.document_type, steps, user_id=call.user.id).id


def _document(given: Any) -> Triple:
    parts = [str(part) for _, part in php.items(given)]
    if len(parts) != 3 or not all(parts):
        raise RestError("", "Wrong DOCUMENT_ID!")
    return parts[0], parts[1], parts[2]
