"""`batch`: references, errors per command, limits, PHP's empty maps."""

from __future__ import annotations

from tests.bx24_emulator.conftest import PortalDriver


def test_later_commands_read_earlier_results(driver: PortalDriver) -> None:
    result = driver.result(
        "batch",
        {
            "cmd": {
                "deal": "crm.deal.get?id=1",
                "contact": "crm.contact.get?id=$result[deal][CONTACT_ID]",
                "links": "crm.deal.contact.items.get?id=2",
                "second": "crm.contact.get?id=$result[links][1][CONTACT_ID]",
            }
        },
    )
    assert result["result"]["contact"]["LAST_NAME"] == "Никитина"
    assert result["result"]["second"]["NAME"] == "John"
    assert result["result_error"] == []
    assert result["result_total"] == []
    assert set(result["result_time"]) == {"deal", "contact", "links", "second"}


def test_lists_put_total_beside_the_result(driver: PortalDriver) -> None:
    result = driver.result("batch", {"cmd": {"u": "user.get"}})
    assert result["result_total"] == {"u": 3}


def test_a_failed_command_does_not_stop_the_others(driver: PortalDriver) -> None:
    commands = {"a": "crm.deal.get?id=999", "b": "profile", "c": "nothing.here", "d": "batch?cmd[x]=profile"}
    answer = driver.rest("batch", {"cmd": commands})
    assert answer.status_code == 200
    result = answer.json["result"]
    assert list(result["result"]) == ["b"]
    assert result["result_error"] == {
        "a": {"error": "", "error_description": "Not found"},
        "c": {"error": "ERROR_METHOD_NOT_FOUND", "error_description": "Method not found!"},
        "d": {
            "error": "ERROR_BATCH_METHOD_NOT_ALLOWED",
            "error_description": "Method is not allowed for batch usage",
        },
    }


def test_halt_stops_at_the_first_error(driver: PortalDriver) -> None:
    result = driver.result("batch", {"halt": 1, "cmd": {"a": "profile", "b": "crm.deal.get?id=999", "c": "profile"}})
    assert list(result["result"]) == ["a"]
    assert list(result["result_error"]) == ["b"]


def test_the_51st_command_is_refused(driver: PortalDriver) -> None:
    result = driver.result("batch", {"cmd": {f"c{number}": "user.admin" for number in range(51)}})
    assert len(result["result"]) == 50
    assert result["result_error"]["c50"]["error"] == "ERROR_BATCH_LENGTH_EXCEEDED"


def test_numbered_commands_come_back_as_a_list(driver: PortalDriver) -> None:
    assert driver.result("batch", {"cmd": ["user.admin", "user.admin"]})["result"] == [True, True]
    assert driver.result("batch", {})["result"] == []


def test_everything_after_a_bare_hash_is_lost(driver: PortalDriver) -> None:
    driver.result("batch", {"cmd": {"a": "app.option.set?OPTIONS[a]=x#y", "b": "app.option.set?OPTIONS[b]=x%23y"}})
    assert driver.result("app.option.get") == {"a": "x", "b": "x#y"}


def test_a_reference_inside_text_and_one_that_leads_nowhere(driver: PortalDriver) -> None:
    driver.result(
        "batch",
        {
            "cmd": {
                "p": "profile",
                "s": "app.option.set?OPTIONS[a]=user%20$result[p][ID]!&OPTIONS[b]=$result[nobody][ID]",
            }
        },
    )
    assert driver.result("app.option.get") == {"a": "user 1!", "b": None}


def test_a_batch_costs_one_request(driver: PortalDriver) -> None:
    token = driver.access_token()
    answers = [driver.rest("batch", {"cmd": {"a": "profile", "b": "profile"}}, token=token) for _ in range(50)]
    assert {answer.status_code for answer in answers} == {200}


def test_form_encoded_batches_work_like_json(driver: PortalDriver) -> None:
    body = {"auth": driver.access_token(), "cmd[a]": "user.admin", "halt": "0"}
    assert driver.http("POST", "/rest/batch", data=body).json["result"]["result"] == {"a": True}
