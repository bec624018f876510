"""The columns of a message that only reports ask for."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from messaging.store.types import Key, UTCDateTime


class Reported:
    """Who wrote a message, and what its client did about it.

    author_id: the portal's user who wrote or sent it, None: no person. replied_at: when the client first answered it;
    opted_out_at: when the client, having got it, asked for no more messages (messaging.runs.reactions says which message
    an answer belongs to).
    """

    author_id: Mapped[int | None] = mapped_column(Key)
    replied_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    opted_out_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
