"""Rows whose state an event ended 已终止: an older state that was put back past this service is as authentic as ever, and only
the events tell that it stands no more. Whoever uses a row asks here besides its code.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Set
from typing import Any, cast

from sqlalchemy import Table, select

from app import metrics
from app.domain.row_ledger import ROWS
from app.extensions import Base
from app.models import AuditEvent, Sender
from app.services.authenticated_rows import Row, name_row

log = logging.getLogger(__name__)

_EVENTS = cast("Table", AuditEvent.__table__)
_DETAILS = select(_EVENTS.c.details)


def list_ended(
    sender: Sender, model: type[Base], kinds: Collection[str], subjects: Collection[str] | None = None
) -> Set[str]:
    """The states (digests) of rows of a table that events of these kinds ended: of these subjects, or of all. Raises
    AttributeError or TypeError for an event of another form.
    """
    if subjects is None:
        query = _DETAILS.where(_EVENTS.c.kind.in_(sorted(kinds)))
    elif subjects:
        # Joined to nothing, the kind is no index to read by: the events of one subject are few, those of a kind many.
        query = _DETAILS.where(_EVENTS.c.subject.in_(sorted(subjects)), (_EVENTS.c.kind + "").in_(kinds))
    else:
        return frozenset()
    return collect_ended(model, sender.execute(query).scalars())


def collect_ended(model: type[Base], told: Iterable[Mapping[str, Any]]) -> Set[str]:
    """The same of the details of events that were read."""
    ended: set[str] = set()
    for details in told:
        ended.update(details.get(ROWS, {}).get("removed", {}).get(model.__tablename__, ()))
    return ended


def was_ended(model: type[Base], row: Row, ended: Set[str]) -> bool:
    """Whether this state of a row is among them; a line in the log where it is."""
    if not ended or name_row(model, row)[1] not in ended:
        return False
    log.error("a row that was ended is there again, and does not count", extra={"table": model.__tablename__})
    metrics.rows_refused.labels(model.__tablename__).inc()
    return True
