"""What a robot or an activity must look like to be registered, in the order in which the portal looks."""

from __future__ import annotations

import re
from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import HANDLER_LENGTH, RestError, check_url
from bx24.emulator.state import crm
from bx24.emulator.state.crm import Triple

CODE_LENGTH = 128
SIZE_LIMIT = 65_535
_CODE = re.compile(r"[A-Za-z0-9.\-_]+")
_PROPERTY = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_UNTOUCHED = ("PROPERTIES", "RETURN_PROPERTIES", "OPTIONS")
_OTHER_DOCUMENTS = (
    ("lists", "BizprocDocument"),
    ("lists", "Bitrix\\Lists\\BizprocDocumentLists"),
    ("disk", "Bitrix\\Disk\\BizProcDocument"),
)


def failure(text: str) -> RestError:
    return RestError("ERROR_ACTIVITY_VALIDATION_FAILURE", text)


def prepare(data: dict[str, Any], keep_keys: bool = False) -> dict[str, Any]:
    """Keys are upper-cased at every depth except property codes and option keys: languages become RU, EN."""
    result: dict[str, Any] = {}
    for key, value in data.items():
        name = str(key) if keep_keys else str(key).upper()
        if isinstance(value, dict):
            value = prepare(value, name in _UNTOUCHED)
        elif isinstance(value, list):
            value = [prepare(item) if isinstance(item, dict) else item for item in value]
        result[name] = value
    return result


def check_new(data: dict[str, Any], known: crm.Crm) -> None:
    if not data:
        raise failure("Empty data!")
    code(data.get("CODE"))
    handler(data.get("HANDLER"))
    if php.is_empty(data.get("NAME")):
        raise failure("Empty activity NAME!")
    if data.get("PROPERTIES") is not None:
        properties(data["PROPERTIES"])
    if data.get("DOCUMENT_TYPE") is not None:
        document_type(data["DOCUMENT_TYPE"], known)
    if data.get("RETURN_PROPERTIES") is not None:
        properties(data["RETURN_PROPERTIES"])
    if data.get("FILTER") is not None:
        document_filter(data["FILTER"])


def code(value: Any) -> str:
    if php.is_empty(value):
        raise failure("Empty activity code!")
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        raise failure("Wrong activity code!")
    if len(value) > CODE_LENGTH:
        raise RestError("ERROR_ACTIVITY_ADD_FAILURE", "Activity save error!")
    return value


def handler(value: Any) -> str:
    url = check_url(value)
    if len(url) > HANDLER_LENGTH:
        raise RestError("ERROR_ACTIVITY_ADD_FAILURE", "Activity save error!")
    return url


def properties(value: Any) -> None:
    if not php.is_array(value):
        raise failure("Wrong properties array!")
    for key, descriptor in php.items(value):
        if not _PROPERTY.fullmatch(key):
            raise failure(f"Wrong property key ({key})!")
        if not isinstance(descriptor, dict) or php.is_empty(descriptor.get("NAME")):
            raise failure(f"Empty property NAME ({key})!")


def document_type(value: Any, known: crm.Crm) -> None:
    parts = [str(part) for part in php.values(value)]
    if len(parts) != 3 or not _resolves((parts[0], parts[1], parts[2]), known):
        raise failure("Wrong activity DOCUMENT_TYPE!")


def _resolves(triple: Triple, known: crm.Crm) -> bool:
    number = crm.entity_type(triple)
    return known.has_type(number) if number else triple[:2] in _OTHER_DOCUMENTS


def document_filter(value: Any) -> None:
    if not php.is_array(value):
        raise failure("Wrong activity FILTER!")


def too_big(data: dict[str, Any]) -> bool:
    """PROPERTIES and RETURN_PROPERTIES are stored serialized in a 64 KB column each."""
    return any(php.serialized_size(data.get(key)) >= SIZE_LIMIT for key in ("PROPERTIES", "RETURN_PROPERTIES"))
