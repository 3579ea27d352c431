"""A file that was handed out 发出的文件: its digest, whatever later releases draw."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base
from app.models.types import UtcDateTime


class HandedOutFile(Base):
    """The SHA-256 of exactly the bytes that somebody got of a slip with this code. Rows are added and never
    changed. `seal` is the signature of the slip key `kid` over the digest, so that nobody makes a file genuine by
    writing to the database.
    """

    __tablename__ = "handed_out_files"

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    short_code: Mapped[str] = mapped_column(ForeignKey("issued_codes.short_code"), index=True)
    kid: Mapped[int]
    seal: Mapped[str] = mapped_column(String(128))
    handed_out_at: Mapped[datetime] = mapped_column(UtcDateTime)
