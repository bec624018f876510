"""The table of what was seen in the traffic. No stage works by it: it is for the doctor alone."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from messaging.store.models import Base
from messaging.store.types import Digest, Key, UTCDateTime


class Observation(Base):
    """What was seen in a portal's traffic, how often, and when first and last. It holds no values of the traffic.

    portal_id: 0 if it is not known which portal it was. kind: `point` (an open point of the vendors' documentation: name is
    its id, what the word of an answer) or where an unknown or refused payload came (name says why, what its shape).
    digest: of name and what.
    """

    __tablename__ = "observation"
    __table_args__ = (Index("ix_observation_last", "last_seen"),)

    portal_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    digest: Mapped[str] = mapped_column(Digest, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    what: Mapped[str] = mapped_column(String(2000))
    first_seen: Mapped[datetime] = mapped_column(UTCDateTime)
    last_seen: Mapped[datetime] = mapped_column(UTCDateTime)
    count: Mapped[int] = mapped_column(Key)
