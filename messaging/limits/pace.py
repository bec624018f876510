"""How fast messages leave: a token bucket per line, which refusals slow down, and a rate per client.

Reference section 9: Gupshup and WhatsApp refuse with 429 or 130429 what a line sends too fast. WhatsApp takes ten messages a
minute for one client, allows bursts of 45 at the cost of later ones, then refuses with 131056.

Plain data in the process that holds the line's shard; the clock is handed in. When the process dies, the next owner of the
shard begins at the set pace and with rested clients; if that is too fast, the provider refuses.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from messaging.limits.backoff import backoff_s

#: Messages a second below which refusals slow no line down: otherwise one bad minute would look like a standstill.
SLOWEST = 1.0
#: While nothing is refused, a line regains this part of its set pace each STEP_S seconds: from half to all in 100 seconds.
STEP, STEP_S = 0.05, 10.0
#: A line at its limit sends in portions: what this many seconds have gathered.
PORTION_S = 0.05
#: Seconds a line pauses when an accepted message fails with 130429. The reference says "seconds".
LATE_PAUSE_S = 2.0

CLIENT_BURST = 10
CLIENT_GAP_S = 1.0
CLIENT_SLOT_S = 6.0
#: After a refusal with 131056 the next message to the client waits CLIENT_SLOT_S, then twice as long … but at most this.
CLIENT_SLOT_MAX_S = 600.0
CLIENT_FORGIVES_S = 1800.0
#: Above this number of clients, those that are rested are forgotten.
CLIENTS_KEPT = 2000


class Paced(Protocol):
    """What the bucket reads of a line: messages a second, and how many at once. Both may change at any time."""

    id: int
    pace: float
    burst: int


def share_at(share: float, lowered_at: datetime | None, now: datetime) -> float:
    """The part of the set pace that may be used now, 0 to 1, if `share` was left at `lowered_at`: STEP more each STEP_S."""
    if lowered_at is None:
        return 1.0
    steps = max(0, int((now - lowered_at).total_seconds() / STEP_S))
    return min(1.0, share + steps * STEP)


def effective(pace: float, share: float) -> float:
    """Messages a second: this part of the set pace, but not below SLOWEST, nor below the set pace if that is slower."""
    return max(min(pace, SLOWEST), pace * share)


@dataclass
class Bucket:
    """One line's pace. It keeps a share of the set pace instead of a number, so that a new setting counts at once.

    saturated: more messages are waiting than may leave.
    """

    tokens: float
    at: datetime
    paused_until: datetime | None = None
    share: float = 1.0
    lowered_at: datetime | None = None
    saturated: bool = False

    def rate(self, line: Paced, now: datetime) -> float:
        """Messages a second at this moment."""
        return effective(line.pace, share_at(self.share, self.lowered_at, now))

    def fill(self, line: Paced, now: datetime) -> int:
        """Add the tokens of the time since the last call; how many messages may leave now."""
        if self.paused_until and now < self.paused_until:
            return 0
        rate = self.rate(line, now)
        most = max(1.0, line.burst * rate / line.pace)
        self.tokens = min(most, self.tokens + max(0.0, (now - self.at).total_seconds()) * rate)
        self.at = max(self.at, now)
        return int(self.tokens)

    def may(self, line: Paced, now: datetime) -> int:
        """How many messages may leave now; 0 while a saturated line gathers a portion."""
        filled = self.fill(line, now)
        return filled if self.tokens >= self._portion(line, now) else 0

    def _portion(self, line: Paced, now: datetime) -> float:
        """Tokens to gather before anything leaves. A saturated line sends in portions, because each costs a transaction."""
        return max(1.0, min(line.burst, self.rate(line, now) * PORTION_S)) if self.saturated else 1.0

    def take(self, count: int, more: bool) -> None:
        """Record that `count` messages leave. more: others are waiting."""
        self.tokens -= count
        self.saturated = more

    def next_at(self, line: Paced, now: datetime) -> datetime:
        """When the next message, or portion, may leave; never before now."""
        if self.may(line, now) >= 1:
            return now
        begin = max(now, self.at, self.paused_until or now)
        return begin + timedelta(seconds=max(0.0, self._portion(line, now) - self.tokens) / self.rate(line, now))

    def refused(self, line: Paced, now: datetime, pause_s: float, sent_at: datetime | None = None) -> bool:
        """The provider says "too fast": pause the line, and halve its pace unless that has been done for this burst.

        All messages of a burst come back refused: only one that left after the pace was last lowered lowers it again.
        Returns whether the pace was lowered.
        """
        self.paused_until = max(self.paused_until or now, now + timedelta(seconds=pause_s))
        # Without this the tokens of the pause would leave in one burst at its end.
        self.tokens, self.at = min(self.tokens, 1.0), self.paused_until
        if self.lowered_at is not None and sent_at is not None and sent_at <= self.lowered_at:
            return False
        share = share_at(self.share, self.lowered_at, now) / 2
        self.share, self.lowered_at = max(share, min(1.0, SLOWEST / line.pace)), now
        return True


@dataclass(slots=True)
class ClientRate:
    """One client's rate: CLIENT_GAP_S between messages inside a burst of CLIENT_BURST, CLIENT_SLOT_S after it."""

    credit: float = float(CLIENT_BURST)
    filled_at: datetime | None = None
    last: datetime | None = None
    held_until: datetime | None = None
    refused_at: datetime | None = None
    strikes: int = 0

    def next_at(self, now: datetime) -> datetime:
        """The earliest moment at which the next message may leave; never before now."""
        short = 1.0 - self._credit(now)
        earliest = now + timedelta(seconds=short * CLIENT_SLOT_S) if short > 0 else now
        if self.last is not None:
            earliest = max(earliest, self.last + timedelta(seconds=CLIENT_GAP_S))
        return max(earliest, self.held_until or now)

    def sent(self, now: datetime) -> None:
        """A message leaves now."""
        self.credit, self.filled_at, self.last = self._credit(now) - 1.0, now, now

    def refused(self, now: datetime, sent_at: datetime | None = None) -> None:
        """131056: the next message waits twice as long each time. Messages that left before the last refusal do not count."""
        if self.refused_at is not None and sent_at is not None and sent_at <= self.refused_at:
            return
        self.strikes = 1 if self._forgiven(now) else self.strikes + 1
        self.held_until = now + timedelta(seconds=backoff_s(self.strikes, CLIENT_SLOT_MAX_S, CLIENT_SLOT_S))
        self.credit, self.filled_at, self.refused_at = 1.0, self.held_until, now

    def rested(self, now: datetime) -> bool:
        """Whether it is as good as new, so that it may be forgotten."""
        return self._forgiven(now) and self._credit(now) >= CLIENT_BURST

    def _credit(self, now: datetime) -> float:
        if self.filled_at is None:
            return self.credit
        flown = max(0.0, (now - self.filled_at).total_seconds()) / CLIENT_SLOT_S
        return min(float(CLIENT_BURST), self.credit + flown)

    def _forgiven(self, now: datetime) -> bool:
        return self.refused_at is None or (now - self.refused_at).total_seconds() > CLIENT_FORGIVES_S


@dataclass
class Paces:
    """All buckets and client rates of one process. lowered: called with line id, share and time when a line slows down."""

    lowered: Callable[[int, float, datetime], None] = lambda line, share, at: None
    buckets: dict[int, Bucket] = field(default_factory=dict)
    clients: dict[int, ClientRate] = field(default_factory=dict)
    _most: int = CLIENTS_KEPT

    def bucket(self, line: Paced, now: datetime) -> Bucket:
        """The line's bucket, filled up to now; a new one is full."""
        bucket = self.buckets.setdefault(line.id, Bucket(float(line.burst), now))
        bucket.fill(line, now)
        return bucket

    def too_fast(self, line: Paced, now: datetime, pause_s: float, sent_at: datetime | None) -> None:
        """Gupshup refused a message of this line with 429, or WhatsApp later with 130429."""
        bucket = self.bucket(line, now)
        if bucket.refused(line, now, pause_s, sent_at):
            self.lowered(line.id, bucket.share, now)

    def too_many(self, conversation_id: int, now: datetime, sent_at: datetime | None) -> None:
        """WhatsApp refused a message of this conversation with 131056."""
        self.clients.setdefault(conversation_id, ClientRate()).refused(now, sent_at)

    def client_opens(self, conversation_id: int, now: datetime) -> datetime:
        """When the next message to this client may leave; `now` if it may now."""
        client = self.clients.get(conversation_id)
        return now if client is None else client.next_at(now)

    def sort(self, ready: Iterable[tuple[int, int]], now: datetime) -> tuple[list[int], list[tuple[int, datetime]]]:
        """Divide (message id, conversation id) pairs: the messages that leave now; the others, each with the time it may."""
        leaving, early = [], []
        for message_id, conversation_id in ready:
            opens = self.client_opens(conversation_id, now)
            if opens <= now:
                self.leaves(conversation_id, now)
                leaving.append(message_id)
            else:
                early.append((message_id, opens))
        return leaving, early

    def leaves(self, conversation_id: int, now: datetime) -> None:
        """Record that a message to this client leaves now."""
        self.clients.setdefault(conversation_id, ClientRate()).sent(now)
        if len(self.clients) > self._most:
            self.clients = {key: client for key, client in self.clients.items() if not client.rested(now)}
            self._most = max(CLIENTS_KEPT, 2 * len(self.clients))
