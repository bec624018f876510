"""Everything a process needs, opened once and handed on: settings, database, Redis, clock, vendors' doors.

Web, worker, command line and tests each open one; nothing reads the environment or the wall clock behind its back.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import requests
from redis import Redis
from sqlalchemy.exc import IntegrityError

import bx24.client
import gupshup.client
from bx24.oauth import AuthServers
from gupshup import spellings
from gupshup.partner import Partner
from messaging.limits.bounds import MB
from messaging.limits.pace import Paces
from messaging.limits.quotas import Buckets, CallQuota, FrameQuota
from messaging.limits.refused_tokens import RefusedTokens
from messaging.limits.remembered_counts import RememberedCounts
from messaging.limits.slow_portals import SlowPortals
from messaging.limits.token_rate import TokenRate
from messaging.queue import leases, spool
from messaging.queue.group_commit import Intake
from messaging.queue.spool import Spool
from messaging.queue.wakeups import PendingWakeups, Wakeups
from messaging.store import crypto
from messaging.store.crypto import Cipher
from messaging.store.database import Database, open_engine
from messaging.store.setting import Setting
from messaging.system import embedded_redis, private_files
from messaging.system.arrivals import Arrivals
from messaging.system.clock import Clock, utc_now
from messaging.system.config import Config
from messaging.system.counters import Counters
from messaging.system.file_store import FileStore
from messaging.system.folder_store import Folder
from messaging.system.public_http import callback_session, file_session, guard
from messaging.system.shapes import ShapeReports

INDEX_KEY = "phone_index_key"
#: The subfolder of DATA_DIR in which files are kept; with FILES_URL only while they are fetched.
FILES = "files"


@dataclass
class Runtime:
    """The opened resources of one process."""

    config: Config
    cipher: Cipher
    db: Database
    clock: Clock
    bx_session: requests.Session
    gs_session: requests.Session
    redis_url: str
    file_session: requests.Session = field(default_factory=file_session)
    callback_session: requests.Session = field(default_factory=callback_session)
    pending_wakeups: PendingWakeups = field(default_factory=PendingWakeups)
    #: Price tables that this process knows, by portal and `prices_version` (messaging.money.prices).
    price_tables: dict[tuple[int, int], Any] = field(default_factory=dict)
    #: How a hand stands at the limiter's gate, in seconds.
    sleep: Callable[[float], None] = time.sleep
    _redis: Redis | None = field(default=None, repr=False)

    @cached_property
    def redis(self) -> Redis:
        """The queue's Redis; an embedded one is started by the first process that asks."""
        if self._redis is not None:
            return self._redis
        url = self.redis_url
        if url == "embedded":
            url = embedded_redis.ensure(self.config.data_dir)
        return Redis.from_url(url, health_check_interval=30, socket_connect_timeout=5)

    @cached_property
    def wakeups(self) -> Wakeups:
        return Wakeups(self.redis)

    @cached_property
    def intake(self) -> Intake:
        """How what comes in reaches the database."""
        no_room = partial(self.counters.add, "rows_without_room")
        return Intake(self.db.engine, self.pending_wakeups.add, no_room=no_room, is_hopeless=self._is_spooling)

    def _is_spooling(self) -> bool:
        return self.spool.is_open

    @cached_property
    def spool(self) -> Spool:
        """Where what comes in waits while the database is away."""
        return Spool(self.config.data_dir / spool.FOLDER, self.config.spool_mb * MB, lambda: self.clock())

    @cached_property
    def files(self) -> FileStore:
        """Where files are kept."""
        if not self.config.files_url:
            return Folder(self.config.data_dir / FILES)
        from messaging.system.bucket_store import Bucket  # 10 MB of memory, which only this needs

        return Bucket(self.config, crypto.keyed_digest(self.index_key, "files"), self.clock)

    @cached_property
    def counters(self) -> Counters:
        return Counters(self.clock)

    @cached_property
    def shape_reports(self) -> ShapeReports:
        """Shapes of payloads that this process did not understand or refused."""
        return ShapeReports(self.counters, self.clock)

    @cached_property
    def arrivals(self) -> Arrivals:
        """When robot calls reached this process."""
        return Arrivals()

    @cached_property
    def refused_tokens(self) -> RefusedTokens:
        """Tokens of frames that the auth server refused a moment ago."""
        return RefusedTokens()

    @cached_property
    def call_quota(self) -> CallQuota:
        """How many robot calls this process takes from each portal."""
        return CallQuota(self.config.calls_per_minute)

    @cached_property
    def event_quota(self) -> Buckets:
        """How many messages of operators, clicks and other events of its people this process takes from each portal."""
        return Buckets(self.config.calls_per_minute)

    @cached_property
    def token_rate(self) -> TokenRate:
        """How often tokens of the API may call."""
        return TokenRate(lambda: self.redis)

    @cached_property
    def frame_quota(self) -> FrameQuota:
        """How often this process asks the auth server for the user of a frame."""
        return FrameQuota()

    @cached_property
    def slow_portals(self) -> SlowPortals:
        """Portals that need long for an answer."""
        return SlowPortals(self.clock)

    @cached_property
    def clients_written(self) -> RememberedCounts:
        """Clients each line has written to first in 24 hours."""
        return RememberedCounts(self.clock)

    @cached_property
    def paces(self) -> Paces:
        """How fast this process sends on each line and to each client."""
        return Paces(self.counters.line_slowed)

    @cached_property
    def auth_servers(self) -> AuthServers:
        return AuthServers(
            self.bx_session,
            self.config.auth_servers,
            self.config.client_id,
            self.config.client_secret,
            clock=self.clock,
        )

    @cached_property
    def gupshup(self) -> gupshup.client.Client:
        return gupshup.client.Client(self.gs_session, self.config.gupshup_url)

    @cached_property
    def partner(self) -> Partner | None:
        """Gupshup's partner API; None without a partner's token."""
        given = self.config.gupshup_partner_token
        return Partner(self.gs_session, self.config.gupshup_partner_url, given) if given else None

    @cached_property
    def index_key(self) -> str:
        """The key of the phone index: drawn once per database, never changed."""
        with self.db.read() as session:
            kept = session.get(Setting, INDEX_KEY)
        if kept is None:
            try:
                with self.db.write() as session:
                    session.add(Setting(name=INDEX_KEY, value=secrets.token_hex(32)))
            except IntegrityError:
                pass  # another process drew it a moment ago; its key counts
            with self.db.read() as session:
                kept = session.get_one(Setting, INDEX_KEY)
        return kept.value

    def phone_key(self, phone: str) -> str:
        """Where a new phone (digits) stands in the index: all its spellings in one place."""
        return crypto.keyed_digest(self.index_key, spellings.todays(phone))

    def phone_keys(self, phone: str) -> list[str]:
        """Where a phone (digits) may be found: older rows stand under the spelling in which the number came."""
        return [crypto.keyed_digest(self.index_key, spelling) for spelling in spellings.spellings(phone)]

    def user_key(self, user_id: str) -> str:
        """Where WhatsApp's id of a user stands in the index."""
        return crypto.keyed_digest(self.index_key, user_id)

    def prepare(self) -> None:
        """After the migrations: rows that must exist before work begins."""
        self.phone_key("")  # draws the index's key now: asked for inside a transaction, SQLite would wait for itself
        with self.db.write() as session:
            leases.ensure(session, self.clock())

    def close(self) -> None:
        """Give everything back."""
        self.db.close()
        self.bx_session.close()
        self.gs_session.close()
        self.file_session.close()
        self.callback_session.close()


def open_runtime(config: Config, clock: Clock = utc_now, ping: bool = True, answer_s: float | None = None) -> Runtime:
    """Open database and doors for this process; Redis is opened when first needed. ping, answer_s: see `open_engine`."""
    private_files.make_folder(config.data_dir)
    private_files.make_folder(config.data_dir / FILES)
    cipher = crypto.cipher_for(config)
    pool = config.worker_threads + 8
    return Runtime(
        config=config,
        cipher=cipher,
        db=Database(open_engine(config.database_url, cipher, pool=16, ping=ping, answer_s=answer_s)),
        clock=clock,
        bx_session=guard(bx24.client.session(pool), config.allow_http),
        gs_session=gupshup.client.session(pool),
        redis_url=config.redis_url,
        file_session=file_session(pool, config.allow_http),
        callback_session=callback_session(pool, config.allow_http),
    )
