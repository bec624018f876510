"""Can this process work: database, queue, room on the disk? One place for /readyz and the doctor."""

from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from messaging.limits import bounds
from messaging.runtime import Runtime
from messaging.store import schema
from messaging.store.patience import answers_within
from messaging.system import disk
from messaging.system.embedded_redis import QueueServerError

OK = "ok"
#: How the answers of a full disk begin, and of a database that an older version left.
FULL, OLD = "the disk is full", "schema is old"


def database(runtime: Runtime) -> str:
    """OK, or what is wrong: it cannot be reached, its disk or ours is full, its schema is old."""
    try:
        with answers_within(bounds.DATABASE_STALLED_S), runtime.db.read() as session:
            session.execute(text("SELECT 1"))
        if full := _full(runtime):
            return full
        return OK if schema.is_current(runtime.db.engine) else f"{OLD}: run flask --app app db upgrade"
    except SQLAlchemyError as error:
        return f"unreachable: {type(error).__name__}"


def _full(runtime: Runtime) -> str:
    """What to say of a full disk, ours or the database's; "" if there is room."""
    free = disk.free_bytes(runtime.config.data_dir)
    intake = runtime.intake
    failed = intake.disk_full_at is not None and intake.now() - intake.disk_full_at < bounds.DISK_FULL_SHOWN_S
    if free < bounds.FREE_TO_BE_READY_BYTES:
        return f"{FULL}: {free // bounds.MB} MB are free in DATA_DIR"
    return f"{FULL}: a call could not be stored" if failed else ""


def queue(runtime: Runtime) -> str:
    """OK, or why Redis cannot be reached."""
    try:
        runtime.redis.ping()
    except (RedisError, QueueServerError) as error:
        return f"unreachable: {type(error).__name__}"
    return OK
