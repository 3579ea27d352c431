"""Reading what a provider answered: JSON, or the JSONP and form-encoded texts of older platforms."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl

from app.identity.base import ProviderMisbehaved, SignInRefused

TOKEN_ERRORS = (
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
)
_JSONP = re.compile(r"\s*[A-Za-z_$][\w.$]*\s*\((.*)\)\s*;?\s*", re.DOTALL)


class AnswerFormat(StrEnum):
    """How an answer is written."""

    JSON = "json"
    JSONP = "jsonp"
    FORM = "form"


def parse_answer(body: bytes, what: str, answer_format: AnswerFormat = AnswerFormat.JSON) -> dict[str, Any]:
    """Parse an object in UTF-8 without repeated keys. `what` names the endpoint in the reason.
    Raises ProviderMisbehaved.
    """
    try:
        found = _parse(body.decode("utf-8-sig"), answer_format)
    except (ValueError, RecursionError):
        raise ProviderMisbehaved(f"{what}:not_{answer_format}") from None
    if not isinstance(found, dict):
        raise ProviderMisbehaved(f"{what}:not_{answer_format}")
    return found


def read_token_answer(body: bytes, status: int) -> dict[str, str]:
    """Read a token endpoint's JSON (RFC 6749, 5.1 and 5.2); only the members that are used are kept."""
    answer = parse_answer(body, "token")
    if "error" in answer or status != 200:
        raise explain_token_error(answer.get("error"))
    kept = {"id_token": answer["id_token"]} if isinstance(answer.get("id_token"), str) else {}
    # Some write another type, or none, and mean this one; a provider of another would refuse it at userinfo.
    return {"token_type": "Bearer", **kept, "access_token": check_token(answer.get("access_token"))}


def check_token(token: object) -> str:
    """Return a usable access token. Raises ProviderMisbehaved for anything else."""
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token.strip():
        raise ProviderMisbehaved("token:no_access_token")
    return token


def explain_token_error(error: object) -> SignInRefused:
    """Name a token endpoint's error. A code that was too old is nobody's fault."""
    code = error if isinstance(error, str) and error in TOKEN_ERRORS else "error"
    return (SignInRefused if code == "invalid_grant" else ProviderMisbehaved)(f"token:{code}")


def check_success(answer: Mapping[str, Any], what: str, field: str, value: str) -> None:
    """Raise SignInRefused if the answer has the field and another value in it: some platforms report their
    errors with status 200, and leave the field out when all is well.
    """
    if field and field in answer and _as_text(answer[field]) != value:
        raise SignInRefused(f"{what}:refused")


def _parse(text: str, answer_format: AnswerFormat) -> Any:
    if answer_format is AnswerFormat.FORM:
        return _refuse_repeats(parse_qsl(text.strip(), strict_parsing=True, max_num_fields=50))
    if answer_format is AnswerFormat.JSONP:
        wrapped = _JSONP.fullmatch(text)
        if wrapped is None:
            raise ValueError("no function call")
        text = wrapped[1]
    return json.loads(text, object_pairs_hook=_refuse_repeats)


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is repeated")
    return found


def _as_text(value: object) -> str:
    """A success value as it is written in the configuration."""
    return str(value).lower() if isinstance(value, bool) else str(value)
