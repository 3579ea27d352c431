"""Who sits at the keyboard 操作者: the operating system's user of a command, kept with every event that it writes.

`--by` is what was typed and proves nothing; the system's user, and who became it by sudo, is what an audit can hold
against it.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_USER_NAME = re.compile(r"[\w.@\\$-]{1,64}", re.ASCII)
_present: ContextVar[Mapping[str, str] | None] = ContextVar("keyboard", default=None)


@contextmanager
def at_keyboard() -> Iterator[None]:
    """Audit events written inside name the operating system's user."""
    token = _present.set(read_user())
    try:
        yield
    finally:
        _present.reset(token)


def get_keyboard() -> Mapping[str, str] | None:
    """Who is at the keyboard, or None outside a command."""
    return _present.get()


def read_user() -> dict[str, str]:
    """`os_user`, whose process this is, and `sudo_user` where the process was begun by sudo."""
    uid = os.getuid()
    try:
        user = {"os_user": pwd.getpwuid(uid).pw_name}
    except KeyError:  # as in a container: no name for the number
        user = {"os_user": str(uid)}
    sudo_user = os.environ.get("SUDO_USER", "")
    if sudo_user:
        user["sudo_user"] = sudo_user if _USER_NAME.fullmatch(sudo_user) else "unreadable"
    return user
