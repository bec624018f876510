"""When it is night where the client is."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from messaging.policy import quiet_hours, zones
from messaging.policy.quiet_hours import Hours
from messaging.policy.settings import Policy

MOSCOW, BERLIN, NEW_YORK = ZoneInfo("Europe/Moscow"), ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
NIGHT, NOON = Hours.read("21:00", "09:00"), Hours.read("12:00", "14:00")


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.mark.parametrize(
    ("now", "zone", "hours", "ends", "begins"),
    [
        pytest.param("2026-11-23 17:59", MOSCOW, NIGHT, None, "2026-11-23 18:00", id="a minute before"),
        pytest.param("2026-11-23 18:00", MOSCOW, NIGHT, "2026-11-24 06:00", "2026-11-24 18:00", id="the first minute"),
        pytest.param("2026-11-23 22:00", MOSCOW, NIGHT, "2026-11-24 06:00", "2026-11-24 18:00", id="after midnight"),
        pytest.param("2026-11-24 05:59", MOSCOW, NIGHT, "2026-11-24 06:00", "2026-11-24 18:00", id="the last minute"),
        pytest.param("2026-11-24 06:00", MOSCOW, NIGHT, None, "2026-11-24 18:00", id="over"),
        pytest.param("2026-11-23 22:00", NEW_YORK, NIGHT, None, "2026-11-24 02:00", id="day elsewhere"),
        pytest.param("2026-11-23 10:00", MOSCOW, NOON, "2026-11-23 11:00", "2026-11-24 09:00", id="within a day"),
        pytest.param("2026-11-23 11:00", MOSCOW, NOON, None, "2026-11-24 09:00", id="after noon"),
        pytest.param("2026-11-23 11:00", MOSCOW, Hours.read("09:00", "09:00"), None, None, id="no hours"),
        # Clocks go forward on 29 March 2026, 2:00 to 3:00, and back on 25 October, 3:00 to 2:00.
        pytest.param("2026-03-28 22:00", BERLIN, NIGHT, "2026-03-29 07:00", "2026-03-29 19:00", id="a short night"),
        pytest.param("2026-10-24 22:00", BERLIN, NIGHT, "2026-10-25 08:00", "2026-10-25 20:00", id="a long night"),
        pytest.param(
            *("2026-03-29 00:30", BERLIN, Hours.read("01:00", "02:30"), "2026-03-29 01:30", "2026-03-29 23:00"),
            id="an end that does not exist",
        ),
        pytest.param(
            *("2026-03-29 01:10", BERLIN, Hours.read("02:10", "02:50"), "2026-03-29 01:50", "2026-03-30 00:10"),
            id="hours that do not exist",
        ),
    ],
)
def test_quiet_hours(now: str, zone: ZoneInfo, hours: Hours, ends: str | None, begins: str | None) -> None:
    found = quiet_hours.judge(at(now), zone, hours)
    assert found.ends_at == (at(ends) if ends else None)
    assert found.begins_at == (at(begins) if begins else None)


@pytest.mark.parametrize(
    ("text", "offset_h"),
    [
        ("Europe/Moscow", 3), (" europe/moscow ", 3), ("America/New York", -5), ("UTC+3", 3), ("GMT-3", -3),
        ("+5:30", 5.5), ("-03:30", -3.5), ("МСК", 3), ("мск+2", 5), ("UTC−3", -3), ("UTC", 0),
        ("UTC+\u00a03", 3), ("UTC-\t3", -3),
        ("", None), ("12", None), ("завтра", None), ("+25", None), ("Europe/Atlantis", None), ("Etc/Unknown", None),
    ],
)  # fmt: skip
def test_zones_as_people_write_them(text: str, offset_h: float | None) -> None:
    zone = zones.read(text)
    offset = at("2026-11-23 12:00").astimezone(zone).utcoffset() if zone else None
    assert offset == (None if offset_h is None else timedelta(hours=offset_h))


ADMIN = Policy(country_zones={"RU": "Asia/Omsk", "KZ": "Asia/Almaty"}, time_zone="Europe/Samara")


@pytest.mark.parametrize(
    ("policy", "written", "number", "expected"),
    [
        pytest.param(ADMIN, ["Asia/Tokyo"], "79161234567", "Asia/Tokyo", id="the card first"),
        pytest.param(ADMIN, ["?", "Asia/Tokyo"], "79161234567", "Asia/Tokyo", id="the contact after the item"),
        pytest.param(ADMIN, ["?"], "73432222222", "Asia/Yekaterinburg", id="a landline says where it is"),
        pytest.param(ADMIN, [], "491711234567", "Europe/Berlin", id="a country with one time"),
        pytest.param(ADMIN, [], "79161234567", "Asia/Omsk", id="a mobile number may be anywhere in its country"),
        pytest.param(ADMIN, [], "77011234567", "Asia/Almaty", id="its country, not its code"),
        pytest.param(ADMIN, [], "18005551234", "Europe/Samara", id="the portal's"),
        pytest.param(Policy(), [], "79161234567", "Europe/Moscow", id="where the portal's country has its offices"),
        pytest.param(Policy(time_zone="?"), [], "", "Europe/Moscow", id="a portal's zone that is none"),
    ],
)  # fmt: skip
def test_whose_clock_counts(policy: Policy, written: list[str], number: str, expected: str) -> None:
    assert str(zones.of_client(policy, written, number, "RU", at("2026-11-23 12:00"))) == expected
