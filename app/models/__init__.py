"""The stored nouns, one a file. Only services read and write them."""

from app.models.action import Action
from app.models.audit_event import AuditEvent, AuditHead
from app.models.browser_session import BrowserSession
from app.models.consent import Consent
from app.models.desk_entry import DeskEntry
from app.models.engine import upsert, write_transaction
from app.models.known_answer import KnownAnswer
from app.models.slip import IssuedCode, Slip, SlipLogEntry, SlipLogHead
from app.models.slip_check import SlipCheck
from app.models.submission import Submission
from app.models.waiver import Waiver

__all__ = [
    "Action",
    "AuditEvent",
    "AuditHead",
    "BrowserSession",
    "Consent",
    "DeskEntry",
    "IssuedCode",
    "KnownAnswer",
    "Slip",
    "SlipCheck",
    "SlipLogEntry",
    "SlipLogHead",
    "Submission",
    "Waiver",
    "upsert",
    "write_transaction",
]
