"""Reads the configuration of an `http_json` system: one table `[connectors.<name>]`.

| key | meaning |
| --- | --- |
| `kind` | `"http_json"` |
| `base_url` | scheme, host and port, perhaps a path: `https://lib.example.edu.cn`. `http://` only for this machine |
| `plain_http` | true: unencrypted `http://` to another machine is accepted (false) |
| `ca_file` | the certificates to trust in place of the system's, in PEM ("") |
| `path` | below `base_url`, with `/` in front; may hold a fixed query |
| `method` | `GET` or `POST` |
| `number_in` | where the student number goes: `path` (at `{student_number}`), `query`, `form` or `json` |
| `number_name` | the name of that parameter or field; not for `path` |
| `credential_in` | `header`, `query`, `form`, `json`; `none` for a system that asks for no credential |
| `credential_name` | the header's, parameter's or field's name; not with a signature |
| `credential_prefix` | text before the credential, e.g. `"Bearer "` ("") |
| `credential`, `credential_file` | the secret: from the environment or from a file |
| `[.signature]` | if there: the credential signs each request and does not travel, see below |
| `success` | table of path = value, or list of values: all must hold for an answer to be believed |
| `echo` | path of the student number in the answer: must equal the number asked for |
| `rows_path` | path of the row (an object, or a list with one) or of the list of rows; no index |
| `rows` | `one` or `many`; `many` needs one of `count`, `complete` and `[.pages]`, so that no row can be missing unseen |
| `complete` | with `many`: `"the system sends all"`, in so many words, where its makers vouch for it and it tells no number of rows |
| `record_number` | path, inside each row, of its student number: every row must be the student's (none) |
| `count` | path of the number of rows: must equal the rows found (none) |
| `[.pages]` | if there: the rows come in pages, see below |
| `as_of` | path of the moment at which the answer's data were brought up to date, as `2026-06-09 08:00:00` (none) |
| `fresh_for_minutes` | with `as_of`: how old that may be |
| `time_zone` | with `as_of`: of moments without a zone of their own; without it such a moment is refused ("") |
| `no_record` | what "no record of this student" looks like: `never`; `empty`: `rows_path` holds `[]`; `null`: it holds null; `marked`: see below |
| `no_record_mark` | with `marked`: table like `success`; if it holds, `rows_path` must hold null or `[]` |
| `[.fields.<fact>]` | one for each fact, see below |
| `[.actions.<action>]` | `path`, `method`, `number_in`, `number_name`, `echo` as above; `confirmed`, `already` (counts as confirmed), `refused`: tables like `success`; the last two may be missing |
| `deadline_seconds` | for a whole call with its waiting (3) |
| `max_connections` | calls at the same time; those beyond wait (256) |
| `breaker_failures`, `breaker_pause_seconds` | see `breaker.py` (10, 2) |

`[.signature]`: `method` = `md5` or `hmac-sha256`; `app_id`; `message`, a text with `{app_id}`, `{timestamp}`, `{nonce}`,
`{student_number}` and, for `md5` alone, `{secret}`; `upper_case` (false); `app_id_name`, `timestamp_name`, `nonce_name`,
`signature_name`: the headers, parameters or fields that carry the values, placed by `credential_in`.

`[.pages]`: `number_in` = `query`, `form` or `json` and `number_name`: where the page's number goes; `first`, the first page's
(1); `size_name` and `size`: the parameter of the rows a page, and how many (none); `total`, the path of the number of all
rows, or `end = "empty_page"`: pages are asked for until two have no rows; `echo`, the path where an answer repeats its
page's number (none; needed with `end`); `row_key`, the path inside a row of what names it, such as a bill's number (none:
all facts that are read of it); `most`, how many pages at most (20). All pages within the one deadline. A short page ends
nothing; `end` asks for one more page, which must be without rows too. A row that comes twice, because pages overlap, or
another total makes the system unavailable (`pages.py` has the list): where two rows may be equal in all their facts, such
as two fees of one name and amount, set `row_key`.

`[.fields.<fact>]`: `path` inside the row; `type` = `text`, `count`, `money`, `day` (YYYY-MM-DD) or `flag`; `unit` =
`yuan` or `fen`, for money; `json` = `number` or `string`, for count (`number`) and money (`string`); for text `values`,
a table of the known texts and the facts they mean, or `known`, a list of texts that are facts themselves, or neither:
free text, all of which must match `pattern` (`.*`); `empty` (false): null, "" and what `[answers]` lists as standing for
nothing (无, -, 0000-00-00, 9999-12-31, …) are a known meaning, "nothing"; without it they are refused, and in free text they never
count. A day is from `not_before` (that of `[answers]`) to today, on the service's wall clock, or later with `may_be_future`
(false). Spaces and invisible characters of a text are folded before it is compared, and numbers of students too.
Anything else makes the system unavailable for that student; but what is odd, too early, still to come or nothing in a
fact that a step shows and no step's rule reads is left out (shown as none, logged as "fact left out"): it settles nothing.
A missing field, a list or an object, and a text outside `known` or `values` stay faults even there.

Paths are dotted, with indexes where lists are: `data.rows[0].name`; `$` is the whole answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from yarl import URL

from app.connectors.config import (
    read_choice,
    read_credential,
    read_field,
    read_marks,
    read_optional_path,
    read_request,
)
from app.connectors.http.pages import PageShape, read_pages
from app.connectors.http.request import Credential, RequestShape
from app.connectors.json_paths import LIST_PATH_PATTERN, PATH_PATTERN, Mark
from app.connectors.reading import ActionShape, AnswerShape, NoRecord, read_age_limit
from app.domain.conventions import USUAL, Conventions
from app.domain.json_reading import parse_path
from app.tables import Table

ALL_ROWS = "the system sends all"


@dataclass(frozen=True, slots=True)
class HttpJsonConfig:
    """A system's question, its answer, and its actions."""

    question: RequestShape
    answer: AnswerShape
    pages: PageShape | None
    actions: dict[str, tuple[RequestShape, ActionShape]]
    ca_file: str


def read_http_json(table: Table, conventions: Conventions = USUAL) -> HttpJsonConfig:
    """The configuration in a table; notes every fault in `table.faults`. Common keys are read elsewhere."""
    base_url = _read_base_url(table)
    credential = read_credential(table)
    question = read_request(table, base_url, credential)
    answer = _read_answer(table, conventions)
    pages = read_pages(table.table("pages"), question) if table.has("pages") else None
    _check_completeness(table, answer)
    return HttpJsonConfig(
        question=question,
        answer=answer,
        pages=pages,
        actions={
            name: _read_action(action, base_url, credential, conventions)
            for name, action in table.named_tables("actions").items()
        },
        ca_file=table.text("ca_file", ""),
    )


def _read_base_url(table: Table) -> str:
    url = table.text("base_url", pattern=r"https?://[A-Za-z0-9.\-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/\-]*)?")
    may_be_plain = table.flag("plain_http", False) or _read_host(table, url) in ("127.0.0.1", "localhost")
    if url.startswith("http://") and not may_be_plain:
        table.fault("base_url", "must start with https://, or plain_http must be true")
    return url.rstrip("/")


def _read_host(table: Table, url: str) -> str | None:
    try:
        return URL(url).host
    except ValueError:
        table.fault("base_url", "is not an address")
        return None


def _read_answer(table: Table, conventions: Conventions) -> AnswerShape:
    no_record = read_choice(table, "no_record", NoRecord.NEVER)
    shape = AnswerShape(
        success=read_marks(table, "success"),
        echo=parse_path(table.text("echo", pattern=PATH_PATTERN)),
        rows_path=parse_path(table.text("rows_path", pattern=LIST_PATH_PATTERN)),
        is_many=table.text("rows", choices=("one", "many")) == "many",
        no_record=no_record,
        no_record_marks=_read_no_record_marks(table, no_record),
        fields={name: read_field(field, conventions) for name, field in table.named_tables("fields").items()},
        record_number=read_optional_path(table, "record_number"),
        count=read_optional_path(table, "count"),
        as_of=read_optional_path(table, "as_of"),
        age=read_age_limit(table) if table.has("as_of") else None,
        conventions=conventions,
    )
    if not shape.fields:
        table.fault("fields", "names no fact")
    return shape


def _check_completeness(table: Table, answer: AnswerShape) -> None:
    """Rows that may be many are believed only if something proves that none of them is missing."""
    proofs = [key for key in ("count", "complete", "pages") if table.has(key)]
    if table.has("complete"):
        table.text("complete", choices=(ALL_ROWS,))
    if len(proofs) > 1:
        table.fault(
            proofs[0], f"and {', '.join(proofs[1:])} are set: one of them tells that no row is missing"
        )
    if answer.is_many and not proofs:
        table.fault(
            "rows",
            f'is many: name what proves that no row is missing, count, [.pages] or complete = "{ALL_ROWS}"',
        )
    for key in ("complete", "pages"):
        if table.has(key) and not answer.is_many:
            table.fault(key, 'needs rows = "many"')


def _read_no_record_marks(table: Table, no_record: NoRecord) -> tuple[Mark, ...]:
    if no_record is NoRecord.MARKED:
        return read_marks(table, "no_record_mark")
    if table.has("no_record_mark"):
        table.values("no_record_mark")
        table.fault("no_record_mark", 'needs no_record = "marked"')
    return ()


def _read_action(
    table: Table, base_url: str, credential: Credential | None, conventions: Conventions
) -> tuple[RequestShape, ActionShape]:
    shape = ActionShape(
        echo=parse_path(table.text("echo", pattern=PATH_PATTERN)),
        confirmed=read_marks(table, "confirmed"),
        already=read_marks(table, "already") if table.has("already") else (),
        refused=read_marks(table, "refused") if table.has("refused") else (),
        conventions=conventions,
    )
    request = read_request(table, base_url, credential)
    table.close()
    return request, shape
