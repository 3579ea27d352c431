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
| `rows` | `one` or `many` |
| `record_number` | path, inside each row, of its student number: every row must be the student's (none) |
| `count` | path of the number of rows: must equal the rows found (none) |
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

`[.fields.<fact>]`: `path` inside the row; `type` = `text`, `count`, `money`, `day` (YYYY-MM-DD) or `flag`; `unit` =
`yuan` or `fen`, for money; `json` = `number` or `string`, for count (`number`) and money (`string`); for text `values`,
a table of the known texts and the facts they mean, or `known`, a list of texts that are facts themselves, or neither:
free text, all of which must match `pattern` (`.*`); `empty` (false): null and "" are a known meaning, "nothing".
Anything else makes the system unavailable for that student.

Paths are dotted, with indexes where lists are: `data.rows[0].name`; `$` is the whole answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from yarl import URL

from app.connectors.answer import ActionShape, AnswerShape, NoRecord
from app.connectors.config_parts import (
    read_choice,
    read_credential,
    read_field,
    read_marks,
    read_optional_path,
    read_request,
)
from app.connectors.paths import LIST_PATH_PATTERN, PATH_PATTERN, Mark, parse_path
from app.connectors.request import Credential, RequestShape
from app.tables import Table


@dataclass(frozen=True, slots=True)
class HttpJsonConfig:
    """A system's question, its answer, and its actions."""

    question: RequestShape
    answer: AnswerShape
    actions: dict[str, tuple[RequestShape, ActionShape]]
    ca_file: str


def read_http_json(table: Table) -> HttpJsonConfig:
    """The configuration in a table; notes every fault in `table.faults`. Common keys are read elsewhere."""
    base_url = _read_base_url(table)
    credential = read_credential(table)
    return HttpJsonConfig(
        question=read_request(table, base_url, credential),
        answer=_read_answer(table),
        actions={
            name: _read_action(action, base_url, credential)
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


def _read_answer(table: Table) -> AnswerShape:
    no_record = read_choice(table, "no_record", NoRecord.NEVER)
    shape = AnswerShape(
        success=read_marks(table, "success"),
        echo=parse_path(table.text("echo", pattern=PATH_PATTERN)),
        rows_path=parse_path(table.text("rows_path", pattern=LIST_PATH_PATTERN)),
        is_many=table.text("rows", choices=("one", "many")) == "many",
        no_record=no_record,
        no_record_marks=_read_no_record_marks(table, no_record),
        fields={name: read_field(field) for name, field in table.named_tables("fields").items()},
        record_number=read_optional_path(table, "record_number"),
        count=read_optional_path(table, "count"),
    )
    if not shape.fields:
        table.fault("fields", "names no fact")
    return shape


def _read_no_record_marks(table: Table, no_record: NoRecord) -> tuple[Mark, ...]:
    if no_record is NoRecord.MARKED:
        return read_marks(table, "no_record_mark")
    if table.has("no_record_mark"):
        table.values("no_record_mark")
        table.fault("no_record_mark", 'needs no_record = "marked"')
    return ()


def _read_action(
    table: Table, base_url: str, credential: Credential | None
) -> tuple[RequestShape, ActionShape]:
    shape = ActionShape(
        echo=parse_path(table.text("echo", pattern=PATH_PATTERN)),
        confirmed=read_marks(table, "confirmed"),
        already=read_marks(table, "already") if table.has("already") else (),
        refused=read_marks(table, "refused") if table.has("refused") else (),
    )
    request = read_request(table, base_url, credential)
    table.close()
    return request, shape
