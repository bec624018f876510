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
WEBHOOK_BYTES = 4 * MB  # a webhook of Gupshup; from gupshup.webhooks.READ_BYTES on it is stored, but not read
PAGE_BYTES = 512 * KB  # what our own pages send: a form, the settings of one robot

# Fields and entries. Over it: cut, or an error in the workflow log.

# Numbers, characters.

# Files.

# Times, seconds.

# Memory, bytes.

# Places and slots: per process, per portal. None free: 503, or 429 with Retry-After.
LONG_WEBHOOKS_AT_ONCE = 2  # bodies over gupshup.webhooks.READ_BYTES that one process receives at the same time
