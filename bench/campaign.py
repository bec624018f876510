"""(f) A campaign: recipients per second from the uploaded file to being judged, and from there to Gupshup."""

from __future__ import annotations

import io
import time
from typing import Any

from bench.figures import number
from bench.ground import Ground, wait
from gupshup.tiers import UNLIMITED
from messaging.campaigns import changes, uploads
from messaging.campaigns.counts import counts
from messaging.policy import tier
from messaging.store.campaigns import CampaignState
from messaging.store.models import Line

RECIPIENTS, LEAST = 20_000, 500
#: Far above what is sent here, so that the feeder is measured and no line's pace.
PACE, BURST = 100_000.0, 100_000
SENT, LIMIT_S = 3_000, 300.0


def run(ground: Ground) -> None:
    """One campaign with a file, on each database."""
    ground.each_database("campaign", lambda database: _database(ground, database))
    ground.check_duplicates("campaign")


def _database(ground: Ground, database: str) -> dict[str, Any]:
    with ground.town(database) as town:
        town.web()
        pool = ground.workers(town, 1)
        try:
            figures = _measure(ground, town, ground.scaled(RECIPIENTS, LEAST))
        finally:
            ground.stop(town, pool)
        told = f"{number(figures['judged_per_s'])} recipients/s stored and judged, {figures['count']:,} of them"
        ground.row("campaign", "from the file to the queue", database, told)
        ground.row("campaign", "one line, without a pace", database, f"{number(figures['sent_per_s'])} msg/s")
        return figures


def _measure(ground: Ground, town: Any, count: int) -> dict[str, Any]:
    shop = ground.shops(town, 1, PACE, BURST)[0]
    runtime = town.runtime
    with runtime.db.read() as session:
        portal_id = session.get_one(Line, shop.line_id).portal_id
    tier.set_by_admin(runtime, shop.line_id, UNLIMITED)
    rows = "".join(f"+{phone};Клиент {place}\n" for place, phone in enumerate(ground.phones(count)))
    file = uploads.save(runtime, portal_id, io.BytesIO(f"Телефон;Имя\n{rows}".encode()), "clients.csv")
    key = changes.create(runtime, portal_id, 1, "Bench")
    audience = {"kind": "file", "file": file, "name": "clients.csv", "phone": "Телефон"}
    mapping = {"params": [{"value": "Имя"}, "A-17"]}
    settings = {"line_ids": [shop.line_id], "template": "order_ready", "language": "ru", "mapping": mapping}
    changes.edit(runtime, portal_id, key, audience=audience, **settings)

    def found() -> Any:
        with runtime.db.read() as session:
            campaign = changes.find(session, portal_id, key)
            return campaign.state, counts(session, campaign.id)

    begun = time.monotonic()
    changes.start(runtime, portal_id, key)
    wait("recipients judged", lambda: int(found()[0] == CampaignState.RUNNING), 1, LIMIT_S)
    judged = time.monotonic()
    wanted = min(count, ground.scaled(SENT, LEAST))
    wait("messages of the campaign", lambda: min(wanted, found()[1].sent), wanted, LIMIT_S)
    sent = time.monotonic()
    changes.cancel(runtime, portal_id, key)
    return {
        "count": count,
        "judged_per_s": round(count / (judged - begun), 1),
        "sent_per_s": round(wanted / (sent - judged), 1),
    }
