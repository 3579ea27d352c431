"""The tables, and how they are read and written. Only services use them."""

from app.models.chain import HeadDiffers, StoredChain
from app.models.clearance import (
    Action,
    DeskCompletion,
    DeskEntry,
    DeskRefusal,
    StoredAnswer,
    Submission,
    Waiver,
)
from app.models.engine import (
    LITTLE_PATIENCE_SECONDS,
    DatabaseRefused,
    Sender,
    claim_for_host,
    get_host,
    insert_once,
    limit_waits,
    read_connection,
    retry_conflicts,
    upsert,
    write_connection,
    write_transaction,
)
from app.models.people import AuditEvent, AuditHead, BrowserSession, Consent
from app.models.slips import HandedOutFile, IssuedCode, Scan, Slip, SlipLogEntry, SlipLogHead, SlipView

__all__ = [
    "LITTLE_PATIENCE_SECONDS",
    "Action",
    "AuditEvent",
    "AuditHead",
    "BrowserSession",
    "Consent",
    "DatabaseRefused",
    "DeskCompletion",
    "DeskEntry",
    "DeskRefusal",
    "HandedOutFile",
    "HeadDiffers",
    "IssuedCode",
    "Scan",
    "Sender",
    "Slip",
    "SlipLogEntry",
    "SlipLogHead",
    "SlipView",
    "StoredAnswer",
    "StoredChain",
    "Submission",
    "Waiver",
    "claim_for_host",
    "get_host",
    "insert_once",
    "limit_waits",
    "read_connection",
    "retry_conflicts",
    "upsert",
    "write_connection",
    "write_transaction",
]
