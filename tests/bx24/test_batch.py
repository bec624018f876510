from datetime import UTC, datetime
from typing import Any

import pytest

from bx24 import batch
from bx24.batch import Operating, Ref
from bx24.errors import Postponed, Rejected, Unauthorized
from bx24.forms import parse_form


def line(params: dict[str, Any]) -> str:
    written: str = batch.params({"a": ("crm.item.get", params)}, False)["cmd"]["a"]
    return written


def test_commands_are_written_as_php_reads_them() -> None:
    commands: dict[str, batch.Command] = {
        "deal": ("crm.deal.get", {"id": 5}),
        "send": ("bizproc.event.send", {"EVENT_TOKEN": "a|b.c", "RETURN_VALUES": {"status": "read", "n": "1 & 2"}}),
        "who": ("profile", {}),
    }
    assert batch.params(commands, True) == {
        "halt": 1,
        "cmd": {
            "deal": "crm.deal.get?id=5",
            "send": "bizproc.event.send?EVENT_TOKEN=a%7Cb.c&RETURN_VALUES[status]=read&RETURN_VALUES[n]=1%20%26%202",
            "who": "profile?",
        },
    }


def test_a_reference_goes_through() -> None:
    assert parse_form(line({"id": Ref("$result[deal][CONTACT_ID]")}).partition("?")[2].encode()) == {
        "id": "$result[deal][CONTACT_ID]"
    }


@pytest.mark.parametrize("text", ["$result[deal][TITLE]", "see $RESULT[x]", "$result_error[a]"])
def test_a_text_that_looks_like_a_reference_stays_a_text(text: str) -> None:
    sent = parse_form(line({"v": {"reply": [text]}}).partition("?")[2].encode())["v"]["reply"]["0"]
    assert "$result" not in sent.lower()
    assert sent.replace("\u2060", "") == text


def test_money_is_not_touched() -> None:
    assert "%245" in line({"v": "$5"})


@pytest.mark.parametrize("method", ["batch", "Batch", "download", "upload", "crm deal", "a?b=c", "../x", ""])
def test_what_a_batch_may_not_hold_is_our_mistake(method: str) -> None:
    with pytest.raises(ValueError, match="not allowed"):
        batch.params({"a": (method, {})}, False)


def test_fifty_are_enough() -> None:
    fifty: dict[str, batch.Command] = {str(i): ("profile", {}) for i in range(50)}
    assert len(batch.params(fifty, False)["cmd"]) == 50
    with pytest.raises(ValueError, match="51 commands"):
        batch.params(fifty | {"50": ("profile", {})}, False)


def test_answers_by_key() -> None:
    commands: dict[str, batch.Command] = {
        "ok": ("profile", {}),
        "denied": ("bizproc.robot.add", {}),
        "late": ("crm.item.list", {}),
        "odd": ("x", {}),
    }
    reply = batch.reply(
        {
            "result": {"ok": {"ID": "1"}},
            "result_error": {
                "denied": {"error": "ACCESS_DENIED", "error_description": "Access denied!"},
                "late": {"error": "OPERATION_TIME_LIMIT", "error_description": "Method is blocked"},
                "odd": "no words",
            },
            "result_time": {"ok": {"operating": 0.5}, "late": {"operating_reset_at": 1790000000}},
        },
        commands,
    )
    assert reply.results == {"ok": {"ID": "1"}}
    assert [type(error) for error in reply.errors.values()] == [Unauthorized, Postponed, Rejected]
    late = reply.errors["late"]
    assert isinstance(late, Postponed)
    assert late.operating_reset_at == datetime.fromtimestamp(1790000000, UTC)
    assert reply.errors["odd"].description == "no words"
    assert reply.times["ok"] == Operating(0.5, None)


def test_php_empties_and_lists_are_maps() -> None:
    commands: dict[str, batch.Command] = {"0": ("profile", {}), "1": ("profile", {})}
    reply = batch.reply({"result": [True, False], "result_error": [], "result_time": []}, commands)
    assert reply.results == {"0": True, "1": False}
    assert reply.errors == {}
    assert batch.reply({"result": None}, commands).results == {}


@pytest.mark.parametrize("time", [None, [], "x", {"operating": True, "operating_reset_at": "soon"}])
def test_a_portal_without_a_time_budget(time: Any) -> None:
    assert Operating.parse(time) == Operating(None, None)


def test_an_answer_to_no_command_is_left_out() -> None:
    said = {"result": {"who": {"ID": 1}, "0": 7}, "result_error": {"1": {"error": "X"}}, "result_time": {"2": {}}}
    given = batch.reply(said, {"who": ("profile", {})})
    assert (given.results, given.errors, given.times) == ({"who": {"ID": 1}}, {}, {})
