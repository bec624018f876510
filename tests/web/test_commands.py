"""The command line for operators (contract, section 2)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.fernet import Fernet
from flask.cli import cli
from sqlalchemy import text

from messaging.store.crypto import Cipher
from messaging.store.database import Database, open_engine
from messaging.store.models import Base, Line, Message, Run
from tests.flows.scenes import OLGA, ONE_DATABASE, PHONES, ending, open_windows, set_portal_faults, template_robot
from tests.support.world import APP, KEY, World

UNKNOWN = "0" * 32


def _run(world: World, *args: str) -> Result:
    return world.flask.test_cli_runner().invoke(args=list(args))


def _json(world: World, *args: str) -> Any:
    result = _run(world, *args)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def _add(world: World, *more: str, member_id: str = "") -> Result:
    portal = member_id or world.portal.member_id
    return _run(world, "lines", "add", "--portal", portal, "--api-key", "the-key", "--app-name", "newshop", *more)


@ONE_DATABASE
def test_portals_and_lines_are_listed_for_people_and_for_programs(shop: World) -> None:
    (portal,) = _json(shop, "portals", "--json")
    assert portal["member_id"] == shop.portal.member_id
    assert (portal["status"], portal["lines"], portal["robots"]) == ("active", 1, "registered")
    assert shop.portal.member_id in _run(shop, "portals").output
    (line,) = _json(shop, "lines", "list", "--json")
    assert (line["id"], line["phone"], line["app_name"], line["default"]) == (1, "79001112233", "acmeshop", "yes")
    assert line["webhook_url"].startswith(f"{APP}/gupshup/")
    assert _json(shop, "lines", "list", "--json", "--portal", UNKNOWN) == []
    assert _run(shop, "lines", "list", "--portal", UNKNOWN).output.strip() == "(none)"


def test_a_line_is_added_without_asking_anybody_and_shown_as_one_object(shop: World) -> None:
    before = len(shop.net.seen)
    added = _add(shop, "--phone", "+7 (900) 555-66-77", "--app-id", "11111111-1111-4111-8111-111111111111")
    assert added.exit_code == 0
    shown = json.loads(added.stdout)
    assert set(shown) == {"id", "phone", "app_name", "webhook_url"}
    assert (shown["phone"], shown["app_name"]) == ("79005556677", "newshop")
    assert len(shop.net.seen) == before
    assert shop.app.post(shown["webhook_url"].removeprefix(APP), data=b"{}").status_code == 200
    again = json.loads(_add(shop, "--phone", "79005556688").stdout)
    assert (again["id"], again["webhook_url"]) == (shown["id"], shown["webhook_url"]), "the same app: its new number"
    assert "the-key" not in _run(shop, "lines", "list").output


@ONE_DATABASE
def test_a_key_is_read_from_standard_input_for_the_command_line_is_seen_by_others(shop: World) -> None:
    options = ("--portal", shop.portal.member_id, "--app-name", "newshop", "--phone", "79005556677")
    runner = shop.flask.test_cli_runner()
    added = runner.invoke(args=["lines", "add", *options, "--api-key", "-"], input="the-key\n")
    assert added.exit_code == 0, added.output
    assert shop.stored_rows(Line)[-1].api_key == "the-key"
    assert "the-key" not in added.output


@pytest.mark.parametrize("command", ["portals", "--help"])
def test_wrong_settings_are_listed_and_nothing_else(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKER_THREADS", "many")
    monkeypatch.setenv("BIND", "8000")
    done = CliRunner().invoke(cli, ["--app", str(Path(__file__).parents[2] / "app.py"), command])
    assert done.exit_code == 1
    head, *problems = done.stderr.splitlines()
    assert "settings" in head
    assert [line.split(":")[0].strip() for line in problems] == ["WORKER_THREADS", "BIND"]
    assert done.stdout == ""


def test_what_cannot_be_done_is_said_in_a_sentence(shop: World) -> None:
    results = [
        _add(shop, "--phone", "79005556677", member_id=UNKNOWN),
        _add(shop, "--phone", "phone"),
        _add(shop, "--phone", "79005556677", "--name", "n" * 300),
        _add(shop, "--phone", "79005556677", "--api-key", " "),
        _run(shop, "lines", "remove", "99"),
        _run(shop, "lines", "default", "99"),
        _run(shop, "lines", "set", "99", "--pace", "5"),
        _run(shop, "lines", "set", "1", "--pace", "0"),
        _run(shop, "lines", "check", "99"),
        _run(shop, "robots", "sync", "--portal", UNKNOWN),
        _run(shop, "messages", "show", "nothing"),
        _run(shop, "messages", "show", "²"),
        _run(shop, "messages", "show", "9" * 40),
    ]
    for number, result in enumerate(results):
        assert result.exit_code in (1, 2), (number, result.output)
        assert result.exception is None or isinstance(result.exception, SystemExit), (number, result.exception)
        assert "Error" in result.output
        assert "Traceback" not in result.output
        assert "the-key" not in result.output


@ONE_DATABASE
def test_lines_are_set_made_default_checked_and_removed(shop: World) -> None:
    assert _run(shop, "lines", "check", "1").exit_code == 0
    _add(shop, "--phone", "79005556677", "--app-id", shop.gupshup_app["app_id"])
    refused = _run(shop, "lines", "check", "2")
    assert refused.exit_code == 1
    assert "the-key" not in refused.output
    assert _run(shop, "lines", "default", "2").exit_code == 0
    assert _run(shop, "lines", "set", "2", "--pace", "80").exit_code == 0
    listed = {line["id"]: line for line in _json(shop, "lines", "list", "--json")}
    assert [listed[1]["default"], listed[2]["default"], listed[2]["pace"]] == ["", "yes", 80.0]
    removed = _run(shop, "lines", "remove", "2")
    assert removed.exit_code == 0
    assert "0 waiting runs" in removed.output
    listed = {line["id"]: line for line in _json(shop, "lines", "list", "--json")}
    assert (listed[2]["status"], listed[1]["default"]) == ("removed", "yes")
    assert _run(shop, "lines", "default", "2").exit_code == 1
    assert _run(shop, "lines", "check", "2").exit_code == 1


@ONE_DATABASE
def test_robots_are_registered_on_demand_and_a_refusal_is_an_exit_code(shop: World) -> None:
    codes = set(shop.portal.robots)
    shop.portal.robots.clear()
    report = _json(shop, "robots", "sync", "--portal", shop.portal.member_id)
    assert set(report["added"]) >= codes
    assert set(shop.portal.robots) == codes
    set_portal_faults(shop, html_502=50)
    failed = _run(shop, "robots", "sync", "--portal", shop.portal.member_id)
    assert failed.exit_code == 1
    assert "502" in failed.output


def test_a_messages_whole_story_is_told_by_either_id(shop: World) -> None:
    open_windows(shop)
    flow = shop.robots_start(template_robot(until="replied"))
    shop.advance_clock(2)
    shop.client_replies(OLGA, "Секретный ответ")
    shop.advance_clock(1)
    assert ending(flow) == ("replied", "")
    message = shop.stored_rows(Message)[0]
    by_theirs, by_ours = (_json(shop, "messages", "show", name, "--json") for name in (message.gupshup_id, "1"))
    assert by_theirs == by_ours
    assert by_ours["message_id"] == shop.sent[0].id
    assert (by_ours["status"], by_ours["until"], by_ours["outcome"]) == ("delivered", "replied", "replied")
    order = ["called_at", "planned_at", "claimed_at", "accepted_at", "ended_at", "answered_at"]
    moments = [by_ours[name] for name in order]
    assert moments == sorted(moments)
    assert all(moments)
    assert by_ours["read_at"] == ""
    shown = _run(shop, "messages", "show", "1").output
    assert shop.sent[0].id in shown
    assert "Секретный ответ" not in shown


def test_keys_are_rotated_and_the_old_one_may_go(shop: World, tables_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_windows(shop)
    shop.robots_start(template_robot(until="replied"))
    shop.advance_clock(2)
    shop.client_replies(PHONES[0], "Стоп")
    shop.advance_clock(1)
    new = Fernet.generate_key().decode()
    runtime = shop.runtime
    runtime.cipher = Cipher((new, KEY))
    monkeypatch.setattr(runtime.db.engine.dialect, "waba24_cipher", runtime.cipher)
    rotated = _run(shop, "keys", "rotate")
    assert rotated.exit_code == 0
    assert int(rotated.output.split()[0]) > 10
    assert _run(shop, "keys", "rotate").output == rotated.output, "safe to repeat"
    alone = Database(open_engine(tables_url, Cipher((new,))))
    with alone.read() as session:
        for mapper in Base.registry.mappers:
            for row in session.query(mapper.class_):
                assert row is not None, "reading a row opens all its sealed columns"
    alone.close()
    shop.client_replies(OLGA, "Всё ещё работает")
    shop.advance_clock(1)
    assert shop.stored_rows(Run)[0].outcome == "replied", "the index of phones survived"


def test_the_database_is_upgraded_by_a_command(world: World) -> None:
    upgraded = _run(world, "db", "upgrade")
    assert upgraded.exit_code == 0
    assert "->" in upgraded.output
    with world.runtime.db.read() as session:
        assert session.execute(text("SELECT count(*) FROM lease")).scalar() == 64


@ONE_DATABASE
def test_a_token_is_made_listed_and_revoked(shop: World) -> None:
    portal = ("--portal", shop.portal.member_id)
    made = _json(
        shop, "tokens", "add", *portal, "--name", "shop", "--scope", "messages:write", "--scope", "messages:read"
    )
    assert set(made) == {"id", "token", "scopes"}
    assert made["scopes"] == ["messages:write"]
    everything = _json(shop, "tokens", "add", *portal, "--name", "all")["scopes"]
    assert {scope.partition(":")[2] for scope in everything} == {"write"}
    (first, second) = _json(shop, "tokens", "list", *portal, "--json")
    assert (first["name"], first["scopes"], first["revoked_at"]) == ("shop", ["messages:write"], None)
    assert made["token"] not in json.dumps([first, second])
    assert _run(shop, "tokens", "revoke", str(made["id"])).stdout == "revoked\n"
    assert _json(shop, "tokens", "list", "--json")[0]["revoked_at"] is not None
    for wrong, words in (
        (("add", "--portal", UNKNOWN, "--name", "x"), "no portal"),
        (("add", *portal, "--name", "x", "--scope", "all"), "no scope all"),
        (("add", *portal, "--name", " "), "name"),
        (("revoke", "999"), "no token 999"),
    ):
        refused = _run(shop, "tokens", *wrong)
        assert (refused.exit_code, words in refused.output) == (1, True), refused.output
