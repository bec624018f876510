"""sync() and bind_events() against a portal that keeps codes the way the product's source does."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from bx24.client import Client
from bx24.errors import Rejected, Throttled, Unauthorized, Unavailable
from bx24.forms import parse_form
from bx24.i18n import Text
from bx24.properties import returns
from bx24.registration import Kind, Offer, bind_events, sync
from tests.bx24.conftest import Script, Tokens

URL = "https://app.example/bx24/events"
NOT_FOUND = {"error": "ERROR_ACTIVITY_NOT_FOUND", "error_description": "Activity or Robot not found!"}
TAKEN = {"error": "ERROR_ACTIVITY_ALREADY_INSTALLED", "error_description": "Activity or Robot already installed!"}


class Shelf:
    """Robots, activities and event handlers of one app. `overlap`: a robot is in both lists, as in release 26."""

    def __init__(self, **kinds: str) -> None:
        self.kinds = {code.replace("__", "."): kind for code, kind in kinds.items()}
        self.overlap = False
        self.fields: dict[str, dict[str, Any]] = {}
        self.handlers: list[dict[str, Any]] = []
        self.refuse: dict[str, dict[str, str]] = {}
        self.commands: list[str] = []

    def __call__(self, request: requests.PreparedRequest) -> Any:
        sent = json.loads(request.body or b"{}")
        if not str(request.url).endswith("/batch.json"):
            return {"result": self.do(str(request.url).rpartition("/")[2].removesuffix(".json"), sent)}
        result: dict[str, Any] = {"result": {}, "result_error": {}, "result_time": []}
        for key, command in sent["cmd"].items():
            method, _, query = command.partition("?")
            self.commands.append(method)
            answer = self.do(method, parse_form(query.encode(), max_depth=9))
            refused = isinstance(answer, dict) and "error" in answer
            result["result_error" if refused else "result"][key] = answer
        return {"result": {part: value or [] for part, value in result.items()}}

    def do(self, method: str, params: dict[str, Any]) -> Any:
        if method in self.refuse:
            return self.refuse[method]
        if method.startswith("event."):
            return self.event(method, params)
        _, kind, verb = method.split(".")
        if verb == "list":
            return [code for code, own in self.kinds.items() if own == kind or (self.overlap and own == "robot")]
        return getattr(self, verb)(kind, params["CODE"], params)

    def add(self, kind: str, code: str, params: dict[str, Any]) -> Any:
        if code in self.kinds:
            return TAKEN
        if not isinstance(params.get("FILTER", {}), dict):
            return {"error": "ERROR_ACTIVITY_VALIDATION_FAILURE", "error_description": "Wrong activity FILTER!"}
        self.kinds[code], self.fields[code] = kind, params
        return True

    def update(self, kind: str, code: str, params: dict[str, Any]) -> Any:
        if self.kinds.get(code) != kind:
            return NOT_FOUND
        self.fields[code] = params["FIELDS"]
        return True

    def delete(self, kind: str, code: str, _: dict[str, Any]) -> Any:
        if self.kinds.get(code) != kind:
            return NOT_FOUND
        del self.kinds[code]
        return True

    def event(self, method: str, params: dict[str, Any]) -> Any:
        if method == "event.get":
            return self.handlers
        same = [row for row in self.handlers if (row["event"], row["handler"]) == (params["event"], params["handler"])]
        if method == "event.unbind":
            self.handlers = [row for row in self.handlers if row not in same]
            return {"count": len(same)}
        if same:
            return {"error": "ERROR_CORE", "error_description": "Unable to set event handler: Handler already binded"}
        self.handlers.append({"event": params["event"], "handler": params["handler"], "auth_type": "0", "offline": 0})
        return True


def offer(code: str, /, **changes: Any) -> Offer:
    kind: Kind = "activity" if code.startswith("activity.") else "robot"
    name = Text("Name", "Имя")
    values: dict[str, Any] = {
        "kind": kind,
        "code": code,
        "name": name,
        "description": name,
        "properties": {"text": {"Name": name.map(), "Type": "text", "Required": "Y", "Multiple": "N"}},
        "returns": returns({"status": name}, besides=["text"]),
        "filter": {"INCLUDE": [["crm", "Bitrix\\Crm\\Dynamic"]]},
        "handler": f"https://app.example/{code}",
        "placement_handler": f"https://app.example/{code}/settings",
    }
    return Offer(**(values | changes))


@pytest.fixture
def client(http: requests.Session, tokens: Tokens) -> Client:
    return Client(http, tokens)


def test_everything_is_added_to_an_empty_portal(client: Client, portal: Script) -> None:
    shelf = Shelf()
    portal.answers = [shelf]
    report = sync(client, [offer("robot.send_text"), offer("activity.send_text")], user_id=7)
    assert report.ok
    assert report.added == ["robot.send_text", "activity.send_text"]
    assert shelf.kinds == {"robot.send_text": "robot", "activity.send_text": "activity"}
    assert shelf.fields["robot.send_text"] == {
        "CODE": "robot.send_text",
        "HANDLER": "https://app.example/robot.send_text",
        "AUTH_USER_ID": "7",
        "USE_SUBSCRIPTION": "Y",
        "NAME": {"en": "Name", "ru": "Имя"},
        "DESCRIPTION": {"en": "Name", "ru": "Имя"},
        "PROPERTIES": {"text": {"Name": {"en": "Name", "ru": "Имя"}, "Type": "text", "Required": "Y", "Multiple": "N"}},
        "RETURN_PROPERTIES": {
            "status": {"Name": {"en": "Name", "ru": "Имя"}, "Type": "string", "Required": "N", "Multiple": "N"}
        },
        "USE_PLACEMENT": "Y",
        "FILTER": {"INCLUDE": {"0": {"0": "crm", "1": "Bitrix\\Crm\\Dynamic"}}},
        "PLACEMENT_HANDLER": "https://app.example/robot.send_text/settings",
    }
    assert len(portal.requests) == 2


def test_a_second_time_everything_is_updated_and_nothing_else(client: Client, portal: Script) -> None:
    shelf = Shelf()
    portal.answers = [shelf]
    offers = [offer("robot.a"), offer("activity.a")]
    sync(client, offers, user_id=1)
    report = sync(client, offers, user_id=1)
    assert (report.updated, report.added, report.deleted) == (["robot.a", "activity.a"], [], [])


@pytest.mark.parametrize("overlap", [False, True])
def test_what_is_not_offered_any_more_is_deleted(client: Client, portal: Script, overlap: bool) -> None:
    shelf = Shelf(robot__old="robot", activity__old="activity", legacy="activity", odd="robot", robot__a="robot")
    shelf.overlap = overlap
    portal.answers = [shelf]
    report = sync(client, [offer("robot.a")], user_id=1)
    assert shelf.kinds == {"robot.a": "robot"}
    assert sorted(report.deleted) == ["activity.old", "legacy", "odd", "robot.old"]
    assert report.ok


def test_a_code_that_bears_the_wrong_kind_is_deleted_as_what_it_is(client: Client, portal: Script) -> None:
    shelf = Shelf(activity__x="robot")
    shelf.overlap = True
    portal.answers = [shelf]
    assert sync(client, [], user_id=1).deleted == ["activity.x"]
    assert shelf.kinds == {}


def test_a_code_gone_meanwhile_counts_as_deleted(client: Client, portal: Script) -> None:
    shelf = Shelf(robot__old="robot")
    shelf.refuse = {"bizproc.robot.delete": NOT_FOUND}
    portal.answers = [shelf]
    report = sync(client, [], user_id=1)
    assert (report.deleted, report.ok) == (["robot.old"], True)


def test_a_list_that_is_behind_does_no_harm(client: Client, portal: Script) -> None:
    shelf = Shelf(robot__there="robot")
    shelf.refuse = {"bizproc.robot.list": {"error": "", "error_description": "x"}, "bizproc.activity.list": {}}
    portal.answers = [shelf]
    report = sync(client, [offer("robot.there"), offer("robot.new")], user_id=1)
    assert (report.updated, report.added) == (["robot.there"], ["robot.new"])
    assert list(report.failed) == ["bizproc.robot.list"]


def test_a_robot_deleted_between_list_and_update_is_added(client: Client, portal: Script) -> None:
    shelf = Shelf()
    listed = iter([["robot.a"], []])
    portal.answers = [lambda request: first(request, shelf, listed)]
    assert sync(client, [offer("robot.a")], user_id=1).added == ["robot.a"]


def first(request: requests.PreparedRequest, shelf: Shelf, listed: Any) -> Any:
    if b".list?" in (request.body or b""):
        return {"result": {"result": {"robot": next(listed), "activity": []}, "result_error": []}}
    return shelf(request)


def test_an_update_without_a_filter_clears_the_old_one(client: Client, portal: Script) -> None:
    shelf = Shelf(robot__a="robot")
    portal.answers = [shelf]
    assert sync(client, [offer("robot.a", filter=None), offer("robot.b", filter=None)], user_id=1).ok
    assert shelf.fields["robot.a"]["FILTER"] == ""
    assert "FILTER" not in shelf.fields["robot.b"]


def test_no_settings_page_is_said_so(client: Client, portal: Script) -> None:
    shelf = Shelf()
    portal.answers = [shelf]
    sync(client, [offer("robot.a", placement_handler=None)], user_id=1)
    assert shelf.fields["robot.a"]["USE_PLACEMENT"] == "N"
    assert "PLACEMENT_HANDLER" not in shelf.fields["robot.a"]


def test_one_refused_code_does_not_stop_the_others(client: Client, portal: Script) -> None:
    shelf = Shelf()
    wrong = {"error": "ERROR_WRONG_HANDLER_URL", "error_description": "Wrong handler URL"}
    shelf.refuse = {"bizproc.activity.add": wrong}
    portal.answers = [shelf]
    report = sync(client, [offer("activity.a"), offer("robot.b")], user_id=1)
    assert report.added == ["robot.b"]
    assert isinstance(report.failed["activity.a"], Rejected)
    assert (report.ok, report.retryable) == (False, False)


def test_what_may_pass_makes_the_report_retryable(client: Client, portal: Script) -> None:
    shelf = Shelf()
    shelf.refuse = {"bizproc.robot.add": {"error": "OPERATION_TIME_LIMIT", "error_description": "later"}}
    portal.answers = [shelf]
    assert sync(client, [offer("robot.a")], user_id=1).retryable


def test_too_many_words_are_reported_and_not_sent(client: Client, portal: Script) -> None:
    shelf = Shelf(robot__a="robot")
    portal.answers = [shelf]
    long = {"text": {"Name": {"en": "x" * 70_000}, "Type": "text"}}
    report = sync(client, [offer("robot.a", properties=long), offer("robot.b")], user_id=1)
    assert report.failed["robot.a"].code == "too_long"
    assert "PROPERTIES" in report.failed["robot.a"].description
    assert shelf.kinds == {"robot.a": "robot", "robot.b": "robot"}
    assert "bizproc.robot.update" not in shelf.commands


def test_more_than_fifty_go_in_several_batches(client: Client, portal: Script) -> None:
    shelf = Shelf()
    portal.answers = [shelf]
    report = sync(client, [offer(f"robot.r{i}") for i in range(60)], user_id=1)
    assert len(report.added) == 60
    assert len(portal.requests) == 3


def test_a_user_who_is_no_admin_is_raised(client: Client, portal: Script) -> None:
    shelf = Shelf()
    shelf.refuse = {"bizproc.robot.list": {"error": "ACCESS_DENIED", "error_description": "Access denied!"}}
    portal.answers = [shelf]
    with pytest.raises(Unauthorized):
        sync(client, [offer("robot.a")], user_id=1)


def test_a_refused_request_is_raised(client: Client, portal: Script) -> None:
    portal.answers = [(503, {"error": "QUERY_LIMIT_EXCEEDED"}, {})]
    with pytest.raises(Throttled):
        sync(client, [offer("robot.a")], user_id=1)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"kind": "trigger"}, "no kind"),
        ({"code": "robot send"}, "not a code"),
        ({"code": "x" * 129}, "not a code"),
        ({"returns": {"Text": {}}}, "both a property and a result"),
        ({"properties": {"IsTimeout": {}}}, "Bitrix24's own"),
    ],
)
def test_an_offer_bitrix24_would_spoil_cannot_be_made(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        offer("robot.a", **changes)


@pytest.mark.parametrize("second", [{"code": "robot.a"}, {"placement_handler": "https://app.example/robot.a/settings"}])
def test_codes_and_settings_pages_are_not_shared(client: Client, second: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="of its own"):
        sync(client, [offer("robot.a"), offer("robot.b", **second)], user_id=1)


def test_events_are_bound_once(client: Client, portal: Script) -> None:
    shelf = Shelf()
    portal.answers = [shelf]
    assert bind_events(client, URL, ["OnAppInstall", "ONAPPUNINSTALL"]).added == ["ONAPPINSTALL", "ONAPPUNINSTALL"]
    again = bind_events(client, URL, ["ONAPPINSTALL", "ONAPPUNINSTALL"])
    assert (again.added, again.ok, len(shelf.handlers)) == ([], True, 2)


def test_a_handler_bound_meanwhile_is_a_success(client: Client, portal: Script) -> None:
    shelf = Shelf()
    shelf.refuse = {
        "event.bind": {
            "error": "ERROR_CORE",
            "error_description": "Unable to set event handler: Handler already binded",
        }
    }
    portal.answers = [shelf]
    assert bind_events(client, URL, ["ONAPPINSTALL"]).added == ["ONAPPINSTALL"]


def test_a_bind_under_way_elsewhere_is_worth_a_retry(client: Client, portal: Script) -> None:
    shelf = Shelf()
    shelf.refuse = {"event.bind": {"error": "ERROR_CORE", "error_description": "Process already started"}}
    portal.answers = [shelf]
    report = bind_events(client, URL, ["ONAPPINSTALL"])
    assert isinstance(report.failed["ONAPPINSTALL"], Unavailable)
    assert report.retryable


def test_an_unknown_event_is_reported(client: Client, portal: Script) -> None:
    shelf = Shelf()
    shelf.refuse = {"event.bind": {"error": "ERROR_EVENT_NOT_FOUND", "error_description": "Event not found"}}
    portal.answers = [shelf]
    assert isinstance(bind_events(client, URL, ["ONX"]).failed["ONX"], Rejected)


def test_handlers_of_an_old_address_are_unbound(client: Client, portal: Script) -> None:
    shelf = Shelf()
    row = {"event": "ONAPPINSTALL", "handler": "https://old.example/bx24/events", "auth_type": "5", "offline": 0}
    same_host = {**row, "handler": "https://app.example/bx24/install"}
    foreign = {**row, "event": "ONCRMDEALADD"}
    shelf.handlers = [row, same_host, foreign]
    portal.answers = [shelf]
    report = bind_events(client, URL, ["ONAPPINSTALL"])
    assert report.deleted == ["ONAPPINSTALL"]
    assert [row["handler"] for row in shelf.handlers] == [
        "https://app.example/bx24/install",
        "https://old.example/bx24/events",
        URL,
    ]


def test_offline_handlers_are_none_of_ours(client: Client, portal: Script) -> None:
    shelf = Shelf()
    shelf.handlers = [{"event": "ONAPPINSTALL", "handler": URL, "auth_type": "0", "offline": "1"}]
    portal.answers = [shelf]
    assert bind_events(client, URL, ["ONAPPINSTALL"]).added == ["ONAPPINSTALL"]
