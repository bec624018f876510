"""What the disk does to the spool takes nothing along that was answered 200; what cannot be read is set aside."""

from __future__ import annotations

import errno
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from messaging.intake.replay import Keeper
from messaging.limits import bounds
from messaging.queue.spool import Spool
from messaging.store.crypto import Cipher
from messaging.system.disk import Disk
from tests.flows.scenes import OLGA, ONE_DATABASE, webhook_path
from tests.messaging.intake.outage import (
    another_process,
    away,
    call,
    figures,
    files,
    notify,
    runtime_of,
    tick,
    tokens,
)
from tests.support.world import World


class FailingDisk(Disk):
    """Breaks a write off after 100 bytes, or lets an fsync fail, while `error` is set. meanwhile: what happens before that."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.error: int | None = None
        self.meanwhile: Callable[[], None] = lambda: None

    def write(self, descriptor: int, content: bytes) -> None:
        super().write(descriptor, content[: 100 if self._fails("write") else None])
        self._fail("write")

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        self._fail("sync")

    def _fails(self, what: str) -> bool:
        return self.error is not None and self.where == what

    def _fail(self, what: str) -> None:
        if self._fails(what):
            self.meanwhile()
            raise OSError(self.error, "the disk fails")


DISKS: list[tuple[str, int, list[str]]] = [
    ("write", errno.ENOSPC, ["known", "a", "b"]),
    ("sync", errno.EIO, ["known", "a", "lost", "b"]),  # its 503 was too cautious: another process had read it already
]


@ONE_DATABASE
@pytest.mark.parametrize(("where", "error", "stored"), DISKS, ids=[where for where, *_ in DISKS])
def test_after_a_failure_of_the_disk_a_file_takes_nothing_more(
    known: World, where: str, error: int, stored: list[str]
) -> None:
    spool, disk = known.runtime.spool, FailingDisk(where)
    known.runtime.spool = Spool(spool.folder, spool.most_bytes, lambda: known.now, disk)
    other = Keeper(runtime_of(another_process(known)))
    with away(known.runtime):
        assert call(known, "a") == 200
        before = files(known)[0].read_bytes()
        disk.error, disk.meanwhile = error, other.tick
        assert call(known, "lost") == 503
        assert (where == "write") == (files(known)[0].read_bytes() == before)
        disk.error = None
        assert call(known, "b") == 200
    tick(known)
    assert (tokens(known), files(known)) == (stored, [])


@ONE_DATABASE
def test_a_full_disk_rings_the_alarm_and_leaves_no_empty_files(known: World) -> None:
    spool, disk = known.runtime.spool, FailingDisk("write")
    known.runtime.spool = Spool(spool.folder, spool.most_bytes, lambda: known.now, disk)
    with away(known.runtime):
        disk.error = errno.ENOSPC
        assert [call(known, token) for token in ("a", "b", "c")] == [503] * 3
        assert files(known) == []
    ready = known.app.get("/readyz")
    assert (ready.status_code, "disk is full" in ready.json["database"]) == (503, True), "the alarm"
    assert figures(known, "rows_without_room_total") == {'{table="run"}': 3.0}


@ONE_DATABASE
@pytest.mark.parametrize("cut", [1, 5, 15, 17, 100, 700])
def test_an_entry_that_was_broken_off_harms_none_before_it(known: World, cut: int) -> None:
    """As a process leaves it that is killed while it writes: before the 200."""
    with away(known.runtime):
        for token in ("a", "b"):
            call(known, token)
        (path,) = files(known)
        size = path.stat().st_size
        call(known, "torn")
    whole = path.read_bytes()
    path.write_bytes(whole[: min(size + cut, len(whole) - 1)])
    tick(known)
    assert (tokens(known), files(known)) == (["known", "a", "b"], [])


def _another_key(path: Path, world: World) -> None:
    world.runtime.cipher = Cipher((Fernet.generate_key().decode(),))


def _flipped_bit(path: Path, world: World) -> None:
    path.write_bytes(flipped(path.read_bytes(), 40))  # in the content of the first entry


@ONE_DATABASE
@pytest.mark.parametrize(("harm", "left"), [(_flipped_bit, ["b"]), (_another_key, [])])
def test_what_cannot_be_read_is_set_aside_and_holds_up_nothing(known: World, harm: Any, left: list[str]) -> None:
    with away(known.runtime):
        for token in ("a", "b"):
            call(known, token)
    former = known.runtime.cipher
    harm(files(known)[0], known)
    tick(known)
    known.runtime.cipher = former
    assert (tokens(known), files(known)) == (["known", *left], [])
    aside = known.runtime.config.data_dir / "spool" / "set-aside"
    if harm is _another_key:  # it is found: the file is renamed, and replayed
        aside.rename(aside.with_name("again.spool"))
        tick(known)
        assert tokens(known) == ["known", "a", "b"]
    else:
        assert aside.stat().st_size > 100


@ONE_DATABASE
def test_what_is_set_aside_is_bounded_and_the_newest_is_kept(known: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with away(known.runtime):
        for token in "abcdefg":
            call(known, token)
    size = files(known)[0].stat().st_size // 7 + 50
    former = known.runtime.cipher
    with monkeypatch.context() as patch:
        patch.setattr(bounds, "SPOOL_SET_ASIDE_BYTES", 2 * size)
        patch.setattr(known.runtime.spool, "most_bytes", 1)
        _another_key(files(known)[0], known)
        tick(known)
    folder = known.runtime.config.data_dir / "spool"
    kept = sum(path.stat().st_size for path in folder.glob("set-aside*"))
    assert figures(known, "spool_set_aside_bytes") == {"": kept}
    assert 2 * size < kept <= 4 * size
    known.runtime.cipher = former
    for path in folder.glob("set-aside*"):
        path.rename(path.with_name(f"{path.name}.spool"))
    tick(known)
    assert tokens(known) == ["known", "e", "f", "g"]
    assert figures(known, "spool_set_aside_bytes") == {"": 0.0}


#: What the disk does to the second entry of three; `at` is where it begins, `end` where the third does.
DAMAGE: dict[str, Callable[[bytes, int, int], bytes]] = {
    "mark": lambda kept, at, end: flipped(kept, at),
    "arrival": lambda kept, at, end: flipped(kept, at + 4),
    "length": lambda kept, at, end: flipped(kept, at + 14),
    "a length beyond the file": lambda kept, at, end: flipped(kept, at + 12),
    "checksum": lambda kept, at, end: flipped(kept, at + 19),
    "content": lambda kept, at, end: flipped(kept, at + 100),
    "zeros": lambda kept, at, end: kept[:at] + bytes(end - at) + kept[end:],
    "a hole": lambda kept, at, end: kept[: at + 10] + kept[end:],
    "something else": lambda kept, at, end: kept[:at] + b"\xff" * 3_000_000 + kept[end:],
}


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x80]) + content[at + 1 :]


@ONE_DATABASE
@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "middle", "last"])
def test_what_the_disk_has_damaged_takes_no_other_entry_along(known: World, place: int) -> None:
    aside = known.runtime.spool.folder / "set-aside"
    for kind, damage in DAMAGE.items():
        before, ends = tokens(known), [0]
        come = [f"{kind} {number}" for number in range(3)]
        with away(known.runtime):
            for token in come:
                call(known, token)
                ends.append(files(known)[0].stat().st_size)
            (path,) = files(known)
            path.write_bytes(damage(path.read_bytes(), ends[place], ends[place + 1]))
            assert known.app.get("/readyz").status_code == 503
        tick(known)
        del come[place]
        assert (tokens(known), files(known)) == ([*before, *come], []), kind
        is_as_if_broken_off = kind == "a hole" and place == 2
        assert aside.exists() != is_as_if_broken_off, kind
        aside.unlink(missing_ok=True)


@ONE_DATABASE
def test_nothing_in_the_spool_can_be_read_by_others(known: World) -> None:
    secret = webhook_path(known, known.line).rpartition("/")[2]
    with away(known.runtime):
        call(known, "a")
        notify(known, "x")
        tick(known)
    folder = known.runtime.config.data_dir / "spool"
    found = [path for path in folder.iterdir() if path.is_file()] + [folder.parent / "known-callers"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    readable = b"".join(path.read_bytes() for path in found)
    auth = known.portal.event_auth(1, with_refresh=True)
    for word in (OLGA, secret, auth["application_token"], auth["member_id"], "DEAL_1", "message-event"):
        assert word.encode() not in readable, word
