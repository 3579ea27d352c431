"""The stored nouns, one a file. Only services read and write them."""

from app.models.action import Action
from app.models.answer_limits import limit_waits
from app.models.audit_event import AuditEvent, AuditHead
from app.models.browser_session import BrowserSession
from app.models.consent import Consent
from app.models.desk_entry import DeskEntry
from app.models.desk_gap import DeskCompletion, DeskRefusal
from app.models.engine import (
    LITTLE_PATIENCE_SECONDS,
    Sender,
    insert_once,
    retry_conflicts,
    upsert,
    write_connection,
    write_transaction,
)
from app.models.handed_out_file import HandedOutFile
from app.models.known_answer import KnownAnswer
from app.models.one_host import DatabaseRefused, claim_for_host, get_host
from app.models.reader import get_reader
from app.models.shared_reads import SharedReads
from app.models.slip import IssuedCode, Slip, SlipLogEntry, SlipLogHead
from app.models.slip_check import SlipCheck
from app.models.submission import Submission
from app.models.waiver import Waiver

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
    "IssuedCode",
    "KnownAnswer",
    "Sender",
    "SharedReads",
    "Slip",
    "SlipCheck",
    "SlipLogEntry",
    "SlipLogHead",
    "Submission",
    "Waiver",
    "claim_for_host",
    "get_host",
    "get_reader",
    "insert_once",
    "limit_waits",
    "retry_conflicts",
    "upsert",
    "write_connection",
    "write_transaction",
]
