"""What went wrong around the service, in a sentence for operators that says what to do: the database, the keys, the
configuration, a file. What nobody foresaw has none: it is a fault of the program, whose traceback is needed.
"""

from __future__ import annotations

import errno
import os

from sqlalchemy.exc import SQLAlchemyError

from app.documents.certificate import UnusableCertificate
from app.documents.fonts import UnusableFont
from app.domain.keys import NoSigningKey
from app.models import DatabaseRefused, describe_failure
from app.services.slips.signing_keys import SlipKeyError
from app.settings import SettingsError

NO_KEY = "no slip key may sign now: make one with `flask slip-keys new`"
SAID_IN_WORDS = (SettingsError, SlipKeyError, UnusableCertificate, UnusableFont, DatabaseRefused)
_OF_FILES = {
    errno.ENOENT: "there is no such file or folder",
    errno.EACCES: "this user may not read or write it",
    errno.EPERM: "this user may not read or write it",
    errno.EROFS: "it is on a file system that may only be read",
    errno.EISDIR: "it is a folder, not a file",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.EEXIST: "it is there already",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk is full",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ELOOP: "its links lead in a circle",
}


def describe_fault(error: Exception) -> str:
    """The sentence, or "" for what nobody foresaw."""
    match error:
        case SQLAlchemyError():
            return describe_failure(error)
        case NoSigningKey():
            return NO_KEY
        case UnicodeDecodeError():
            return "a file that was read is no text in UTF-8"
        case BrokenPipeError():
            return ""  # whoever read the output has enough of it
        case OSError():
            return _describe_os_error(error)
    return str(error) if isinstance(error, SAID_IN_WORDS) else ""


def _describe_os_error(error: OSError) -> str:
    words = _OF_FILES.get(error.errno or 0)
    if error.filename is not None:
        name = os.fsdecode(error.filename) if not isinstance(error.filename, int) else "a file"
        return f"{name}: {words or error.strerror}"
    if isinstance(error, TimeoutError):
        return "no answer came in time"
    if isinstance(error, ConnectionError):
        return "the connection was refused, or broke off"
    return words or (error.strerror or "").lower()
