"""Whether rows that decide are authentic."""

from __future__ import annotations

from collections.abc import Iterator

from app.extensions import db
from app.identity.base import CheckResult, Severity
from app.models import Waiver
from app.services.audit import read_ledger
from app.services.authenticated_rows import count_foreign, count_forged, count_strays
from app.services.desk.doubts import count_unsaid
from app.services.installation import Installation
from app.services.operations.database_checks import check_migration, has_table
from app.services.operations.findings import fault, good, note
from app.services.row_keys import RowKeyError, load_row_keys


def check_rows(installation: Installation) -> Iterator[CheckResult]:
    """Whether rows that decide can be authenticated, and which are waiting for somebody to look at them."""
    try:
        keys = installation.row_keys.current()
    except RowKeyError:
        yield fault("no row key can be used, and no waiver or desk entry counts: `flask doctor` says why")
        return
    if not has_table(Waiver.__tablename__) or any(one.fit is Severity.FAULT for one in check_migration()):
        return
    with db.engine.connect() as connection:
        foreign = count_foreign(connection, keys)
        unsaid = count_unsaid(connection)
    for table, count in foreign.items():
        yield note(
            f"{count} row(s) of {table} do not count: no row key of this host proves them. Bring its key; `flask row-keys "
            "adopt` tells rows of before from what somebody added past the service"
        )
    if unsaid:
        yield note(
            f"refused rows of {unsaid} student(s) of desks are gone past the service; their entries say so, and do not "
            "count: see `flask audit verify`"
        )
    if not foreign:
        yield good("every row that decides is signed by a key of this host")


def check_codes(installation: Installation) -> Iterator[CheckResult]:
    """Whether the key files can be read now, each code is true, and the rows are those that the events tell of."""
    try:
        keys = load_row_keys(installation.settings.slip.keys)
    except RowKeyError as error:
        yield fault(str(error))
        return
    yield good(f"{len(keys.keys)} row key(s), each its owner's alone")
    if any(one.fit is Severity.FAULT for one in check_migration()):
        return
    with db.engine.connect() as connection:
        forged = count_forged(connection, keys)
        try:
            strays = count_strays(connection, read_ledger(connection))
        except (ValueError, TypeError, AttributeError):
            yield fault("an audit event cannot be read: see `flask audit verify`")
            return
    faults = (
        (forged, "were added or changed past the service"),
        (strays.gone, "that events tell of are gone, or were changed past the service"),
        (strays.put_back, "were put back past the service, though an event ended them, and do not count"),
    )
    for counts, words in faults:
        for table, count in counts.items():
            if count:
                yield fault(f"{count} row(s) of {table} {words}: see `flask audit verify`")
