"""What every connector offers, and the names of all that can go wrong with a department system."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.domain.clearance import DepartmentUnavailable, Reading


class ActionOutcome(StrEnum):
    """What is known of an action after it was asked for. UNKNOWN: it may or may not have been done."""

    CONFIRMED = "confirmed"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class FailureCode(StrEnum):
    """Why a system is unavailable: the `fault` of DepartmentUnavailable, for logs, metrics and /readyz."""

    # The system cannot be reached or does not answer: these open the breaker.
    UNREACHABLE = "unreachable"
    DISCONNECTED = "disconnected"
    TIMEOUT = "timeout"
    TLS = "tls"
    SERVER_ERROR = "server_error"
    TOO_MANY_REQUESTS = "too_many_requests"
    TOKEN_UNREACHABLE = "token_unreachable"  # noqa: S105 - a fault's name
    # It answered, but not as a success.
    CREDENTIAL_REFUSED = "credential_refused"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a fault's name
    TOKEN_UNUSABLE = "token_unusable"  # noqa: S105 - a fault's name
    REDIRECT = "redirect"
    HTTP_STATUS = "http_status"
    BAD_HTTP = "bad_http"
    TOO_LARGE = "too_large"
    ENCODING = "encoding"
    CONTENT_TYPE = "content_type"
    SOAP_FAULT = "soap_fault"
    # It answered with a success that cannot be trusted.
    NOT_JSON = "not_json"
    NOT_XML = "not_xml"
    NOT_SIP2 = "not_sip2"
    CHECKSUM = "checksum"
    SEQUENCE = "sequence"
    DUPLICATE_KEY = "duplicate_key"
    NO_SUCCESS = "no_success"
    WRONG_STUDENT = "wrong_student"
    SEVERAL_RECORDS = "several_records"
    WRONG_COUNT = "wrong_count"
    NO_ROWS = "no_rows"
    CONTRADICTION = "contradiction"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    MALFORMED_NUMBER = "odd_number"
    MALFORMED_TEXT = "odd_text"
    MALFORMED_DAY = "malformed_day"
    DAY_OUT_OF_BOUNDS = "day_out_of_bounds"
    UNKNOWN_VALUE = "unknown_value"
    STALE = "stale"
    REPEATED_PAGE = "repeated_page"
    UNFOLDED_NUMBER = "unfolded_number"
    NO_ENTRY = "no_entry"
    NOT_COMPLETE = "not_complete"
    REFUSED_ROW = "refused_row"
    FORGED_ROW = "forged_row"
    # It was not asked, or something on this side failed.
    NO_KEY = "no_key"
    SEVERAL_KEYS = "several_keys"
    MALFORMED_KEY = "malformed_key"
    KEY_UNPROVEN = "key_unproven"
    ODD_STUDENT_NUMBER = "odd_student_number"
    BUSY = "busy"
    BREAKER_OPEN = "breaker_open"
    INTERNAL = "internal"


TRANSPORT_FAILURES = frozenset(
    {
        FailureCode.UNREACHABLE,
        FailureCode.DISCONNECTED,
        FailureCode.TIMEOUT,
        FailureCode.TLS,
        FailureCode.SERVER_ERROR,
        FailureCode.TOO_MANY_REQUESTS,
        FailureCode.TOKEN_UNREACHABLE,
    }
)


class UntrustedAnswer(Exception):
    """An answer that is not positively understood. Carries the fault's name and nothing of the answer."""

    def __init__(self, fault: FailureCode) -> None:
        super().__init__(fault.value)
        self.fault = fault


class StaleView(DepartmentUnavailable):
    """A department's data was not brought up to date in time; `as_of` is when it last was, in UTC."""

    def __init__(self, system: str, as_of: datetime) -> None:
        super().__init__(system, FailureCode.STALE)
        self.as_of = as_of


class UnknownAction(LookupError):
    """A connector was asked for an action that its configuration does not name."""


class Connector(Protocol):
    """One department system. Its coroutines run in the background loop only (see `event_loop.py`)."""

    @property
    def name(self) -> str:
        """The name of its table in the configuration."""

    @property
    def actions(self) -> frozenset[str]:
        """The actions it can be asked for."""

    async def fetch_reading(self, student_number: str) -> Reading:
        """Ask the system about one student; raises DepartmentUnavailable whatever the system does."""

    async def perform_action(self, action: str, student_number: str) -> ActionOutcome:
        """Ask the system, once, to do something; raises UnknownAction for one it does not have."""

    async def close(self) -> None:
        """Close its connections."""
