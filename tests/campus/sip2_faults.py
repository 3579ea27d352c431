"""How the pretend library misbehaves by SIP2: the faults of its JSON system, as far as they make sense.

| fault | what happens |
| --- | --- |
| `refuse` | the connection is closed before the login |
| `http_401` | the login is refused |
| `http_429` | the connection is closed after the login, without an answer |
| `http_500` | the library asks for the message again (96) |
| `timeout`, `slow_2s`, `timeout_after` | as in the JSON system |
| `drip` | a byte at a time, and the message never ends |
| `reset` | half of the answer, then a reset |
| `html_login` | a page, which is no SIP2 at all |
| `redirect` | the answer to another question: its sequence digit is not the question's |
| `bad_json` | an answer whose checksum is wrong |
| `huge` | an answer with 8 MiB of screen message |
| `error_envelope` | "the system is busy", as an answer about an unknown patron |
| `empty` | a message without content |
| `null_data` | four blanks for each count, no flag that means anything |
| `missing_fields` | an answer without fee, validity and, to an action, without the patron |
| `wrong_student`, `two_students` | another patron's answer; an answer that names two |
| `duplicate_keys` | fee and validity twice, in contradiction |
| `nan` | a fee and a date that are no numbers |
| `unknown_value` | flags that are neither set nor not |

A bad answer is made from a cleared one, so that whoever reads it carelessly lets the student go.
"""

from __future__ import annotations

from tests.campus.facts import LibraryLoans
from tests.campus.faults import other_student
from tests.campus.sip2_wire import END, FLAG_COUNT, checksum, seal, write_patron
from tests.campus.state import Fault

HUGE_BYTES = 8 * 1024 * 1024
PAGE = (
    b"<!doctype html><title>\xe7\xbb\x9f\xe4\xb8\x80\xe8\xba\xab\xe4\xbb\xbd\xe8\xae\xa4\xe8\xaf\x81</title>"
)
ACTION, ANSWERS = "01", {"63": "64", "23": "24", "01": "24"}


def spoil(code: str, number: str, fault: Fault) -> str:
    """Return an answer that is wrong in its content, made from a cleared one."""
    answer, cleared = ANSWERS[code], write_patron(ANSWERS[code], number, LibraryLoans())
    other = other_student(number)
    match fault:
        case Fault.ERROR_ENVELOPE:
            return write_patron(answer, number, None, "系统繁忙，请稍后再试", flags=" " * FLAG_COUNT)
        case Fault.NULL_DATA:
            return f"{answer}{'-' * FLAG_COUNT}{cleared[16:37]}{' ' * 24 if answer == '64' else ''}{_tail(cleared)}"
        case Fault.MISSING_FIELDS:
            kept = cleared.replace("BV0.00|", "").replace("BLY|", "")
            return kept.replace(f"AA{number}|", "") if code == ACTION else kept
        case Fault.WRONG_STUDENT:
            return write_patron(answer, other, LibraryLoans())
        case Fault.TWO_STUDENTS:
            return f"{cleared}AA{other}|"
        case Fault.DUPLICATE_KEYS:
            return cleared.replace("BV0.00|", "BV12.50|BV0.00|").replace("BLY|", "BLN|BLY|")
        case Fault.NAN:
            return f"{cleared[:19]}NaN{cleared[22:]}".replace("BV0.00|", "BVNaN|")
        case Fault.UNKNOWN_VALUE:
            return f"{answer}{'?' * FLAG_COUNT}{cleared[16:]}"
    return cleared


def _tail(body: str) -> str:
    return body[body.index("AO") :]


def damage(whole: bytes, body: str, sequence: str, fault: Fault) -> bytes:
    """Return a sealed answer as it is sent under a fault of the transport."""
    match fault:
        case Fault.HTTP_500:
            return b"96AZ" + checksum(b"96AZ").encode() + END
        case Fault.HTML_LOGIN:
            return PAGE + END
        case Fault.EMPTY:
            return END
        case Fault.BAD_JSON:
            wrong = f"{int(whole[-5:-1], 16) ^ 1:04X}"
            return whole[:-5] + wrong.encode() + END
        case Fault.REDIRECT:
            return seal(body, str((int(sequence) + 1) % 10))
        case Fault.HUGE:
            return seal(f"{body}AF{' ' * HUGE_BYTES}|", sequence)
    return whole
