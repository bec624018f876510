"""A client that a generator makes from our document sends a template and reads its status."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from openapi_python_client import Config, generate
from openapi_python_client.config import ConfigFile, MetaType

from tests.api.caller import TEMPLATE, Program
from tests.flows.scenes import ONE_DATABASE
from tests.support.world import World

pytestmark = ONE_DATABASE


@pytest.fixture
def client(shop: World, tmp_path: Path) -> Iterator[ModuleType]:
    """The package that the generator writes."""
    document = tmp_path / "openapi.json"
    document.write_text(shop.app.get("/api/v1/openapi.json").text, encoding="utf-8")
    settings = ConfigFile(package_name_override="made_client", post_hooks=[])
    made = tmp_path / "made"
    config = Config.from_sources(settings, MetaType.NONE, document, "utf-8", overwrite=True, output_path=made)
    problems = generate(config=config)
    assert [problem for problem in problems if problem.level.value == "ERROR"] == []
    assert not list(problems), [problem.detail for problem in problems]
    made.rename(tmp_path / "made_client")
    sys.path.insert(0, str(tmp_path))
    yield importlib.import_module("made_client")
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "made_client"]:
        del sys.modules[name]


def test_it_sends_a_template_and_reads_its_status(shop: World, client: ModuleType) -> None:
    program = Program(shop)
    models = importlib.import_module("made_client.models")
    send = importlib.import_module("made_client.api.messages.send_message")
    read = importlib.import_module("made_client.api.messages.read_message")
    transport = httpx.WSGITransport(app=shop.flask)
    calling = client.AuthenticatedClient(
        "https://waba.example", token=program.made.token, httpx_args={"transport": transport}
    )
    body = models.NewTemplateMessage.from_dict(json.loads(json.dumps(TEMPLATE)))
    sent = send.sync(client=calling, body=body, idempotency_key="order-512")
    assert sent.status == "queued"
    shop.advance_clock(5)
    found = read.sync(sent.id, client=calling)
    assert (found.status, found.origin, found.phone) == ("delivered", "api", "79161234567")
    assert found.delivered_at is not None
