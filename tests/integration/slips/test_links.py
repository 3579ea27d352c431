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

from app.services.sign_in.sessions import hash_identifier
from app.web.slips import LINK_SECONDS
from tests.conftest import Service
from tests.fixtures.issued_slips import end_sessions
from tests.visitor import Visitor

NAME = "%E7%A6%BB%E6%A0%A1%E5%8D%95"


@dataclass(frozen=True)
class Slip:
    """A slip that was just issued: its number, the links of its page, and the browser that has the page."""

    number: str
    links: dict[str, str]
    holder: Visitor

    def make_token(self, service: Service, age: int = 0, number: str = "") -> str:
        """A link's token as this browser's page had it so many seconds ago; of another slip, if one is named."""
        id_hash = hash_identifier(self.holder.http.cookies["lixiao_session"])
        return sign_token(service, [number or self.number, id_hash], age)


def issue(service: Service, student: str) -> Slip:
    visitor = service.visit()
    visitor.sign_in(student)
    number = visitor.submit().headers["Location"].rpartition("/")[2]
    page = visitor.get(f"/slips/{number}").text
    found = [unescape(link) for link in re.findall(r'(?:href|src)="(/slips/[^"]+token=[^"]+)"', page)]
    return Slip(number, dict(zip(("picture", "download", "pdf", "png"), found, strict=True)), visitor)


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


def sign_token(service: Service, told: object, age: int) -> str:
    """A token that says this, as it was made so many seconds ago."""
    key = Path(service.environment["LIXIAO_SERVICE__SECRET_KEY_FILE"]).read_text("ascii").strip()

    class Earlier(TimestampSigner):
        def get_timestamp(self) -> int:
            return super().get_timestamp() - age

    token = URLSafeTimedSerializer(key, salt="slip-file", signer=Earlier).dumps(told)
    return token if isinstance(token, str) else token.decode()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_expired_link_says_so_and_leads_to_the_slip(service: Service, slip: Slip, method: str) -> None:
    token = slip.make_token(service, LINK_SECONDS + 60)
    answer = fetch(service, f"/slips/{slip.number}.pdf?token={token}&download=1", method)
    assert answer.status_code == 410
    assert answer.headers["Content-Type"].startswith("text/html")
    if method == "GET":
        assert 'data-error="LinkExpired"' in answer.text
        assert f'href="/slips/{slip.number}"' in answer.text


def test_the_same_link_a_minute_before_its_end_gives_the_file(service: Service, slip: Slip) -> None:
    token = slip.make_token(service, LINK_SECONDS - 60)
    assert fetch(service, f"/slips/{slip.number}.pdf?token={token}").status_code == 200


def list_spoilt(service: Service, slip: Slip) -> list[str]:
    """The address of the slip's file without a token, and with tokens that open nothing."""
    token = slip.make_token(service)
    other = slip.make_token(service, number="LX260000000000000")
    path = f"/slips/{slip.number}.pdf"
    earlier_form = sign_token(service, slip.number, 0)
    tokens = (token[:-2], token[: len(token) // 2], token[1:], "%ff%00", "", other, earlier_form)
    return [path, *(f"{path}?token={spoilt}" for spoilt in tokens)]


def test_a_link_opens_its_own_slip_only_and_an_altered_one_leads_to_the_sign_in(
    service: Service, slip: Slip
) -> None:
    token = slip.make_token(service)
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
    expired = f"/slips/{slip.number}.pdf?token={slip.make_token(service, LINK_SECONDS + 60)}"
    assert [visitor.get(expired).status_code for visitor in (holder, other)] == [200, 410]


def test_signing_out_ends_the_links_of_its_session_and_of_no_other(
    service: Service, slip: Slip, fresh_student: str
) -> None:
    other = service.visit()
    other.sign_in(fresh_student, "/completed")
    page = other.get(f"/slips/{slip.number}")
    theirs = [unescape(link) for link in re.findall(r'href="(/slips/[^"]+token=[^"]+)"', page.text)]
    assert {fetch(service, link).status_code for link in (*slip.links.values(), *theirs)} == {200}, "control"
    slip.holder.post("/sign-out", slip.holder.get("/completed"))
    for link in slip.links.values():
        answer = fetch(service, link)
        assert (answer.status_code, 'data-error="LinkExpired"' in answer.text) == (410, True), link
        assert other.get(link).status_code == 200, "the holder needs no link"
    assert {fetch(service, link).status_code for link in theirs} == {200}


def test_a_link_ends_with_its_session_however_that_ends(
    service: Service, slip: Slip, fresh_student: str
) -> None:
    assert fetch(service, slip.links["pdf"]).status_code == 200
    end_sessions(service, fresh_student)
    assert fetch(service, slip.links["pdf"]).status_code == 410


def test_a_link_that_names_no_session_of_the_holder_opens_nothing(
    service: Service, slip: Slip, visitor: Visitor
) -> None:
    visitor.sign_in("TS23000003", "/completed")
    strangers = hash_identifier(visitor.http.cookies["lixiao_session"])
    for id_hash, status in ((strangers, 404), ("0" * 64, 410), ("", 410)):
        token = sign_token(service, [slip.number, id_hash], 0)
        assert fetch(service, f"/slips/{slip.number}.pdf?token={token}").status_code == status
