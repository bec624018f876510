"""Methods about the app, the portal and its users."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.formats.texts import text_of
from bx24.emulator.rest.base import METHODS, Call, Page, RestError, rest
from bx24.emulator.rest.crm_filters import matches, order, split_key
from bx24.emulator.state.portal import TIME_ZONE
from bx24.emulator.state.records import User


@rest("app.info")
def app_info(call: Call) -> dict[str, Any]:
    row = call.portal.installation
    return {
        "ID": row.row_id,
        "CODE": row.client_id,
        "VERSION": row.version,
        "STATUS": row.status,
        "INSTALLED": row.installed,
        "PAYMENT_EXPIRED": "Y" if call.portal.faults.payment_expired else "N",
        "DAYS": None,
        "LANGUAGE_ID": call.portal.lang,
        "LICENSE": f"{call.portal.lang}_{call.portal.faults.plan}",
        "LICENSE_TYPE": call.portal.faults.plan,
        "LICENSE_FAMILY": call.portal.faults.plan,
    }


@rest("scope")
def scope(call: Call) -> list[str]:
    if call.upper().get("FULL"):
        return sorted({method.scope for method in METHODS.values()} - {""})
    return list(call.portal.installation.scope)


@rest("methods")
def methods(call: Call) -> list[str]:
    params = call.upper()
    wanted = {*call.portal.installation.scope, ""}
    if params.get("SCOPE"):
        wanted = {str(params["SCOPE"])}
    elif params.get("FULL"):
        wanted = {method.scope for method in METHODS.values()}
    return [name for name, method in METHODS.items() if method.scope in wanted]


@rest("method.get")
def method_get(call: Call) -> dict[str, bool]:
    method = METHODS.get(str(call.params.get("name", "")))
    available = method is not None and method.scope in {*call.portal.installation.scope, ""}
    return {"isExisting": method is not None, "isAvailable": available}


@rest("feature.get")
def feature_get(call: Call) -> dict[str, str]:
    if not call.upper().get("CODE"):
        raise RestError("CODE_EMPTY", "CODE can't be empty")
    return {"value": "Y"}


@rest("server.time")
def server_time(call: Call) -> str:
    return datetime.fromtimestamp(int(call.portal.shown_time()), TIME_ZONE).isoformat()


@rest("profile")
def profile(call: Call) -> dict[str, Any]:
    user = call.user
    return {
        "ID": str(user.id),
        "ADMIN": user.is_admin,
        "NAME": user.name,
        "LAST_NAME": user.last_name,
        "PERSONAL_GENDER": "",
        "TIME_ZONE": "Europe/Moscow",
    }


@rest("user.admin")
def user_admin(call: Call) -> bool:
    return call.user.is_admin


@rest("user.current", "user_brief")
def user_current(call: Call) -> dict[str, Any]:
    return _user(call, call.user)


@rest("user.get", "user_brief")
def user_get(call: Call) -> Page:
    """Pages of 50. The criteria stand in FILTER or beside it; unknown names are ignored."""
    params = call.upper()
    nested = params.get("FILTER") if isinstance(params.get("FILTER"), dict) else {}
    rows = [_user(call, user) for user in call.portal.users.values()]
    criteria = {
        key: value for key, value in {**params, **php.upper_keys(nested or {})}.items() if split_key(key)[1] in rows[0]
    }
    if criteria.get("ACTIVE") in ("Y", "N"):
        criteria["ACTIVE"] = criteria["ACTIVE"] == "Y"
    found = order([row for row in rows if matches(row, criteria)], {"ID": params.get("ORDER") or "ASC"})
    offset = max(0, call.start)
    following = offset + PAGE if offset + PAGE < len(found) else None
    return Page(found[offset : offset + PAGE], len(found), following)


@rest("department.get", "department")
def department_get(call: Call) -> Page:
    """Two departments; the criteria are the names of a row's fields."""
    rows = [
        {"ID": str(number), "NAME": text_of(f"department_{number}", call.portal.lang), "SORT": 500, **more}
        for number, more in _DEPARTMENTS.items()
    ]
    criteria = {key: value for key, value in call.upper().items() if key in ("ID", "NAME", "PARENT", "UF_HEAD")}
    found = [row for row in rows if matches(row, criteria)]
    return Page(found, len(found), None)


PAGE = 50
_DEPARTMENTS: dict[int, dict[str, str]] = {1: {"UF_HEAD": "1"}, 2: {"PARENT": "1", "UF_HEAD": "3"}}


def _user(call: Call, user: User) -> dict[str, Any]:
    return {
        "ID": str(user.id),
        "ACTIVE": call.portal.user(user.id) is not None,
        "NAME": user.name,
        "LAST_NAME": user.last_name,
        "SECOND_NAME": "",
        "TIME_ZONE": "Europe/Moscow",
        "USER_TYPE": "employee",
        "UF_DEPARTMENT": [user.department],
    }


@rest("app.option.get")
def app_option_get(call: Call) -> Any:
    options, name = call.portal.installation.options, call.upper().get("OPTION")
    return options.get(str(name), "") if name else dict(options)


@rest("app.option.set")
def app_option_set(call: Call) -> bool:
    call.need_admin()
    given = call.upper().get("OPTIONS")
    if not isinstance(given, dict):
        raise RestError("ERROR_ARGUMENT", "Argument 'options' is null or empty", 400, argument="options")
    call.portal.installation.options.update(given)
    return True
