"""The checks of a robot's or activity's registration, in the order of the real portal. All raise RestError."""

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


def invalid(text: str) -> RestError:
    return RestError("ERROR_ACTIVITY_VALIDATION_FAILURE", text)


def upper_case_keys(data: dict[str, Any], keep_keys: bool = False) -> dict[str, Any]:
    """Upper-case the keys at every depth, languages too, but not property codes and option keys."""
    result: dict[str, Any] = {}
    for key, value in data.items():
        name = str(key) if keep_keys else str(key).upper()
        if isinstance(value, dict):
            value = upper_case_keys(value, name in _UNTOUCHED)
        elif isinstance(value, list):
            value = [upper_case_keys(item) if isinstance(item, dict) else item for item in value]
        result[name] = value
    return result


def check_registration(data: dict[str, Any], known: crm.Crm) -> None:
    if not data:
        raise invalid("Empty data!")
    check_code(data.get("CODE"))
    check_handler(data.get("HANDLER"))
    if php.is_empty(data.get("NAME")):
        raise invalid("Empty activity NAME!")
    if data.get("PROPERTIES") is not None:
        check_properties(data["PROPERTIES"])
    if data.get("DOCUMENT_TYPE") is not None:
        check_document_type(data["DOCUMENT_TYPE"], known)
    if data.get("RETURN_PROPERTIES") is not None:
        check_properties(data["RETURN_PROPERTIES"])
    if data.get("FILTER") is not None:
        check_filter(data["FILTER"])


def check_code(value: Any) -> str:
    if php.is_empty(value):
        raise invalid("Empty activity code!")
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        raise invalid("Wrong activity code!")
    if len(value) > CODE_LENGTH:
        raise RestError("ERROR_ACTIVITY_ADD_FAILURE", "Activity save error!")
    return value


def check_handler(value: Any) -> str:
    url = check_url(value)
    if len(url) > HANDLER_LENGTH:
        raise RestError("ERROR_ACTIVITY_ADD_FAILURE", "Activity save error!")
    return url


def check_properties(value: Any) -> None:
    if not php.is_array(value):
        raise invalid("Wrong properties array!")
    for key, descriptor in php.items(value):
        if not _PROPERTY.fullmatch(key):
            raise invalid(f"Wrong property key ({key})!")
        if not isinstance(descriptor, dict) or php.is_empty(descriptor.get("NAME")):
            raise invalid(f"Empty property NAME ({key})!")


def check_document_type(value: Any, known: crm.Crm) -> None:
    parts = [str(part) for part in php.values(value)]
    if len(parts) != 3 or not _resolves((parts[0], parts[1], parts[2]), known):
        raise invalid("Wrong activity DOCUMENT_TYPE!")


def _resolves(triple: Triple, known: crm.Crm) -> bool:
    number = crm.entity_type(triple)
    return known.has_type(number) if number else triple[:2] in _OTHER_DOCUMENTS


def check_filter(value: Any) -> None:
    if not php.is_array(value):
        raise invalid("Wrong activity FILTER!")


def is_too_big(data: dict[str, Any]) -> bool:
    """Whether PROPERTIES or RETURN_PROPERTIES do not fit: each is stored, serialized, in a column of 64 KB."""
    return any(php.serialized_size(data.get(key)) >= SIZE_LIMIT for key in ("PROPERTIES", "RETURN_PROPERTIES"))
