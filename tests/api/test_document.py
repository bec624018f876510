"""The document of the API is true: every answer is one it names, and what it forbids is refused."""

import json
import os
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from messaging.limits.token_rate import Allowance
from messaging.store.models import Run
from tests.api.caller import TEMPLATE, Program
from tests.flows.scenes import ONE_DATABASE
from tests.support.world import World
from web.api import examples

#: Cases of each operation and mode. `CASES=10000` plays as many.
CASES = int(os.environ.get("CASES", "25"))
SEED = int(os.environ.get("SEED", "24"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: A body that is wrong may be too large as well.
SETTINGS = {"checks": {"negative_data_rejection": {"expected-statuses": ["401", "404", "413", "415", "422"]}}}
pytestmark = ONE_DATABASE


@pytest.fixture
def document(shop: World) -> dict[str, Any]:
    made: dict[str, Any] = shop.app.get("/api/v1/openapi.json").json
    return made


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    ]


#: What these do is said by their address alone.
WITHOUT_BODY = ("/preview", "/start", "/pause", "/resume", "/cancel", "/test")


def test_the_document_is_public_and_whole(shop: World, document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    routes = {rule.rule for rule in shop.flask.url_map.iter_rules() if rule.rule.startswith("/api/v1/")}
    documented = {path.replace("{", "<").replace("}", ">") for path in document["paths"]}
    assert documented == routes - {"/api/v1/openapi.json", "/api/v1/docs"}
    for path, method, operation in operations(document):
        assert operation["summary"], path
        assert operation["security"], path
        names = [parameter.get("name") for parameter in operation.get("parameters", [])]
        assert ("Idempotency-Key" in names) == (method == "post"), path
        if method == "post" and not path.endswith(WITHOUT_BODY):
            content = operation["requestBody"]["content"]
            body = content.get("application/json", {})
            assert "example" in body or "examples" in body or list(content) == ["application/octet-stream"], path
        answer = next(found for status, found in operation["responses"].items() if status < "300")
        for content in answer.get("content", {}).values():
            assert "example" in content or "examples" in content, path


def test_every_reference_leads_somewhere_and_nothing_stands_alone(document: dict[str, Any]) -> None:
    written = json.dumps(document)
    referred = set(re.findall(r'"#/components/([^"]+)"', written))
    defined = {
        f"{kind}/{name}"
        for kind, found in document["components"].items()
        if kind != "securitySchemes"
        for name in found
    }
    assert referred == defined


def test_the_viewer_is_shown_without_a_token(shop: World) -> None:
    page = shop.app.get("/api/v1/docs")
    assert page.status_code == 200
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]
    assert "/api/v1/openapi.json" in page.text


def test_the_examples_of_bodies_are_accepted(shop: World) -> None:
    program = Program(shop)
    shop.client_replies("79161234567", "Здравствуйте")
    program.post("/messages", TEMPLATE)
    shop.advance_clock(2)
    for kind, body in examples.NEW_MESSAGES.items():
        assert program.post("/messages", body).status_code == 202, kind


def is_good_after_all(document: dict[str, Any], case: Any, answer: Any) -> bool:
    """Whether a GET that was to be wrong is right as it was sent: a value that is an empty list or object leaves no trace in
    a query, and the header that was left out is the token, which the test adds."""
    if case.method != "GET":
        return False
    known = {one["name"]: one["schema"] for one in document["paths"][case.path]["get"].get("parameters", [])}
    sent = parse_qsl(urlsplit(answer.request.url).query, keep_blank_values=True)
    return all(name in known and fits(known[name], value) for name, value in sent)


def fits(schema: dict[str, Any], value: str) -> bool:
    """Whether a value of a query is what its schema asks for."""
    is_number = schema.get("type") == "integer" and re.fullmatch("-?[0-9]+", value, re.ASCII)
    return jsonschema_rs.is_valid(schema, int(value) if is_number else value, validate_formats=True)


@pytest.fixture
def schema(shop: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The document as schemathesis reads it; no limit of calls stands in the way."""
    monkeypatch.setattr(shop.runtime.token_rate, "take", lambda *_: Allowance(60, 0.0))
    monkeypatch.setattr(shop.runtime.call_quota, "allows", lambda _: True)
    config = SchemathesisConfig.from_dict(SETTINGS)
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", shop.flask, config=config)


def played(schema: Any, mode: GenerationMode, play: Callable[[Any], None]) -> int:
    """Play the cases of all operations; how many there were."""
    count = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @seeded(SEED)
        @settings(max_examples=CASES, database=None, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def one(case: Any) -> None:
            nonlocal count
            count += 1
            play(case)

        one()
    return count


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: str(mode.value))
def test_thousands_of_requests_made_from_the_document_get_what_it_says(
    shop: World, document: dict[str, Any], schema: Any, mode: GenerationMode
) -> None:
    program = Program(shop)
    made = program.post("/messages", TEMPLATE).json["id"]

    def play(case: Any) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {program.made.token}"})
        # A body may fit its schema and not the world: an unknown line, a closed window. So 422 is right for it.
        is_negative = mode is GenerationMode.NEGATIVE and not is_good_after_all(document, case, answer)
        more = [negative_data_rejection] if is_negative else []
        case.validate_response(answer, checks=[*CHECKS, *more])

    assert played(schema, mode, play) >= CASES
    assert program.get(f"/messages/{made}").status_code == 200


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer waba24_nothing"}], ids=["none", "wrong"])
def test_without_a_good_token_every_request_is_refused_as_the_document_says(
    shop: World, schema: Any, header: dict[str, str]
) -> None:
    def play(case: Any) -> None:
        case.headers.pop("Authorization", None)
        answer = case.call(headers=header)
        assert answer.status_code == 401
        case.validate_response(answer, checks=CHECKS)

    assert played(schema, GenerationMode.POSITIVE, play) >= CASES
    assert not shop.stored_rows(Run)
