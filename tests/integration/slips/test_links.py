"""Signed links to a slip's files: without cookies, for fifteen minutes, with everything that a phone's download
handler asks for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest
import requests
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from app.web.slips import LINK_SECONDS
from tests.conftest import Service

NAME = "%E7%A6%BB%E6%A0%A1%E5%8D%95"


@dataclass(frozen=True)
class Slip:
    """A slip that was just issued: its number, and the links of its page."""

    number: str
    links: dict[str, str]


def issue(service: Service, student: str) -> Slip:
    visitor = service.visit()
    visitor.sign_in(student)
    number = visitor.submit().headers["Location"].rpartition("/")[2]
    page = visitor.get(f"/slips/{number}").text
    found = [unescape(link) for link in re.findall(r'(?:href|src)="(/slips/[^"]+token=[^"]+)"', page)]
    return Slip(number, dict(zip(("picture", "download", "pdf", "png"), found, strict=True)))


@pytest.fixture
def slip(service: Service, fresh_student: str) -> Slip:
    return issue(service, fresh_student)


def fetch(service: Service, path: str, method: str = "GET") -> requests.Response:
    """Without any cookie, as a download handler does."""
    return requests.request(method, service.url + path, timeout=60, allow_redirects=False)


@pytest.mark.parametrize(
    ("name", "kind", "disposition", "ending"),
    [
        ("png", "image/png", "inline", "png"),
        ("picture", "image/png", "attachment", "png"),
        ("pdf", "application/pdf", "inline", "pdf"),
        ("download", "application/pdf", "attachment", "pdf"),
    ],
)
def test_a_link_gives_the_file_without_a_cookie_and_head_tells_the_same(
    service: Service, slip: Slip, name: str, kind: str, disposition: str, ending: str
) -> None:
    answer = fetch(service, slip.links[name])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == kind
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert "Content-Encoding" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    file = f"{slip.number}.{ending}"
    assert answer.headers["Content-Disposition"] == (
        f"{disposition}; filename=\"{file}\"; filename*=UTF-8''{NAME}-{file}"
    )
    head = fetch(service, slip.links[name], "HEAD")
    assert head.status_code == 200
    assert head.content == b""
    for header in ("Content-Type", "Content-Length", "Content-Disposition"):
        assert head.headers[header] == answer.headers[header]


def make_token(service: Service, number: str, age: int) -> str:
    """A link's token as it was made so many seconds ago."""
    key = Path(service.environment["LIXIAO_SERVICE__SECRET_KEY_FILE"]).read_text("ascii").strip()

    class Earlier(TimestampSigner):
        def get_timestamp(self) -> int:
            return super().get_timestamp() - age

    token = URLSafeTimedSerializer(key, salt="slip-file", signer=Earlier).dumps(number)
    return token if isinstance(token, str) else token.decode()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_expired_link_says_so_and_leads_to_the_slip(service: Service, slip: Slip, method: str) -> None:
    token = make_token(service, slip.number, LINK_SECONDS + 60)
    answer = fetch(service, f"/slips/{slip.number}.pdf?token={token}&download=1", method)
    assert answer.status_code == 410
    assert answer.headers["Content-Type"].startswith("text/html")
    if method == "GET":
        assert 'data-error="LinkExpired"' in answer.text
        assert f'href="/slips/{slip.number}"' in answer.text


def test_the_same_link_a_minute_before_its_end_gives_the_file(service: Service, slip: Slip) -> None:
    token = make_token(service, slip.number, LINK_SECONDS - 60)
    assert fetch(service, f"/slips/{slip.number}.pdf?token={token}").status_code == 200


def list_spoilt(service: Service, slip: Slip) -> list[str]:
    """The address of the slip's file without a token, and with tokens that open nothing."""
    token = make_token(service, slip.number, 0)
    other = make_token(service, "LX260000000000000", 0)
    path = f"/slips/{slip.number}.pdf"
    tokens = (token[:-2], token[: len(token) // 2], token[1:], "%ff%00", "", other)
    return [path, *(f"{path}?token={spoilt}" for spoilt in tokens)]


def test_a_link_opens_its_own_slip_only_and_an_altered_one_leads_to_the_sign_in(
    service: Service, slip: Slip
) -> None:
    token = make_token(service, slip.number, 0)
    foreign = f"/slips/LX260000000000000.pdf?token={token}"
    for path in [foreign, *list_spoilt(service, slip)]:
        answer = fetch(service, path)
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, "/sign-in"), path
    assert fetch(service, f"/slips/{slip.number}.pdf?token={token}").status_code == 200, "control: whole"


def test_who_is_signed_in_gets_the_own_file_by_a_spoilt_or_expired_link_and_nobody_else_s(
    service: Service, slip: Slip, fresh_student: str
) -> None:
    holder, other = service.visit(), service.visit()
    holder.sign_in(fresh_student, "/completed")
    other.sign_in("TS23000003", "/completed")
    for path in list_spoilt(service, slip):
        answer = holder.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf"), path
        assert other.get(path).status_code == 404
    expired = f"/slips/{slip.number}.pdf?token={make_token(service, slip.number, LINK_SECONDS + 60)}"
    assert [visitor.get(expired).status_code for visitor in (holder, other)] == [200, 410]
