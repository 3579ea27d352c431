"""What the table of an `http_json` system declares; `config/DEPARTMENTS.md` explains it to operators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field as Key

from app.connectors.config import ConnectorConfig
from app.connectors.fields import Facts, JsonField
from app.connectors.http.pages import PageShape
from app.connectors.http.request import Access, RequestShape, list_body_contradictions
from app.connectors.json_paths import AnyPath
from app.connectors.reading import ActionShape, AnswerShape, NoRecord

ALL_ROWS = "the system sends all"


class HttpAction(RequestShape, ActionShape):
    """A request that has something done, and what its answers mean."""

    echo: AnyPath = Key(
        description="path of the student number in the answer: must equal the number asked for"
    )


class HttpJsonConfig(ConnectorConfig, Access, RequestShape, AnswerShape):
    """A system that answers JSON: the question, its answer, and its actions."""

    kind: Literal["http_json"] = Key("http_json", description="a system that answers JSON over HTTP")
    complete: Literal["the system sends all"] | None = Key(
        None,
        description=f'with `many`: `"{ALL_ROWS}"`, in so many words, where its makers vouch for it and it tells no '
        "number of rows",
    )
    pages: PageShape | None = Key(None, description="if there: the rows come in pages")
    fields: Facts[JsonField]
    actions: Mapping[str, HttpAction] = Key({}, description="one table for each action")

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        yield from list_body_contradictions(self, self)
        yield from self._list_page_contradictions()
        for name, action in self.actions.items():
            for key, message in list_body_contradictions(self, action):
                yield f"actions.{name}.{key}", message
        if (self.no_record is NoRecord.MARKED) != bool(self.no_record_mark):
            yield "no_record_mark", 'needs no_record = "marked"' if self.no_record_mark else "is missing"
        if (self.as_of is None) != (self.fresh_for_minutes is None):
            yield "fresh_for_minutes", "is missing" if self.as_of else "needs as_of"
        if self.as_of is None and self.time_zone is not None:
            yield "time_zone", "needs as_of"

    def _list_page_contradictions(self) -> Iterator[tuple[str, str]]:
        """Rows that may be many are believed only if something proves that none of them is missing."""
        proofs = [key for key in ("count", "complete", "pages") if getattr(self, key) is not None]
        if len(proofs) > 1:
            others = ", ".join(proofs[1:])
            yield proofs[0], f"and {others} are set: one of them tells that no row is missing"
        if self.rows == "many" and not proofs:
            yield (
                "rows",
                f'is many: name what proves that no row is missing, count, [.pages] or complete = "{ALL_ROWS}"',
            )
        for key in ("complete", "pages"):
            if key in proofs and self.rows != "many":
                yield key, 'needs rows = "many"'
        if self.pages is not None:
            for key, message in self.pages.list_body_contradictions(self, self):
                yield f"pages.{key}", message
