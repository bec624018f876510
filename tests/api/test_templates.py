"""Templates by the API: made, checked, read, changed and deleted as on the page, and told to the portal's own systems."""

from dataclasses import replace
from typing import Any

import pytest

from gupshup.templates import TemplateInfo
from messaging.store.models import Portal, Template
from messaging.store.template_drafts import TemplateChange
from messaging.templates import management
from tests.api.caller import TEMPLATE, Program
from tests.flows.hooks import URL, Receiver, everybody_is_public
from tests.flows.scenes import ONE_DATABASE, gupshup_control, jump_clock
from tests.support.world import World
from tests.web.test_template_editing import PNG
from web.api import examples

NEW = {name: value for name, value in examples.NEW_TEMPLATE.items() if name != "line"}
CONTENT = examples.TEMPLATE_CONTENT
FILE = {"Content_Type": "application/octet-stream"}


@pytest.fixture
def program(shop: World) -> Program:
    return Program(shop)


def review(shop: World, template_id: str, verdict: str, **more: Any) -> None:
    gupshup_control(shop, f"apps/acmeshop/templates/{template_id}/review", {"verdict": verdict, **more})
    jump_clock(shop, 2)


@ONE_DATABASE
def test_a_template_is_made_approved_sent_changed_and_deleted(shop: World, program: Program) -> None:
    made = program.post("/templates", NEW)
    assert made.status_code == 201, made.text
    one = made.json
    assert {name: one[name] for name in NEW} == NEW, "what was sent can be read, and sent again"
    assert (one["status"], one["can_send"], one["line"]) == ("PENDING", False, shop.line.id)
    assert (one["params_count"], one["button_params_count"]) == (3, 0)
    assert program.get(f"/templates/{one['id']}").json == one
    review(shop, one["id"], "approve")
    assert program.get(f"/templates/{one['id']}").json["can_send"]
    message = {**TEMPLATE, "template": NEW["name"], "params": ["7", "Иван", "19:00"]}
    assert program.post("/messages", message).status_code == 202
    jump_clock(shop, 3)
    assert len(shop.sent) == 1
    changed = program.call("PUT", f"/templates/{one['id']}", {**CONTENT, "footer": "Acme, Омск"})
    assert changed.status_code == 200, changed.text
    assert (changed.json["id"], changed.json["status"], changed.json["footer"]) == (one["id"], "PENDING", "Acme, Омск")
    again = program.call("PUT", f"/templates/{one['id']}", CONTENT)
    assert (again.status_code, again.json["code"]) == (409, "wrong_state"), "it is being reviewed"
    assert program.call("DELETE", f"/templates/{one['id']}").status_code == 204
    assert program.get(f"/templates/{one['id']}").status_code == 404
    assert program.call("DELETE", f"/templates/{one['id']}").status_code == 404
    [deleted] = [row for row in shop.stored_rows(TemplateChange) if row.after == "DELETED"]
    assert (deleted.name, deleted.user_id) == (NEW["name"], None)


@ONE_DATABASE
@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"name": "Визит"}, {"name": ["name"]}),
        ({"body": "Ждём вас, {{1}}", "samples": ["завтра"]}, {"body": ["trailing"]}),
        ({"samples": ["Ольга"]}, {"samples.1": ["value_missing"]}),
        ({"kind": "IMAGE", "header": ""}, {"media": ["value_missing"]}),
        ({"buttons": [{"type": "URL", "text": "Карта", "value": "карта"}]}, {"buttons.0": ["link"]}),
        ({"buttons": [{"type": "URL", "text": "К" * 26}]}, {"buttons.0.text": ["text_too_long"]}),
        ({"body": "x" * 1025}, {"body": ["text_too_long"]}),
        ({"category": "utility"}, {"category": ["value_invalid"]}),
        ({"line": "нет такой"}, {"line": ["line_not_found"]}),
        ({"colour": "red"}, {"colour": ["unknown_field"]}),
    ],
)
def test_what_whatsapp_would_refuse_is_refused_at_its_field_and_never_submitted(
    shop: World, program: Program, changes: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    asked = len(shop.net.seen)
    assert program.codes("/templates", {**NEW, **changes}) == errors
    assert len(shop.net.seen) == asked


@ONE_DATABASE
def test_a_preview_names_all_problems_and_submits_nothing(shop: World, program: Program) -> None:
    asked = len(shop.net.seen)
    found = program.post("/templates/preview", {**NEW, "name": "Визит", "body": f"{NEW['body']} bit.ly/x"}).json
    assert (found["header"], found["footer"], found["buttons"]) == ("Заказ 512", "Acme", ["Приду"])
    assert found["body"].startswith("Здравствуйте, Ольга! ")
    assert [(one["field"], one["blocks"]) for one in found["problems"]] == [("name", True), ("body", False)]
    assert len(shop.net.seen) == asked
    known = program.post("/templates", NEW).json["id"]
    assert [one["field"] for one in program.post("/templates/preview", NEW).json["problems"]] == ["name"]
    assert program.post(f"/templates/{known}/preview", CONTENT).json["problems"] == []
    assert program.post("/templates/nothing/preview", CONTENT).status_code == 404


@ONE_DATABASE
def test_a_lost_answer_of_gupshup_makes_no_second_template(shop: World, program: Program) -> None:
    shop.set_gupshup_faults(next=[{"answer": "drop_after_accept", "on": "manage"}])
    lost = program.post("/templates", NEW, Idempotency_Key="waits", Accept_Language="ru")
    assert (lost.status_code, lost.json["code"]) == (503, "unavailable")
    assert "Gupshup не отвечает" in lost.json["detail"]
    assert int(lost.headers["Retry-After"]) == 60
    made = program.post("/templates", NEW, Idempotency_Key="waits")
    assert made.status_code == 201, made.text
    repeated = program.post("/templates", NEW, Idempotency_Key="waits")
    assert (repeated.json, repeated.headers["Idempotent-Replayed"]) == (made.json, "true")
    assert [row.name for row in shop.stored_rows(Template)].count(NEW["name"]) == 1


def test_the_answer_is_kept_with_the_template_or_not_at_all(
    shop: World, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("messaging.templates.management.log.info", dies)
        with pytest.raises(SystemExit):
            program.post("/templates", NEW, Idempotency_Key="waits")
    asked = len(shop.net.seen)
    again = program.post("/templates", NEW, Idempotency_Key="waits")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert len(shop.net.seen) == asked


@ONE_DATABASE
def test_what_gupshup_refuses_stands_at_its_field_or_says_what_to_do(shop: World, program: Program) -> None:
    made = program.post("/templates", NEW).json["id"]
    review(shop, made, "approve")
    program.call("PUT", f"/templates/{made}", CONTENT)
    review(shop, made, "approve")
    today = program.call("PUT", f"/templates/{made}", CONTENT)
    assert (today.status_code, list(today.json["errors"])) == (409, [""])
    assert "24 hours" in today.json["detail"]
    program.call("DELETE", f"/templates/{made}")
    assert program.codes("/templates", NEW) == {"name": ["name_blocked"]}


@ONE_DATABASE
def test_a_file_becomes_the_sample_of_a_header(shop: World, program: Program) -> None:
    sent = program.post("/templates/media?name=photo.png", PNG, Idempotency_Key="photo", **FILE)
    assert sent.status_code == 201, sent.text
    assert (sent.json["kind"], sent.json["name"], sent.json["size"]) == ("IMAGE", "photo.png", len(PNG))
    again = program.post("/templates/media?name=photo.png", PNG, Idempotency_Key="photo", **FILE)
    assert (again.json, again.headers["Idempotent-Replayed"]) == (sent.json, "true")
    other = program.post("/templates/media?name=other.png", PNG, Idempotency_Key="photo", **FILE)
    assert other.json["code"] == "idempotency_conflict"
    picture = {**NEW, "kind": "IMAGE", "header": "", "header_sample": "", "media": sent.json["media"]}
    assert program.post("/templates", picture).status_code == 201


@ONE_DATABASE
@pytest.mark.parametrize("body", [b"", b"GIF89a", b"{}"])
def test_a_file_that_is_no_sample_is_refused(shop: World, program: Program, body: bytes) -> None:
    refused = program.post("/templates/media", body, **FILE)
    assert (refused.status_code, refused.json["code"]) == (422, "invalid")
    assert program.post("/templates/media", PNG).status_code == 415
    assert program.post("/templates/media", b"x" * (17 * 1024 * 1024), **FILE).status_code == 413
    assert program.post("/templates", b"x" * 300_000).status_code == 413, "JSON is never as large as a file"


def test_the_list_is_brought_up_to_date_filtered_and_paged(shop: World, program: Program) -> None:
    whole = program.get("/templates").json
    assert sorted(one["name"] for one in whole["items"]) == ["order_ready", "welcome", "welcome"]
    assert whole["next_cursor"] is None
    first = program.get("/templates?limit=2").json
    program.post("/templates", NEW)
    second = program.get(f"/templates?limit=2&cursor={first['next_cursor']}").json
    rest = {one["id"] for one in second["items"]}
    assert {one["id"] for one in whole["items"]} <= rest | {one["id"] for one in first["items"]}
    for query, names in (
        ("name=welcome&language=en_US", ["welcome"]),
        ("status=PENDING", [NEW["name"]]),
        ("category=AUTHENTICATION", []),
        (f"line={shop.line.id}&name=order_ready", ["order_ready"]),
        ("line=999", []),
    ):
        assert [one["name"] for one in program.get(f"/templates?{query}").json["items"]] == names, query
    assert program.get(f"/templates?limit=2&name=x&cursor={first['next_cursor']}").status_code == 422


def test_a_list_that_cannot_be_had_now_is_answered_from_the_copy(shop: World, program: Program) -> None:
    known = program.get("/templates").json
    shop.now += management.EDIT_EVERY
    shop.set_gupshup_faults(next=[{"answer": "502", "on": "templates"}] * 3)
    assert program.get("/templates").json == known


@ONE_DATABASE
def test_another_portals_template_is_not_there(shop: World, program: Program) -> None:
    made = program.post("/templates", NEW).json["id"]
    with shop.runtime.db.write() as session:
        session.add(Portal(member_id="other", client_endpoint="https://other.example/rest/", installed_at=shop.now))
    other = Program(shop, member_id="other")
    assert other.get("/templates").json["items"] == []
    for method, path, body in (
        ("GET", "", None),
        ("PUT", "", CONTENT),
        ("DELETE", "", None),
        ("POST", "/preview", CONTENT),
    ):
        assert other.call(method, f"/templates/{made}{path}", body).status_code == 404, method
    assert other.codes("/templates", NEW) == {"line": ["line_not_connected"]}


@ONE_DATABASE
def test_a_rejected_template_says_why_in_the_callers_language(shop: World, program: Program) -> None:
    made = program.post("/templates", NEW).json["id"]
    review(shop, made, "reject", reason="INVALID_FORMAT")
    read = program.get(f"/templates/{made}", Accept_Language="ru").json
    assert (read["status"], read["reason"]) == ("REJECTED", "INVALID_FORMAT")
    assert "Проверьте скобки" in read["reason_text"]


@ONE_DATABASE
def test_what_happens_to_a_template_is_told(shop: World, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody_is_public(monkeypatch)
    receiver = Receiver(shop, monkeypatch)
    hook = program.post("/webhooks", {"url": URL, "events": ["template.changed"]})
    receiver.secret = hook.json["secret"]
    made = program.post("/templates", NEW).json["id"]
    shop.advance_clock(1)
    program.call("DELETE", f"/templates/{made}")
    shop.advance_clock(1)
    told = [(one["id"], one["status"], one["change"]["kind"]) for one in receiver.told("template.changed")]
    assert told == [(made, "PENDING", "submitted"), (made, "DELETED", "status")]


def test_a_template_of_a_kind_that_cannot_be_written_here_is_shown_and_not_changed(
    shop: World, program: Program
) -> None:
    program.get("/templates")
    with shop.runtime.db.write() as session:
        row = session.query(Template).filter_by(name="order_ready").one()
        row.data = replace(TemplateInfo.from_dict(row.data), kind="CAROUSEL").to_dict()
        template_id = row.template_id
    assert program.get(f"/templates/{template_id}").json["kind"] == "CAROUSEL"
    assert program.call("PUT", f"/templates/{template_id}", CONTENT).json["code"] == "wrong_state"
