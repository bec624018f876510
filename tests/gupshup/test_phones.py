"""What stands where a phone may stand: a number, an id of a user, or something else."""

import pytest

from gupshup.webhooks import Reply, Status
from tests.gupshup.recorded import changed


@pytest.mark.parametrize(
    ("said", "phone", "user_id"),
    [
        ("79005550000", "79005550000", ""),
        (79005550000, "79005550000", ""),
        ("+7 (900) 555-00-00", "79005550000", ""),
        ("RU.79123456789", "", "RU.79123456789"),
        ("US.13491208655302741918", "", "US.13491208655302741918"),
        ("US.ENT.11815799212886844830", "", "US.ENT.11815799212886844830"),
        ("13491208655302741918", "", ""),
        ("79005550000@c.us", "", ""),
        ("callbackSetPhone", "", ""),
        ("", "", ""),
        (None, "", ""),
    ],
)
def test_only_a_number_is_a_phone(said: object, phone: str, user_id: str) -> None:
    reply = changed("message__text", source=said, sender={"phone": said})
    status = changed("message_event__delivered", destination=said)
    mismatch = changed("message_event__mismatch", destination=said, payload={"wa_id": said})
    assert isinstance(reply, Reply)
    assert isinstance(status, Status)
    assert isinstance(mismatch, Status)
    assert [(reply.phone, reply.user_id), (status.destination, status.user_id)] == [(phone, user_id)] * 2
    assert (mismatch.destination, mismatch.wa_id) == (phone, phone)
