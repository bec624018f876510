"""What belongs to the whole installation, and to no portal."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from messaging.store.models import Base
from messaging.store.types import EncryptedText


class Setting(Base):
    """What the installation itself keeps, by name: the key of the phone index."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(EncryptedText)
