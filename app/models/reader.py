"""The engine for reading single rows: on PostgreSQL one without transactions, which saves two round trips.

It has connections of its own: one that goes to and fro between the two ways of working pays for it each time.
"""

from __future__ import annotations

import threading
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, create_engine, event

from app.models.answer_limits import limit_waits

CONNECTIONS = 4
POOL_SECONDS = 6
KEEP_PLANS = "-c plan_cache_mode=force_generic_plan"
"""PostgreSQL would else plan each look-up of several keys anew, which is half of its work."""
_readers: WeakKeyDictionary[Engine, Engine] = WeakKeyDictionary()
_guard = threading.Lock()


def get_reader(engine: Engine) -> Engine:
    """The reader of this engine's database."""
    if engine.dialect.name != "postgresql":
        return engine
    with _guard:
        reader = _readers.get(engine)
        if reader is None:
            reader = _readers[engine] = _make_reader(engine)
        return reader


def _make_reader(engine: Engine) -> Engine:
    options = f"{engine.url.query.get('options', '')} {KEEP_PLANS}".strip()
    reader = create_engine(
        engine.url.update_query_dict({"options": options}),
        isolation_level="AUTOCOMMIT",
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        pool_reset_on_return=None,
        hide_parameters=True,
    )
    limit_waits(reader)
    event.listen(engine, "engine_disposed", lambda _: reader.dispose())
    return reader
