"""How much of anything one caller, one portal or one process may use: the limits that keep tenants apart, in one table.

docs/limits.md is the same table for operators: with the setting, the answer of whoever goes over a limit, and its figure in
/metrics. The vendors' packages know nothing of this one: they hold their limits themselves, or take them as parameters.
"""

KB = 1024
MB = 1024 * KB

# Bodies of requests, bytes. Over it: 413.
ROBOT_CALL_BYTES = 1 * MB  # a call of a robot or an activity; properties of 64 KB each, form-encoded
EVENT_BYTES = 1 * MB  # an event of Bitrix24
FRAME_BYTES = 4 * MB  # the POST that opens a page; settings frames carry `document_fields` of hundreds of kilobytes
WEBHOOK_BYTES = (
    4 * MB
)  # a webhook of Gupshup; from gupshup.webhooks.READ_BYTES on its beginning is stored, but not read
UNREAD_WEBHOOK_BYTES = 16 * KB  # so much of such a webhook is kept
LONG_BODY_BYTES = 256 * KB  # few are longer; as gupshup.webhooks.READ_BYTES
PAGE_BYTES = 512 * KB  # what our own pages send: a form, the settings of one robot
API_BYTES = 256 * KB  # a call of the REST API
UPLOAD_BYTES = 16 * MB  # a file that a person sends to a client from the computer; the form around it: PAGE_BYTES

# Numbers, characters.
REFUSED_TOKENS = 10_000  # that a process remembers

# Quotas. Calls and bytes of files of one portal: CALLS_PER_MINUTE and FILES_QUOTA_MB of messaging.system.config.
CALLS_AT_MOST = 4  # times CALLS_PER_MINUTE: above it a call is refused before it is stored
FRAMES_OF_PORTAL = 600  # a minute, with tokens that nobody has confirmed yet
FRAMES_OF_PERSON = 120  # a minute, with one token that was confirmed, or from one page
FRAMES_OF_STRANGERS = 120  # a minute, of all portals that are not installed
FRAMES_OF_ADDRESS = 300  # a minute, if TRUSTED_PROXIES tells addresses apart
STRANGERS_OF_ADDRESS = 30  # a minute, of portals that are not installed
QUOTA_NAMES = 10_000  # portals, persons or addresses that a process remembers for each quota
FILES_OF_PORTAL = 200_000  # kept at the same time, however small

# Files.
FREE_FOR_FILES_BYTES = 1024 * MB  # with less room on the disk of DATA_DIR no file is fetched
FREE_TO_BE_READY_BYTES = 64 * MB  # on the disk of DATA_DIR; with less, /readyz says that it is full

# The spool, bytes. All of it: SPOOL_MB; of one known portal or line: half of that.
SPOOL_OF_UNKNOWN_BYTES = 256 * KB  # of one portal or line that this machine does not know, in one process
SPOOL_OF_ALL_UNKNOWN_BYTES = 8 * MB  # of all their calls, and of all their webhooks, in one process
FREE_FOR_SPOOL_BYTES = 16 * MB  # on the disk of DATA_DIR; with less, nothing is spooled
SPOOL_SET_ASIDE_BYTES = 64 * MB  # that could not be replayed; SPOOL_MB, if that is more: it may be all of the spool
SPOOL_HELD_BYTES = 8 * MB  # of calls whose portal the auth server must vouch for; over it they are refused
KNOWN_CALLERS = 20_000  # digests of portals and lines that the machine remembers

# Times, seconds.
PAGE_TOTAL_S = 8.0  # one question of a page to a portal, from connecting to the last byte
SURVEY_S = 4.0  # a page that asks a portal several questions begins no other one later
SLOW_QUESTION_S = 2.0  # a question about a portal's rows that took longer makes its portal rest as long
REST_TOTAL_S = 60.0  # the same of a worker
CONFIRMED_TOKEN_S = 3600.0  # so long a token that the auth server confirmed shares no quota with others
SLOW_REST_S = 5.0  # an exchange that takes longer makes its portal pause, for so long at first
SLOW_REST_PAUSE_S = 60.0  # and for so long at most
REFUSED_TOKEN_S = 60.0  # so long a token that the auth server refused is refused without asking again
SPOOL_ORDER_S = 120.0  # so long after the database is back, nobody need wait behind the spool any more
DISK_FULL_SHOWN_S = 60  # so long after a row could not be stored for want of room, /readyz says so
DATABASE_ANSWER_S = 30.0  # one statement of a web process, on PostgreSQL
DATABASE_STALLED_S = 5.0  # one that stores a call or a webhook, or replays the spool: then the database counts as away
AGAIN_S = 30  # `Retry-After` of a 429 or 503, by its reason: anything not named below
AGAIN_BUSY_S = 5
AGAIN_DISK_FULL_S = 60
AGAIN_QUOTA_S = 10  # unless the quota knows

# Memory, bytes.
PAGE_ANSWER_BYTES = 2 * MB  # an answer of a portal to a page; for others see bx24.wire.MAX_ANSWER_BYTES

# Places and slots: per process, per portal. None free: 503, or 429 with Retry-After.
UPLOADS_AT_ONCE = 2  # of files, that one process receives at the same time
FILES_AT_ONCE = 2  # of a portal's rows, CSV or XLSX, that one process makes at the same time; of one portal 1
QUESTIONS_AT_ONCE = 2  # that add up many rows of a portal; of one portal 1
LONG_BODIES_AT_ONCE = 2  # longer than LONG_BODY_BYTES, that one process receives and decodes at the same time


def share_of_portal(slots: int) -> int:
    """How many of a stage's slots one portal may hold: a portal that answers slowly leaves the others to everybody else."""
    return max(2, slots // 8)
