"""The doctor: each thing is broken on purpose, and he finds it and says in both languages what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from socket import EAI_AGAIN, EAI_NONAME, gaierror
from ssl import SSLCertVerificationError
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisAway
from requests.exceptions import SSLError
from rq import Queue
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from werkzeug.test import Client as WsgiClient

from bx24.emulator.state.records import PlacementBinding
from messaging.doctor import echo, portal, texts
from messaging.doctor.certificate import NotTrusted
from messaging.doctor.finding import State
from messaging.doctor.server import Outside
from messaging.lines import lines
from messaging.queue.wakeups import QUEUE
from messaging.store import schema
from messaging.store.models import Line, Portal
from messaging.system import disk
from messaging.worker.pool import make_worker
from tests.flows.scenes import ONE_DATABASE, host, jump_clock, set_portal_faults, template_robot
from tests.messaging.clinic import CHECK_WINDOW, Clinic
from tests.support.world import APP, GUPSHUP, PORTAL


@ONE_DATABASE
def test_a_healthy_world_has_nothing_to_do(clinic: Clinic) -> None:
    clinic.shop.robots_start(template_robot(until="delivered"))
    jump_clock(clinic.shop, 5)
    found = [*clinic.server(), *clinic.of_portal(), *clinic.echo(), *clinic.of_line()]
    found += clinic.trial(template=clinic.template(CHECK_WINDOW))
    assert {finding.name: (str(finding.state), finding.code) for finding in found} == dict.fromkeys(
        texts.TITLES, ("ok", "")
    ), [finding for finding in found if finding.state is not State.OK]
    assert not [binding for binding in clinic.shop.portal.events if binding.event == echo.EVENT], (
        "nothing is left behind"
    )


# --- what can be broken, and how --------------------------------------------------------------------------------------------


def _config(**changes: Any) -> Callable[[Clinic, pytest.MonkeyPatch], None]:
    def change(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(clinic.runtime, "config", replace(clinic.runtime.config, **changes))

    return change


def _portal_faults(**faults: Any) -> Callable[[Clinic, pytest.MonkeyPatch], None]:
    return lambda clinic, patch: set_portal_faults(clinic.shop, **faults)


def _gupshup_faults(**faults: Any) -> Callable[[Clinic, pytest.MonkeyPatch], None]:
    return lambda clinic, patch: clinic.shop.set_gupshup_faults(**faults)


def _raises(error: Exception) -> Callable[..., Any]:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    return fail


def _our_address_says(status: int, body: bytes) -> Callable[[Clinic, pytest.MonkeyPatch], None]:
    def answer(environ: Any, start_response: Any) -> list[bytes]:
        start_response(f"{status} Whatever", [("Content-Type", "text/html")])
        return [body]

    return lambda clinic, patch: clinic.shop.net.apps.update({host(APP): answer})


def _breaks_net(url: str, how: Exception | None = None) -> Callable[[Clinic, pytest.MonkeyPatch], None]:
    return lambda clinic, patch: clinic.shop.net.broken.update({host(url): how or ConnectionError("refused")})


def _portal_row(**columns: Any) -> Callable[[Clinic, pytest.MonkeyPatch], None]:
    def change(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
        with clinic.runtime.db.write() as session:
            for name, value in columns.items():
                setattr(session.scalars(select(Portal)).one(), name, value)

    return change


def _line_row(**columns: Any) -> Callable[[Clinic, pytest.MonkeyPatch], None]:
    def change(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
        with clinic.runtime.db.write() as session:
            for name, value in columns.items():
                setattr(session.scalars(select(Line)).one(), name, value)

    return change


def _no_address(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    clinic.outside = Outside(_raises(OSError("unknown")), clinic.outside.certificate)


def _dns_away(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    away = gaierror(EAI_AGAIN, "Temporary failure in name resolution")
    clinic.outside = Outside(_raises(away), clinic.outside.certificate)


def _private_address(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    clinic.outside = Outside(lambda host, port: ["10.0.0.7", "fe80::1"], clinic.outside.certificate)


def _untrusted(error: Exception) -> Callable[[Clinic, pytest.MonkeyPatch], None]:
    return lambda clinic, patch: setattr(clinic, "outside", Outside(clinic.outside.addresses, _raises(error)))


def _expires_in(days: int) -> Callable[[Clinic, pytest.MonkeyPatch], None]:
    return lambda clinic, patch: setattr(clinic, "expires", clinic.shop.now + timedelta(days=days, hours=1))


def _old_schema(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(schema, "newest", lambda: "9999")


def _no_database(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(schema, "is_current", _raises(OperationalError("SELECT 1", {}, Exception("away"))))


def _free_mb(free: int) -> Callable[[Clinic, pytest.MonkeyPatch], None]:
    return lambda clinic, patch: patch.setattr(disk, "free_bytes", lambda folder: free * 1024 * 1024)


def _redis_away(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(clinic.runtime.redis, "execute_command", _raises(RedisAway()))


def _evicting(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(clinic.runtime.redis, "info", lambda section: {"maxmemory_policy": "allkeys-lru"})


def _no_worker(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    clinic.worker.register_death()


def _waits(seconds: int) -> Callable[[Clinic, pytest.MonkeyPatch], None]:
    def wait(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
        clinic.shop.robots_start(template_robot())
        clinic.shop.bx.deliver_due()
        clinic.shop.now += timedelta(seconds=1)
        clinic.shop.bx.deliver_due()
        clinic.shop.now += timedelta(seconds=seconds)

    return wait


def _scope(*scope: str) -> Callable[[Clinic, pytest.MonkeyPatch], None]:
    return lambda clinic, patch: setattr(clinic.shop.portal.installation, "scope", scope)


def _not_finished(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    clinic.shop.portal.installation.installed = False


def _demoted(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    users = clinic.shop.portal.users
    users[1] = replace(users[1], is_admin=False)


def _robot_deleted(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    del clinic.shop.portal.robots["robot.send_list"]


def _robot_deleted_and_due(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    _robot_deleted(clinic, patch)
    _portal_row(registration_due_at=clinic.shop.now + timedelta(minutes=5))(clinic, patch)


def _events_unbound(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    clinic.shop.portal.events.clear()


def _events_elsewhere(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    for binding in clinic.shop.portal.events:
        binding.handler = "https://old.example/bx24/events"


def _placement_elsewhere(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    left = PlacementBinding(1, "CRM_DEAL_DETAIL_TAB", "https://old.example/tab", "", "", "", {}, {})
    clinic.shop.portal.placements.append(left)


def _wrong_token(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    _portal_row(application_token="another")(clinic, patch)


def _subscription(**fields: str) -> Callable[[Clinic, pytest.MonkeyPatch], None]:
    def change(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
        app, made = clinic.shop.gupshup_app, clinic.shop.gs.accounts.of_id(clinic.shop.gupshup_app["app_id"])
        assert made is not None
        headers, path = {"apikey": app["api_key"]}, f"/wa/app/{app['app_id']}/subscription"
        client = WsgiClient(clinic.shop.gs_app)
        for known in list(made.subscriptions):
            answer = (
                client.put(f"{path}/{known}", data=fields, headers=headers, base_url=GUPSHUP)
                if fields
                else client.delete(f"{path}/{known}", headers=headers, base_url=GUPSHUP)
            )
            assert answer.status_code == 200, answer.json

    return change


def _templates(*statuses: str) -> Callable[[Clinic, pytest.MonkeyPatch], None]:
    def change(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
        app = clinic.shop.gs.accounts.of_id(clinic.shop.gupshup_app["app_id"])
        assert app is not None
        for template in app.templates.values():
            template.raw["status"] = statuses[0]

    return change


def _other_secret(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lines, "webhook_url", lambda runtime, line: f"{APP}/gupshup/nobody")


def _no_drain(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    clinic.runtime.sleep = lambda seconds: None


def _sender_deleted(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    clinic.shop.portal.message_service.senders.clear()


def _sender_deleted_and_due(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    _sender_deleted(clinic, patch)
    _portal_row(registration_due_at=clinic.shop.now + timedelta(hours=1))(clinic, patch)


def _senders_unlisted(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    _portal_faults(errors={"messageservice.sender.list": ["ACCESS_DENIED"]})(clinic, patch)


def _swallowed(clinic: Clinic, patch: pytest.MonkeyPatch) -> None:
    _our_address_says(200, b"")(clinic, patch)


NO_HTTPS = _config(allow_http=True, public_url="http://waba.example")
#: check, code of what must be found, its state, how it is broken; where it is looked for.
BROKEN: list[tuple[str, str, str, Any, str]] = [
    ("address", "missing", "failed", _config(public_url=""), "server"),
    ("address", "no_dot", "failed", _config(public_url="https://waba"), "server"),
    ("address", "no_such_name", "failed", _no_address, "server"),
    ("address", "dns_away", "failed", _dns_away, "server"),
    ("address", "private", "failed", _private_address, "server"),
    ("address", "no_answer", "failed", _breaks_net(APP), "server"),
    ("address", "not_trusted", "failed", _breaks_net(APP, SSLError(SSLCertVerificationError("of our own"))), "server"),
    ("address", "other_site", "failed", _our_address_says(200, b"<h1>It works!</h1>"), "server"),
    ("address", "other_site", "failed", _our_address_says(404, b""), "server"),
    ("certificate", "no_https", "unchecked", NO_HTTPS, "server"),
    ("certificate", "not_trusted", "failed", _untrusted(NotTrusted("self-signed certificate")), "server"),
    ("certificate", "no_address", "unchecked", _untrusted(gaierror(EAI_NONAME, "unknown")), "server"),
    ("certificate", "no_answer", "unchecked", _untrusted(TimeoutError()), "server"),
    ("certificate", "expired", "failed", _expires_in(-1), "server"),
    ("certificate", "expires_soon", "warning", _expires_in(6), "server"),
    ("database", "old", "failed", _old_schema, "server"),
    ("database", "full", "failed", _free_mb(3), "server"),
    ("database", "unreachable", "failed", _no_database, "server"),
    ("redis", "unreachable", "failed", _redis_away, "server"),
    ("redis", "evicts", "warning", _evicting, "server"),
    ("worker", "none", "failed", _no_worker, "server"),
    ("worker", "redis", "unchecked", _redis_away, "server"),
    ("disk", "low", "warning", _free_mb(300), "server"),
    ("disk", "full", "failed", _free_mb(3), "server"),
    ("queues", "slow", "warning", _waits(90), "server"),
    ("queues", "slow", "failed", _waits(900), "server"),
    ("token", "reauth", "failed", _portal_row(status="reauth"), "of_portal"),
    ("token", "inactive", "failed", _portal_row(status="inactive", status_reason="PAYMENT_REQUIRED"), "of_portal"),
    ("token", "no_answer", "failed", _portal_faults(html_502=9), "of_portal"),
    ("token", "no_answer", "failed", _breaks_net(PORTAL), "of_portal"),
    ("token", "refused", "failed", _portal_faults(dismissed=[1]), "of_portal"),
    ("token", "refused", "failed", _portal_faults(deleted=True), "of_portal"),
    ("scopes", "portal", "unchecked", _portal_faults(deleted=True), "of_portal"),
    ("installed", "not_finished", "failed", _not_finished, "of_portal"),
    ("plan", "payment_expired", "failed", _portal_faults(payment_expired=True), "of_portal"),
    ("plan", "no_workflows", "failed", _portal_faults(plan="project"), "of_portal"),
    ("robots", "refused", "failed", _portal_faults(plan="project"), "of_portal"),
    ("administrator", "not_admin", "failed", _demoted, "of_portal"),
    ("scopes", "missing", "failed", _scope("bizproc", "crm", "placement"), "of_portal"),
    ("scopes", "useful", "warning", _scope("bizproc", "crm", "disk", "placement"), "of_portal"),
    ("robots", "refused", "failed", _scope("crm", "disk", "im", "placement"), "of_portal"),
    ("robots", "missing", "failed", _robot_deleted, "of_portal"),
    ("robots", "pending", "warning", _robot_deleted_and_due, "of_portal"),
    ("events", "missing", "failed", _events_unbound, "of_portal"),
    ("events", "elsewhere", "failed", _events_elsewhere, "of_portal"),
    ("placements", "elsewhere", "warning", _placement_elsewhere, "of_portal"),
    ("senders", "no_scope", "unchecked", _scope("bizproc", "crm", "disk", "im", "placement"), "of_portal"),
    ("senders", "missing", "warning", _sender_deleted, "of_portal"),
    ("senders", "pending", "warning", _sender_deleted_and_due, "of_portal"),
    ("senders", "refused", "warning", _senders_unlisted, "of_portal"),
    ("portal_clock", "skewed", "warning", _portal_faults(clock_ahead_s=45), "of_portal"),
    ("portal_clock", "skewed", "failed", _portal_faults(clock_ahead_s=-3600), "of_portal"),
    (
        "portal_clock",
        "no_date",
        "unchecked",
        lambda clinic, patch: patch.setattr(portal, "_ahead_s", lambda *_: None),
        "of_portal",
    ),
    ("echo", "lost", "failed", _portal_faults(undelivered=True), "echo"),
    ("echo", "lost", "failed", _wrong_token, "echo"),
    ("echo", "lost", "failed", _not_finished, "echo"),
    ("echo", "not_sent", "failed", _portal_faults(deleted=True), "echo"),
    ("line", "stopped", "failed", lambda c, p: _line_row(stopped_at=c.shop.now, stop_code="1003")(c, p), "of_line"),
    ("line", "paused", "warning", lambda c, p: _line_row(paused_at=c.shop.now)(c, p), "of_line"),
    ("key", "key_refused", "failed", _gupshup_faults(key_revoked=True), "of_line"),
    ("key", "name_unknown", "failed", _line_row(app_name="Acmeshop"), "of_line"),
    ("key", "down", "unchecked", _breaks_net(GUPSHUP), "of_line"),
    ("number", "other_number", "failed", _line_row(phone="79009998877"), "of_line"),
    ("number", "key", "unchecked", _gupshup_faults(key_revoked=True), "of_line"),
    ("webhook", "not_set", "failed", _subscription(), "of_line"),
    ("webhook", "inactive", "failed", _subscription(active="false"), "of_line"),
    ("webhook", "modes", "failed", _subscription(modes="MESSAGE"), "of_line"),
    ("webhook", "unreachable", "failed", _breaks_net(APP), "of_line"),
    ("webhook", "paste", "failed", _line_row(app_id=""), "of_line"),
    ("templates", "none_approved", "failed", _templates("REJECTED"), "of_line"),
    ("templates", "no_app_id", "unchecked", _line_row(app_id=""), "of_line"),
    ("templates", "app_unknown", "failed", _line_row(app_id="0" * 36), "of_line"),
    ("balance", "empty", "failed", lambda c, p: _line_row(stopped_at=c.shop.now, stop_code="1003")(c, p), "of_line"),
    ("balance", "untold", "unchecked", lambda clinic, patch: None, "of_line"),
    ("round_trip", "no_answer", "failed", _breaks_net(APP), "of_line"),
    ("round_trip", "refused", "failed", _our_address_says(403, b"robots?"), "of_line"),
    ("round_trip", "refused", "failed", _other_secret, "of_line"),
    ("round_trip", "not_empty", "failed", _our_address_says(200, b"<p>ok</p>"), "of_line"),
    ("round_trip", "not_stored", "failed", _swallowed, "of_line"),
    ("round_trip", "not_applied", "failed", _no_drain, "of_line"),
    ("gupshup_clock", "skewed", "warning", _gupshup_faults(clock_ahead_s=-100), "of_line"),
    ("gupshup_clock", "no_date", "unchecked", _breaks_net(GUPSHUP), "of_line"),
]


@ONE_DATABASE
@pytest.mark.parametrize("where", ["server", "of_portal", "echo", "of_line"])
def test_what_is_broken_is_found(clinic: Clinic, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    for name, code, state, break_it, place in BROKEN:
        if place != where:
            continue
        with monkeypatch.context() as patch:
            break_it(clinic, patch)
            found = {finding.name: finding for finding in getattr(clinic, where)()}
        assert (found[name].code, str(found[name].state)) == (code, state), (name, found[name])
        said = texts.words(found[name])
        assert "" not in (said.seen.en, said.seen.ru)
        assert (said.todo.en != "") == (said.todo.ru != "")
        assert said.todo.en or state == "unchecked", "what is wrong can be repaired"
        assert "{" not in str(said)
        clinic.heal()


def test_every_check_and_code_has_words_in_both_languages() -> None:
    for place, (seen, todo) in texts.WORDS.items():
        assert "" not in (seen.en, seen.ru), place
        assert bool(todo.en) == bool(todo.ru), place
        assert place[0] in texts.TITLES or not place[0], place
    unmet = {place for place in texts.WORDS if place[0] and place[1]} - {(b[0], b[1]) for b in BROKEN}
    assert unmet <= {
        *(("trial", code) for code in ("not_asked", "not_started", "not_called", "not_seen", "ended_failed")),
        *(("trial", code) for code in ("not_worked", "not_answered")),
        ("echo", "not_asked"),
        ("webhook", "silent"),
    }, "each failure that the doctor names can be played"


@ONE_DATABASE
def test_the_doctors_own_webhook_does_not_count_as_heard(clinic: Clinic) -> None:
    _line_row(app_id="")(clinic, pytest.MonkeyPatch())
    for _ in range(2):
        found = {finding.name: finding for finding in clinic.of_line()}
        assert (found["round_trip"].state, found["webhook"].code) == (State.OK, "paste")
        clinic.shop.now += timedelta(seconds=20)


@ONE_DATABASE
def test_only_a_queue_of_ours_counts_as_a_worker(clinic: Clinic) -> None:
    clinic.worker.register_death()
    stranger = make_worker(clinic.runtime.redis)
    stranger.queues = [Queue("other", connection=clinic.runtime.redis)]
    stranger.register_birth()
    assert QUEUE not in stranger.queue_names()
    assert next(one for one in clinic.server() if one.name == "worker").code == "none"
    stranger.register_death()
