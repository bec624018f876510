"""Files that we keep: on their way to a client, or from one."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from messaging.store.models import Base
from messaging.store.types import EncryptedText, Key, UTCDateTime


class File(Base):
    """A file we keep under an unguessable link (`/files/<token>`) until it expires; the token's digest is stored only.

    path: below DATA_DIR/files. `direction`: `out` (to a client), `in` (from one).
    """

    __tablename__ = "file"
    __table_args__ = (
        UniqueConstraint("token_digest"),
        Index("ix_file_expires", "expires_at"),
        # What a portal's files take together is counted from the index alone.
        Index("ix_file_portal", "portal_id", "size"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    direction: Mapped[str] = mapped_column(String(3))
    token_digest: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(EncryptedText)
    content_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(Key)
    path: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
