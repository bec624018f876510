"""A program that uses the API of the shop's portal."""

import json
from typing import Any

from sqlalchemy import select

from messaging.api import tokens
from messaging.store.models import Portal
from tests.support.world import World


class Program:
    """Calls the API with a token of its own."""

    def __init__(self, world: World, *scopes: str, member_id: str = "") -> None:
        self.world = world
        with world.runtime.db.read() as session:
            mine = Portal.member_id == (member_id or world.portal.member_id)
            self.portal_id = session.scalars(select(Portal.id).where(mine)).one()
        self.made = tokens.add(world.runtime, self.portal_id, "test", scopes)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer, with `.json`. body: sent as JSON, bytes as they are."""
        given = {"Authorization": f"Bearer {self.made.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        if body is not None:
            given.setdefault("Content-Type", "application/json")
        data = body if isinstance(body, bytes) or body is None else json.dumps(body)
        return self.world.flask.test_client().open(f"/api/v1{path}", method=method, data=data, headers=given)

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.call("POST", path, body, **headers)

    def codes(self, path: str, body: Any) -> dict[str, list[str]]:
        """Field → codes of the errors with which this POST is refused."""
        answer = self.post(path, body)
        assert answer.status_code == 422, answer.text
        return {field: [one["code"] for one in found] for field, found in answer.json["errors"].items()}


TEMPLATE = {"phone": "+7 916 123-45-67", "type": "template", "template": "order_ready", "params": ["Ольга", "512"]}
