"""How often one portal, one address or one person may do something in a minute: token buckets in the memory of a process.

Each web process counts for itself, so with two of them somebody may do up to twice as much.
"""

import ipaddress
import time
from collections.abc import Callable
from threading import Lock

from messaging.limits import bounds

Now = Callable[[], float]
#: A bucket is not empty for what adding up seconds has lost.
ROUNDING_S = 1e-6


class OverQuota(Exception):
    """Somebody does something too often. again_s: seconds until he may again."""

    def __init__(self, what: str, again_s: float) -> None:
        super().__init__(f"too many {what}")
        self.again_s = again_s


class Buckets:
    """One bucket for each name: so many tokens flow in each minute, as many fit in. now: seconds, from anywhere.

    Of more than bounds.QUOTA_NAMES names the one that was quiet for the longest time is forgotten, which fills its bucket.
    """

    def __init__(self, per_minute: int, now: Now = time.monotonic) -> None:
        self._each_s = 60 / per_minute
        self._now = now
        self._lock = Lock()
        #: When each bucket will be full again; the name that asked last stands last.
        self._full_at: dict[str, float] = {}

    def take(self, name: str) -> float:
        """Take a token: 0. If there is none, seconds until there is one."""
        with self._lock:
            now = self._now()
            full_at = max(now, self._full_at.pop(name, now)) + self._each_s
            wait_s = full_at - now - 60
            is_free = wait_s < ROUNDING_S
            self._full_at[name] = full_at if is_free else full_at - self._each_s
            if len(self._full_at) > bounds.QUOTA_NAMES:
                del self._full_at[next(iter(self._full_at))]
            return 0.0 if is_free else wait_s


class CallQuota:
    """Robot calls of each portal, which Bitrix24 never repeats: over the quota they become runs that are refused."""

    def __init__(self, per_minute: int, now: Now = time.monotonic) -> None:
        self._usual = Buckets(per_minute, now)
        self._most = Buckets(per_minute * bounds.CALLS_AT_MOST, now)

    def allows(self, portal: int | str) -> bool:
        """Count a call. Whether the portal is within its quota; raises OverQuota if it is far beyond.

        portal: its id; its member_id while the database is away.
        """
        if again_s := self._most.take(str(portal)):
            raise OverQuota("calls of a portal", again_s)
        return not self._usual.take(str(portal))


class FrameQuota:
    """How often the authorization server is asked whose token a frame brings; a forger brings a new token each time.

    Whoever has shown lately that his token is true has a bucket of his own, so a forger cannot keep him out. The others share:
    those at one address, those who name the same portal, and all who name portals that are not installed.
    """

    def __init__(self, now: Now = time.monotonic) -> None:
        self._now = now
        self._people = Buckets(bounds.FRAMES_OF_PERSON, now)
        self._portals = Buckets(bounds.FRAMES_OF_PORTAL, now)
        self._strangers = Buckets(bounds.FRAMES_OF_STRANGERS, now)
        self._addresses = Buckets(bounds.FRAMES_OF_ADDRESS, now)
        self._strange_addresses = Buckets(bounds.STRANGERS_OF_ADDRESS, now)
        self._lock = Lock()
        #: Digests of tokens that the server confirmed → until when they count as confirmed.
        self._confirmed: dict[str, float] = {}

    def confirmed(self, token: str) -> None:
        """The authorization server knows this token (its digest): its next frames need not share a bucket."""
        with self._lock:
            self._confirmed.pop(token, None)
            self._confirmed[token] = self._now() + bounds.CONFIRMED_TOKEN_S
            if len(self._confirmed) > bounds.QUOTA_NAMES:
                del self._confirmed[next(iter(self._confirmed))]

    def check_person(self, name: str) -> None:
        """Count a question of somebody whom we know for sure. Raises OverQuota."""
        _take(self._people, name, "frames of a person")

    def check(self, token: str, member_id: str, address: str, is_installed: Callable[[], bool]) -> None:
        """Count a question about a token (its digest) of a portal. Raises OverQuota.

        address: of the caller, "" if it cannot be told from others. is_installed: whether the portal is known; costs a query.
        """
        if self._confirmed.get(token, 0.0) > self._now():
            self.check_person(token)
            return
        place = _network(address)
        if place:
            _take(self._addresses, place, "frames from one address")
        if is_installed():
            _take(self._portals, member_id, "frames of a portal")
            return
        if place:
            _take(self._strange_addresses, place, "frames of unknown portals from one address")
        _take(self._strangers, "", "frames of unknown portals")


def _take(buckets: Buckets, name: str, what: str) -> None:
    if again_s := buckets.take(name):
        raise OverQuota(what, again_s)


def _network(address: str) -> str:
    """What counts as one address: of IPv6 the network of 64 bits, which one person can use as he likes."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]  # a proxy's own notation, with a port for example
    return str(ipaddress.ip_network((known, 64), strict=False)) if known.version == 6 else address
