"""Tokens: systems that want a call of its own first, whose answer holds what every request then carries for a while.

One token per process, shared by all calls. It is fetched once at a time, whoever waits for it; renewed in the background
before it ends, while the old one is used; and dropped when the system refuses it. A call that ends early does not end
the fetch that others wait for. A refusal is remembered for a moment, so that a wrong secret is not tried for each student
until the system locks the account.
"""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field as Key

from app.config_model import Choice, Number, Secret, Section, between, matching, one_of
from app.connectors.base import TRANSPORT_FAILURES, FailureCode, UntrustedAnswer
from app.connectors.http.address import AddressPath, OptionalBaseUrl
from app.connectors.http.answers import (
    AnswerForm,
    AnswerText,
    Format,
    InsideTexts,
    list_inside_contradictions,
)
from app.connectors.http.fixed import Fixed, list_path_claims
from app.connectors.http.places import (
    NAME_PATTERN,
    Claim,
    Name,
    Place,
    Placed,
    assemble,
    list_claim_contradictions,
    merge,
    write_texts,
)
from app.connectors.http.soap import Soap, fill_body
from app.connectors.http.templates import Body, list_placeholder_mistakes
from app.connectors.json_paths import AnyPath, Marks, OptionalPath, all_hold, look_up
from app.domain.json_reading import Json
from app.event_loop import PerLoop, start_task
from app.http_client import Answer, HttpClient, HttpError, NoAnswer, Request, WantsBody

_TOKEN = re.compile(r"[!-~]{1,8192}")
_SECONDS = re.compile(r"[0-9]{1,9}")
MARGIN_SECONDS = 60.0
"""How long before its end a token is renewed, at most; a tenth of its life where that is less."""
SHARE_OF_DEADLINE = 2 / 3
"""The part of a call's time that a token may take, so that its failure is told as one and not as a timeout."""
_REFUSALS = frozenset({FailureCode.CREDENTIAL_REFUSED, FailureCode.HTTP_STATUS, FailureCode.NO_SUCCESS})


class TokenCredentials(StrEnum):
    """How the call for a token says who asks."""

    BASIC = "basic"
    HEADER = "header"
    QUERY = "query"
    FORM = "form"
    JSON = "json"
    BODY = "body"


class TokenShape(Section):
    """The call for a token, its answer, and where the token then goes."""

    base_url: OptionalBaseUrl = Key("", description="as that of the system, where it is another one")
    path: AddressPath = Key(description="below `base_url`, with `/` in front; may hold a fixed query")
    method: Literal["GET", "POST"] = Key(description="`GET` or `POST`")
    fixed: Fixed = Key(
        Fixed(), description="what the call always holds, such as `grant_type`: as that of the request"
    )
    credentials_in: Choice[TokenCredentials] = Key(
        description="how it carries id and secret: `header`, `query`, `form`, `json`, `body` (placeholders of its own `[.body]`), or "
        "`basic`: HTTP Basic"
    )
    id: Annotated[str, matching(r"[!-~]+")] = Key(
        "", description="who we are to the system; needed with `basic`"
    )
    id_name: Annotated[str, matching(NAME_PATTERN)] = Key(
        "", description="the header, parameter, field or placeholder that carries `id`; not with `basic`"
    )
    secret: Annotated[Secret, matching(r"[ -~]+")] = Key(
        description="the secret: from the environment or from a file"
    )
    secret_name: Annotated[str, matching(NAME_PATTERN)] = Key(
        "", description="the header, parameter, field or placeholder that carries `secret`; not with `basic`"
    )
    body: Body | None = Key(
        None, description="if there: the template of the call's body, like that of the request"
    )
    soap: Soap | None = Key(None, description="if there: a SOAP call, like that of the request")
    format: Choice[Format] = Key(Format.JSON, description="how its answer is written: `json` or `xml`")
    inside: InsideTexts = ()
    success: Marks = Key(
        (),
        description="table of path = value, or list of values, that must hold for the answer to be believed",
    )
    token_path: AnyPath = Key(description="path of the token in the answer")
    life_path: OptionalPath = Key(
        None,
        description="path of the seconds that it lives, a whole number or a text of one; or `life_seconds`",
    )
    life_seconds: Annotated[Number | None, between(1, 31_622_400)] = Key(
        None, description="how long it lives, where the answer does not tell"
    )
    placed_in: Annotated[
        Choice[Place], one_of(Place.HEADER, Place.QUERY, Place.FORM, Place.JSON, Place.BODY)
    ] = Key(
        description="where requests carry the token: `header`, `query`, `form`, `json` or `body` (a placeholder of "
        "`[.body]`)"
    )
    name: Name = Key(description="the name of the header, parameter, field or placeholder there")
    prefix: Annotated[str, matching(r"[ -~]*")] = Key(
        "", description='text before the token, e.g. `"Bearer "`'
    )
    expired: Marks = Key(
        (),
        description="table like `success`: an answer in which it holds counts as a 401: the token is renewed, and the "
        "question asked once more",
    )

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        if self.credentials_in is TokenCredentials.BASIC:
            if not self.id or ":" in self.id:
                yield "id", "is needed with basic, without a colon"
            yield from (
                (key, "is not a known key") for key in ("id_name", "secret_name") if getattr(self, key)
            )
        else:
            if not self.secret_name:
                yield "secret_name", "is missing"
            if bool(self.id) != bool(self.id_name):
                yield "id_name", "is missing" if self.id else "needs id"
        if (self.life_path is None) == (self.life_seconds is None):
            yield "life_path", "or life_seconds must be set, and only one of them"
        if "{" in self.path:
            yield "path", "must hold nothing in braces"
        claims = list(self._list_own_claims())
        yield from list_claim_contradictions(claims, (), self.method)
        yield from self._list_body_contradictions(
            {claim.name for claim in claims if claim.place is Place.BODY}
        )
        yield from list_inside_contradictions(self.inside)
        yield from self.form.list_mark_contradictions("success", self.success)

    def _list_body_contradictions(self, needed: set[str]) -> Iterator[tuple[str, str]]:
        if self.soap is not None:
            yield from self.soap.list_body_contradictions(self.body)
            if self.format is not Format.XML:
                yield "format", "must be xml, as soap is set"
        if self.body is None:
            if needed:
                yield "body", "is missing"
            return
        if self.method == "GET":
            yield "method", "must be POST to send a body"
        found = self.body.placeholders | (self.soap.placeholders if self.soap else frozenset())
        yield from (("body", wrong) for wrong in list_placeholder_mistakes(found, needed, set()))

    @property
    def form(self) -> AnswerForm:
        """How its answer is built."""
        return AnswerForm(self.format, self.inside, self.soap)

    def list_claims(self) -> Iterator[Claim]:
        """The place that the token fills in requests."""
        yield Claim("token.name", "token.placed_in", self.placed_in, self.name)

    def place(self, token: str) -> Placed:
        """The token in its place."""
        return {self.placed_in: {self.name: self.prefix + token}}

    def build_request(self, base_url: str) -> Request:
        """The call for a token; `base_url` is that of the system."""
        placed = merge(self._accept(), self.fixed.placed, self._place_credentials())
        body = None if self.body is None else fill_body(self.body, self.soap, write_texts(placed[Place.BODY]))
        return assemble(self.method, (self.base_url or base_url) + self.path, placed, body)

    def _accept(self) -> Placed:
        """What the call for a token takes, whatever the system's other answers are."""
        is_told = any(name.lower() == "accept" for name in self.fixed.header)
        return {} if is_told else {Place.HEADER: {"Accept": ", ".join(self.form.content_types)}}

    def read_token(self, document: Json) -> tuple[str, float]:
        """The token in an answer and the seconds that it lives. Raises UntrustedAnswer."""
        if not all_hold(self.success, document):
            raise UntrustedAnswer(FailureCode.NO_SUCCESS)
        token = look_up(document, self.token_path)
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise UntrustedAnswer(FailureCode.WRONG_TYPE)
        return token, self._read_life(document)

    def find_token(self, text: AnswerText, body: bytes) -> Iterator[str]:
        """The token in an answer to the call for one, if there is a text in its place, whether or not it can be used."""
        try:
            token = look_up(self.form.read(text, body), self.token_path)
        except UntrustedAnswer:
            return
        if isinstance(token, str) and token:
            yield token

    def _read_life(self, document: Json) -> float:
        if self.life_path is None:
            return self.life_seconds or 0
        life = look_up(document, self.life_path)
        if type(life) is not int and not (isinstance(life, str) and _SECONDS.fullmatch(life)):
            raise UntrustedAnswer(FailureCode.WRONG_TYPE)
        if int(life) <= 0:
            raise UntrustedAnswer(FailureCode.STALE)
        return int(life)

    def _list_own_claims(self) -> Iterator[Claim]:
        yield from self.fixed.list_claims()
        yield from list_path_claims(self.path)
        if self.credentials_in is TokenCredentials.BASIC:
            yield Claim("credentials_in", "credentials_in", Place.HEADER, "Authorization")
            return
        for key in ("id_name", "secret_name"):
            if name := getattr(self, key):
                yield Claim(key, "credentials_in", Place(self.credentials_in), name)

    def _place_credentials(self) -> Placed:
        if self.credentials_in is TokenCredentials.BASIC:
            pair = base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()
            return {Place.HEADER: {"Authorization": f"Basic {pair}"}}
        names = {self.id_name: self.id, self.secret_name: self.secret}
        return {Place(self.credentials_in): {name: value for name, value in names.items() if name}}


@dataclass(slots=True)
class _Held:
    """What is held in one loop. Times are monotonic seconds."""

    token: str = field(default="", repr=False)
    renew_at: float = 0.0
    ends_at: float = 0.0
    refused_until: float = 0.0
    fetch: asyncio.Task[str] | None = None

    def keep(self, token: str, since: float, life: float) -> None:
        self.token = token
        self.ends_at = since + life
        self.renew_at = self.ends_at - min(MARGIN_SECONDS, life / 10)


class TokenKeeper:
    """The token of one system. A fetch takes at most its share of `deadline_seconds`; after a refusal none is made for
    `pause_seconds`.
    """

    def __init__(
        self,
        shape: TokenShape,
        base_url: str,
        client: HttpClient,
        wants_body: WantsBody,
        read_answer: Callable[[Answer], Json],
        *,
        deadline_seconds: float,
        pause_seconds: float,
    ) -> None:
        self.shape = shape
        self._base_url = base_url
        self._client = client
        self._wants_body = wants_body
        self._read_answer = read_answer
        self._seconds = deadline_seconds * SHARE_OF_DEADLINE
        self._pause_seconds = pause_seconds
        self._held = PerLoop(_Held)

    async def get(self) -> str:
        """The token to use now. Raises UntrustedAnswer: TOKEN_UNREACHABLE, TOKEN_REFUSED or TOKEN_UNUSABLE."""
        held, now = self._held.get(), time.monotonic()
        if now < held.ends_at:
            if now >= held.renew_at:
                self._start_fetch(held)
            return held.token
        # Shielded: whoever runs out of time leaves the fetch to the others.
        return await asyncio.shield(self._start_fetch(held))

    def drop(self, token: str) -> None:
        """Use a token no more that the system refused, unless another one has taken its place since."""
        held = self._held.get()
        if held.token == token:
            held.ends_at = 0.0

    def _start_fetch(self, held: _Held) -> asyncio.Task[str]:
        if held.fetch is None or held.fetch.done():
            held.fetch = start_task(self._fetch(held))
        return held.fetch

    async def _fetch(self, held: _Held) -> str:
        since = time.monotonic()
        if since < held.refused_until:
            raise UntrustedAnswer(FailureCode.TOKEN_REFUSED)
        try:
            async with asyncio.timeout(self._seconds):
                document = await self._ask_again()
            token, life = self.shape.read_token(document)
        except (HttpError, UntrustedAnswer, TimeoutError) as error:
            fault = _name_fault(error)
            if fault is FailureCode.TOKEN_REFUSED:
                held.refused_until = since + self._pause_seconds
            raise UntrustedAnswer(fault) from None
        held.keep(token, since, life)
        return token

    async def _ask_again(self) -> Json:
        """The answer, asked for twice if the connection failed before any."""
        request = self.shape.build_request(self._base_url)
        try:
            answer = await self._client.send(request, self._wants_body)
        except NoAnswer:
            answer = await self._client.send(request, self._wants_body)
        return self._read_answer(answer)


def _name_fault(error: HttpError | UntrustedAnswer | TimeoutError) -> FailureCode:
    """What the failure of a call for a token is to the call that needs it."""
    if isinstance(error, TimeoutError) or FailureCode(error.fault) in TRANSPORT_FAILURES:
        return FailureCode.TOKEN_UNREACHABLE
    if FailureCode(error.fault) in _REFUSALS:
        return FailureCode.TOKEN_REFUSED
    return FailureCode.TOKEN_UNUSABLE
