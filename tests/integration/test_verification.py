"""Verification over HTTP: what strangers, guards and clerks are told, and what stays hidden."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from html import unescape
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
import qrcode
import requests
from PIL import Image, ImageDraw
from sqlalchemy import select

from app.domain.slip_code import Verdict
from app.extensions import db
from app.models import HandedOutFile
from app.web.verify.verdicts import TEXTS
from tests.conftest import Service
from tests.fixtures.issued_slips import (
    CLERK,
    GUARD,
    IssuedSlip,
    issue_slip,
    open_office,
    revoke,
    sign_in_staff,
    sign_unissued,
    supersede,
    unreadable_log,
)
from tests.fixtures.photos import change_name, draw_page, draw_qr, scan, take_photo
from tests.visitor import APP, Visitor, get_verdict

JSON = {"Accept": "application/json"}
PAGE_BYTES = 6 * 1024


@pytest.fixture
def slip(service: Service, fresh_student: str) -> IssuedSlip:
    """A slip that was just issued."""
    return issue_slip(service, fresh_student)


def post(service: Service, **data: str) -> requests.Response:
    """Send the entry form as a stranger does: no cookie, no token."""
    return requests.post(f"{service.url}/verify", data=data, timeout=30)


def upload(service: Service, name: str, body: bytes) -> requests.Response:
    """Send a file as a stranger does."""
    return requests.post(f"{service.url}/verify", files={"file": (name, body)}, timeout=30)


def fetch(service: Service, slip: IssuedSlip, ending: str) -> bytes:
    """The slip's file, as its holder downloads it."""
    visitor = service.visit()
    visitor.sign_in(slip.student_number)
    return visitor.get(f"/slips/{slip.number}.{ending}").content


def test_a_scanned_slip_is_valid_and_shows_a_stranger_the_masked_fields_only(
    slip: IssuedSlip,
) -> None:
    page = requests.get(slip.url, timeout=30)
    assert page.status_code == 200
    assert get_verdict(page) == "valid"
    assert slip.student_number[-4:] in page.text
    assert f"{slip.name[0]}*" in page.text
    assert slip.name not in page.text
    assert slip.student_number not in page.text
    assert slip.number not in page.text


def test_the_json_says_the_same_as_the_page(slip: IssuedSlip) -> None:
    answer = requests.get(slip.url, headers=JSON, timeout=30)
    data = answer.json()
    page = requests.get(slip.url, timeout=30).text
    assert data["verdict"] == "valid"
    for name in ("masked_name", "last_four", "college", "level"):
        assert data[name] in page, name
    day = date.fromisoformat(data["issued_on"])
    assert f"{day.year}年{day.month}月{day.day}日" in page
    assert isinstance(data["check_count"], int)


def test_the_page_names_the_host_that_must_stand_in_the_address_bar(
    service: Service, slip: IssuedSlip
) -> None:
    assert f"<b>{service.url.removeprefix('http://')}</b>" in requests.get(slip.url, timeout=30).text


def test_the_public_page_is_small_and_is_stored_by_nobody(service: Service, slip: IssuedSlip) -> None:
    page = requests.get(slip.url, timeout=30)
    styles = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
    parts = [page.content, *(requests.get(service.url + style, timeout=30).content for style in styles)]
    assert len(styles) == 1
    assert sum(len(gzip.compress(part)) for part in parts) <= PAGE_BYTES
    assert page.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in page.headers


@pytest.mark.parametrize("answer", ["page", "json"])
def test_a_changed_digit_is_a_bad_signature_and_shows_nothing_of_the_slip(
    slip: IssuedSlip, answer: str
) -> None:
    found = requests.get(slip.tampered_url, headers=JSON if answer == "json" else {}, timeout=30)
    assert "bad_signature" in found.text
    assert slip.student_number[-4:] not in found.text


def test_a_revoked_slip_is_revoked_at_once(service: Service, slip: IssuedSlip) -> None:
    assert get_verdict(requests.get(slip.url, timeout=30)) == "valid"
    revoke(service, slip)
    page = requests.get(slip.url, timeout=30)
    assert get_verdict(page) == "revoked"
    assert "比对" not in page.text


def test_a_replaced_code_is_superseded(service: Service, slip: IssuedSlip) -> None:
    supersede(service, slip)
    assert get_verdict(requests.get(slip.url, timeout=30)) == "superseded"


def test_a_code_that_our_key_signed_and_nobody_issued_was_never_issued(
    service: Service, slip: IssuedSlip
) -> None:
    page = requests.get(f"{service.url}/v/{sign_unissued(service, slip)}", timeout=30)
    assert get_verdict(page) == "never_issued"


@pytest.mark.parametrize(
    "text", ["1", "abc", "1" * 4000, "１２３", "..%2fverify", "%00", "1/2", "%0a", "1%0a", "/1"]
)
def test_what_is_no_code_is_malformed(service: Service, text: str) -> None:
    page = requests.get(f"{service.url}/v/{text}", timeout=30)
    assert (page.status_code, get_verdict(page)) == (200, "malformed")


@pytest.mark.parametrize(
    "end",
    [
        *'/.。,，)）;；"”、>', "%20", "%3F", "。)", "%E3%80%80", "?from=singlemessage", "%3Ffrom%3Dsinglemessage",
        "%23x", "%0D%0A", "%2520", "/x", "x", "二", "%00",
    ],
)  # fmt: skip
def test_what_a_chat_program_appends_to_the_address_changes_nothing(
    service: Service, slip: IssuedSlip, end: str
) -> None:
    page = requests.get(slip.url + end, timeout=30, allow_redirects=False)
    assert (page.status_code, get_verdict(page)) == (200, "valid")
    told = requests.get(slip.url + end, headers=JSON, timeout=30).json()
    assert told["verdict"] == "valid"
    assert (
        'data-comparison="match"' in requests.post(slip.url + end, data={"name": slip.name}, timeout=30).text
    )


@pytest.mark.parametrize(
    "write",
    [
        lambda url, digits: f"/v/%20{digits}.",
        lambda url, digits: f"/v/{url}/v/{digits}",
        lambda url, digits: f"/v/{url.replace(':', '%3A').replace('/', '%2F')}%2Fv%2F{digits}",
        lambda url, digits: f"/v/{digits[:130]}%0A{digits[130:]}",
        lambda url, digits: f"/v/{digits}%0A{url}/v/{digits}",
        lambda url, digits: f"/v/核验：{digits}",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_stands_before_the_digits_of_an_address_changes_nothing(
    service: Service, slip: IssuedSlip, write: Callable[[str, str], str], method: str
) -> None:
    address = service.url + write(service.url, slip.digits)
    page = requests.request(method, address, timeout=30, allow_redirects=False)
    assert page.status_code == 200
    assert method == "HEAD" or get_verdict(page) == "valid"


def test_one_more_digit_makes_another_code(service: Service, slip: IssuedSlip) -> None:
    assert get_verdict(requests.get(slip.url + "1", timeout=30)) != "valid"


def test_two_codes_in_one_text_are_said_to_be_two(
    service: Service, slip: IssuedSlip, fresh_student: str
) -> None:
    other = issue_slip(service, f"TS97{fresh_student[-6:]}")
    both = f"{slip.url}\r\n{other.url}"
    for answer in (post(service, code=both), requests.get(f"{slip.url}%0A{other.url}", timeout=30)):
        assert (answer.status_code, 'data-error="SeveralCodes"' in answer.text) == (422, True)
        assert "一次核验一个" in answer.text
        assert "data-verdict" not in answer.text
        assert '<form class="card" method="post" action="/verify">' in answer.text
    assert get_verdict(post(service, code=f"{slip.url}\r\n{slip.url}\r\n")) == "valid"
    told = requests.get(f"{slip.url}%0A{other.url}", headers=JSON, timeout=30)
    assert (told.status_code, told.json()["error"]) == (422, "SeveralCodes")


def test_the_address_of_another_host_inside_ours_is_refused(service: Service, slip: IssuedSlip) -> None:
    for address in (
        f"/v/http://evil.example/v/{slip.digits}",
        f"/v/http%3A%2F%2Fevil.example%2Fv%2F{slip.digits}",
    ):
        answer = requests.get(service.url + address, timeout=30, allow_redirects=False)
        assert (answer.status_code, 'data-error="ForeignCode"' in answer.text) == (422, True)


def test_a_pasted_address_of_another_host_is_refused_as_its_photo_is(
    service: Service, slip: IssuedSlip
) -> None:
    for address in (f"http://evil.example/v/{slip.digits}", f"{service.url}.evil.example/v/{slip.digits}"):
        answer = post(service, code=address)
        assert (answer.status_code, 'data-error="ForeignCode"' in answer.text) == (422, True)
        assert "网址不是本校的" in answer.text
    for own in (f"{service.url.upper()}/V/{slip.digits}?from=singlemessage", f"核验：{slip.digits}。"):
        assert get_verdict(post(service, code=own)) == "valid"


def test_the_name_on_the_paper_is_answered_by_match_or_no_match_alone(slip: IssuedSlip) -> None:
    right = requests.post(slip.url, data={"name": f" {slip.name} "}, timeout=30)
    wrong = requests.post(slip.url, data={"name": slip.name[0] + "某"}, timeout=30)
    assert 'data-comparison="match"' in right.text
    assert 'data-comparison="no_match"' in wrong.text
    assert slip.name not in right.text
    assert slip.name not in wrong.text
    assert "Set-Cookie" not in right.headers


@pytest.mark.parametrize("typed", ["", "   ", "　", "·’"])
def test_no_name_is_no_wrong_name(slip: IssuedSlip, typed: str) -> None:
    answer = requests.post(slip.url, data={"name": typed}, timeout=30)
    assert (answer.status_code, get_verdict(answer)) == (422, "valid")
    assert 'answer unsure" role="status" data-comparison="nothing_given"' in answer.text
    assert "不一致" not in answer.text
    told = requests.post(slip.url, data={"name": typed}, headers=JSON, timeout=30)
    assert (told.status_code, told.json()["comparison"]) == (422, "nothing_given")


def test_a_wrong_name_is_kept_and_marked_with_a_hint(slip: IssuedSlip) -> None:
    answer = requests.post(slip.url, data={"name": '某"<b>'}, timeout=30)
    assert 'aria-invalid="true" aria-describedby="compare-hint" value="某&#34;&lt;b&gt;"' in answer.text
    assert "逐字对照纸面" in answer.text
    right = requests.post(slip.url, data={"name": slip.name}, timeout=30)
    assert 'aria-invalid="true"' not in right.text


def test_nothing_is_compared_on_a_slip_that_is_not_valid(service: Service, slip: IssuedSlip) -> None:
    revoke(service, slip)
    answer = requests.post(slip.url, data={"name": slip.name}, timeout=30)
    assert get_verdict(answer) == "revoked"
    assert "data-comparison" not in answer.text


@pytest.mark.parametrize("viewer", [GUARD, CLERK])
def test_guards_and_clerks_see_all_fields_the_steps_the_reason_and_the_checks(
    service: Service, slip: IssuedSlip, viewer: str
) -> None:
    revoke(service, slip)
    page = sign_in_staff(service, viewer).get(slip.url)
    for text in (slip.name, slip.student_number, slip.number, "图书馆", "财务资产部", "材料不实", "核验记录"):
        assert text in page.text, text
    assert page.headers["Cache-Control"] == "private, no-store"
    assert "Cookie" in page.headers["Vary"]


@pytest.mark.parametrize("viewer", ["TS23000002", "00420013"])
def test_other_signed_in_people_see_what_a_stranger_sees(
    service: Service, slip: IssuedSlip, viewer: str
) -> None:
    page = sign_in_staff(service, viewer).get(slip.url)
    assert get_verdict(page) == "valid"
    assert slip.name not in page.text
    assert slip.student_number not in page.text


def test_a_typed_code_is_forgiven_its_case_its_spaces_and_its_look_alikes(
    service: Service, slip: IssuedSlip
) -> None:
    look_alikes = slip.short_code.replace("0", "o").replace("1", "l").lower()
    typed = " ".join(look_alikes[place : place + 4] for place in range(0, 16, 4))
    assert get_verdict(post(service, code=typed)) == "valid"
    assert get_verdict(post(service, code=slip.short_code)) == "valid"
    assert get_verdict(post(service, code=slip.url)) == "valid"
    assert get_verdict(post(service, code=slip.digits)) == "valid"


@pytest.mark.parametrize(
    "write",
    [
        lambda code, url: "".join(chr(ord(sign) + 0xFEE0) for sign in code.lower()),
        lambda code, url: "\r\n".join((code[:8], code[8:])),
        lambda code, url: "\u3000".join((code[:4], code[4:])) + "\u200b\xa0",
        lambda code, url: "\u2014".join((code[:4], code[4:])),
        lambda code, url: code.replace("A", "\u0410").replace("0", "\u041e").replace("1", "\u0131"),
        lambda code, url: url + "?from=singlemessage",
        lambda code, url: url.upper() + "/#x.",
        lambda code, url: url.replace("://", "：、、").replace("/", "、"),
        lambda code, url: url[:60] + "\r\n " + url[60:],
        lambda code, url: url.replace("://", "：、、").replace("/", "、").replace(".", "。") + "。",
        lambda code, url: url.replace(":", "%3A").replace("/", "%2F") + "%0D%0A",
        lambda code, url: f"{url}\r\n{url}",
    ],
)
def test_a_code_is_taken_as_keyboards_and_other_programs_write_it(
    service: Service, slip: IssuedSlip, write: Callable[[str, str], str]
) -> None:
    assert get_verdict(post(service, code=write(slip.short_code, slip.url))) == "valid"


def mistype(code: str) -> str:
    """The code with one character that was misread."""
    return code[:-1] + ("8" if code[-1] != "8" else "B")


def test_one_mistyped_character_is_no_forgery(service: Service, slip: IssuedSlip) -> None:
    typed = mistype(slip.short_code).lower()
    answer = post(service, code=typed)
    assert (answer.status_code, get_verdict(answer)) == (200, "never_issued")
    assert "查不到这个核验码 - " in answer.text
    assert "逐位与纸面对照" in answer.text
    assert re.search(rf'<input[^>]*aria-invalid="true"[^>]*value="{typed}"', answer.text)
    shown = " ".join(re.findall("....", typed.upper()))
    assert f'<p class="typed number">{shown}</p>' in answer.text
    main = answer.text.partition("<main")[2]
    assert "未签发" not in main
    assert "bad" not in main
    as_json = requests.post(f"{service.url}/verify", data={"code": typed}, headers=JSON, timeout=30)
    assert as_json.json() == {"verdict": "never_issued"}


def test_a_well_formed_scanned_code_that_nobody_issued_stays_red(service: Service, slip: IssuedSlip) -> None:
    page = requests.get(f"{service.url}/v/{sign_unissued(service, slip)}", timeout=30).text
    assert '<section class="seal bad" data-verdict="never_issued"' in page
    assert 'seal bad" data-verdict="bad_signature"' in requests.get(slip.tampered_url, timeout=30).text
    assert 'seal unsure" data-verdict="malformed"' in requests.get(f"{service.url}/v/1", timeout=30).text


def test_an_unknown_typed_code_answers_as_an_unknown_scanned_code_does(
    service: Service, slip: IssuedSlip
) -> None:
    unknown = sign_unissued(service, slip)
    mistyped, invented = mistype(slip.short_code), "0" * 16
    typed, again = post(service, code=mistyped), post(service, code=invented)
    scanned = requests.get(f"{service.url}/v/{unknown}", timeout=30)
    assert get_verdict(typed) == get_verdict(scanned) == get_verdict(again) == "never_issued"
    assert typed.status_code == scanned.status_code == again.status_code == 200
    grouped = [" ".join(re.findall("....", code)) for code in (mistyped, invented)]
    shown = [
        page.text.replace(code, "").replace(groups, "")
        for page, code, groups in zip((typed, again), (mistyped, invented), grouped, strict=True)
    ]
    assert shown[0] == shown[1]
    as_json = [
        requests.post(f"{service.url}/verify", data={"code": mistyped}, headers=JSON, timeout=30),
        requests.get(f"{service.url}/v/{unknown}", headers=JSON, timeout=30),
    ]
    assert as_json[0].content == as_json[1].content


def test_an_incomplete_code_says_what_to_do_and_keeps_what_was_typed(
    service: Service, slip: IssuedSlip
) -> None:
    answer = post(service, code=slip.short_code[:-1])
    assert answer.status_code == 422
    assert 'data-error="MalformedCode"' in answer.text
    assert "<title>错误：" in answer.text
    assert "收到 15 位" in answer.text
    assert f'value="{slip.short_code[:-1]}"' in answer.text
    strange = post(service, code="U!" + slip.short_code[2:])
    assert "核验码里没有 U!" in strange.text
    assert "核验码不完整" in answer.text
    assert "核验码里有不会出现的字" in strange.text
    assert "核验码太长" in post(service, code=slip.short_code + "A").text
    hostile = post(service, code='"><script>alert(1)</script>')
    assert "<script>alert" not in hostile.text


def test_a_broken_address_keeps_what_was_pasted(service: Service, slip: IssuedSlip) -> None:
    answer = post(service, code=slip.url[:-20])
    assert answer.status_code == 422
    assert 'data-error="MalformedCode"' in answer.text
    assert f'value="{slip.url[:-20]}"' in answer.text


def test_a_typed_code_is_kept_while_nothing_can_be_said(service: Service, slip: IssuedSlip) -> None:
    with unreadable_log(service):
        answer = post(service, code=slip.short_code)
    assert (answer.status_code, get_verdict(answer)) == (503, "status_unknown")
    assert f'value="{slip.short_code}"' in answer.text


def test_a_photo_of_the_slip_is_verified(service: Service, slip: IssuedSlip) -> None:
    answer = upload(service, "photo.png", fetch(service, slip, "png"))
    assert get_verdict(answer) == "valid"


def test_a_camera_s_photo_is_verified(service: Service, slip: IssuedSlip) -> None:
    photo = take_photo(fetch(service, slip, "pdf"))
    assert len(photo) > 3_000_000
    assert get_verdict(upload(service, "IMG_0001.JPG", photo)) == "valid"


@pytest.mark.parametrize("kilobytes", [63, 64, 65, 70, 127, 128, 129, 255, 257, 600, 3000])
def test_a_file_of_any_size_is_taken(service: Service, slip: IssuedSlip, kilobytes: int) -> None:
    """A form's parser reads pieces of 64 KiB, and what it holds has a limit too."""
    png = fetch(service, slip, "png")
    assert get_verdict(upload(service, "slip.png", png + bytes(kilobytes * 1024 - len(png)))) == "valid"


def test_a_text_in_a_form_with_files_is_bounded(service: Service) -> None:
    fields = {"code": (None, "0" * 300_000), "file": ("photo.jpg", b"")}
    assert requests.post(f"{service.url}/verify", files=fields, timeout=30).status_code == 413
    assert post(service, code="0" * 70_000).status_code == 422


def test_two_slips_in_one_picture_are_said_to_be_two(service: Service, slip: IssuedSlip) -> None:
    page = Image.open(BytesIO(fetch(service, slip, "png"))).convert("L")
    other = issue_slip(service, f"TS97{slip.student_number[-6:]}")
    table = Image.new("L", (page.width * 2, page.height), "white")
    table.paste(page, (0, 0))
    table.paste(Image.open(BytesIO(fetch(service, other, "png"))).convert("L"), (page.width, 0))
    file = BytesIO()
    table.save(file, "PNG")
    answer = upload(service, "two.png", file.getvalue())
    assert 'data-error="SeveralCodes"' in answer.text
    assert "每次只拍一张" in answer.text


def test_a_pdf_with_a_password_says_so(service: Service, slip: IssuedSlip) -> None:
    file = BytesIO()
    with pikepdf.open(BytesIO(fetch(service, slip, "pdf"))) as document:
        document.save(file, encryption=pikepdf.Encryption(user="secret", owner="secret"))
    answer = upload(service, "slip.pdf", file.getvalue())
    assert answer.status_code == 422
    assert 'data-error="ProtectedFile"' in answer.text
    assert "密码" in answer.text


def test_the_true_pdf_is_valid_and_said_to_be_the_original(service: Service, slip: IssuedSlip) -> None:
    answer = upload(service, "slip.pdf", fetch(service, slip, "pdf"))
    assert get_verdict(answer) == "valid"
    assert 'data-file="genuine"' in answer.text


def test_a_file_stays_genuine_by_page_by_link_and_as_picture(service: Service, slip: IssuedSlip) -> None:
    visitor = service.visit()
    visitor.sign_in(slip.student_number)
    page = visitor.get(f"/slips/{slip.number}").text
    links = {unescape(link) for link in re.findall(r'(?:href|src)="([^"]+token=[^"]+)"', page)}
    assert len(links) == 4
    files = [requests.get(service.url + link, timeout=30).content for link in links]
    for data in [*files, fetch(service, slip, "pdf"), fetch(service, slip, "png")]:
        answer = requests.post(f"{service.url}/verify", files={"file": data}, headers=JSON, timeout=30).json()
        assert (answer["verdict"], answer["file"]) == ("valid", "genuine")
    with open_office(service):
        kept = set(db.session.scalars(select(HandedOutFile.sha256)))
    assert {sha256(data).hexdigest() for data in files} <= kept


def test_a_file_that_is_not_the_original_is_not_accused(service: Service, slip: IssuedSlip) -> None:
    pdf = fetch(service, slip, "pdf")
    for other in (
        pdf + b"\n% added\n",
        scan([draw_page(pdf, 1654)]),
        change_name(pdf, slip.name, slip.name[::-1]),
    ):
        answer = upload(service, "slip.pdf", other)
        assert get_verdict(answer) == "valid"
        assert 'data-file="different"' in answer.text
        assert '<section class="seal plain"' in answer.text
        for words in ("逐项核对", slip.student_number[-4:], "比对"):
            assert words in answer.text
        for words in ("改动过，", "不能采信", "seal good", "seal bad", "notice bad"):
            assert words not in answer.text


def test_a_file_of_a_revoked_slip_gets_no_good_word(service: Service, slip: IssuedSlip) -> None:
    pdf = fetch(service, slip, "pdf")
    assert "notice good" in upload(service, "slip.pdf", pdf).text
    revoke(service, slip)
    for data, state in ((pdf, "genuine"), (pdf + b"\n", "different")):
        answer = upload(service, "slip.pdf", data)
        assert get_verdict(answer) == "revoked"
        assert f'data-file="{state}"' in answer.text
        assert "good" not in answer.text.partition("<main")[2]
        assert "每一项都可信" not in answer.text


def test_an_earlier_code_of_a_revoked_slip_asks_nobody_for_a_new_slip(
    service: Service, slip: IssuedSlip
) -> None:
    pdf = fetch(service, slip, "pdf")
    supersede(service, slip)
    told = requests.get(slip.url, timeout=30)
    assert "请出示新的离校单" in told.text, "control: so it is while the slip stands"
    revoke(service, slip)
    json_answer = requests.get(slip.url, headers={"Accept": "application/json"}, timeout=30)
    assert json_answer.json()["verdict"] == "revoked"
    for answer in (requests.get(slip.url, timeout=30), upload(service, "slip.pdf", pdf)):
        assert get_verdict(answer) == "revoked"
        assert "已换发" not in answer.text
        assert "请出示新的离校单" not in answer.text
    assert 'data-file="genuine"' in answer.text
    assert "离校单后来已被撤销" in answer.text


def test_of_a_file_with_an_unissued_code_nothing_is_told(service: Service, slip: IssuedSlip) -> None:
    forged = draw_qr(f"{service.url}/v/{sign_unissued(service, slip)}").convert("RGB")
    answer = requests.post(
        f"{service.url}/verify", files={"file": scan([forged])}, headers=JSON, timeout=30
    ).json()
    assert answer == {"verdict": "never_issued", "file": "unknown"}


def make_picture(draw_text: str = "") -> bytes:
    """A small picture without a code."""
    picture = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(picture).text((20, 20), draw_text, fill="black")
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def make_foreign_code() -> bytes:
    """A QR of somebody else."""
    file = BytesIO()
    qrcode.make("https://lixiao.example.com/v/123").save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (make_picture("no code"), "NoCodeFound", "避免反光"),
        (make_foreign_code(), "ForeignCode", "不是本校"),
        (b"hello", "NotAPicture", "PDF"),
        (b"%PDF-1.7 broken", "NotAPicture", "PDF"),
    ],
)
def test_a_file_without_our_code_says_what_happened_and_what_to_do(
    service: Service, body: bytes, error: str, message: str
) -> None:
    answer = upload(service, "file", body)
    assert answer.status_code == 422
    assert f'data-error="{error}"' in answer.text
    assert message in answer.text


def test_a_pdf_without_a_code_is_no_photo(service: Service) -> None:
    answer = upload(service, "letter.pdf", scan([Image.new("RGB", (600, 800), "white")]))
    assert 'data-error="NoCodeFound"' in answer.text
    assert "这个 PDF 文件里没有找到二维码" in answer.text
    assert "照片里没有" not in answer.text


@pytest.mark.parametrize("kind", ["pdf", "png"])
def test_a_file_that_broke_off_is_told_as_incomplete(service: Service, slip: IssuedSlip, kind: str) -> None:
    data = fetch(service, slip, kind)
    answer = upload(service, f"slip.{kind}", data[: len(data) // 3])
    assert (answer.status_code, 'data-error="NotAPicture"' in answer.text) == (422, True)
    assert "这个文件不完整" in answer.text


def test_of_two_things_at_once_neither_is_ignored(service: Service, slip: IssuedSlip) -> None:
    png = fetch(service, slip, "png")
    files = [("file", ("one.png", png)), ("file", ("two.png", png))]
    both = {"data": {"code": slip.short_code}, "files": files[:1]}
    for given in ({"files": files}, both):
        answer = requests.post(f"{service.url}/verify", timeout=30, **given)  # type: ignore[arg-type]
        assert (answer.status_code, 'data-error="TooMuchGiven"' in answer.text) == (422, True)


def test_a_file_that_cannot_be_compared_now_is_not_said_to_have_no_record(
    service: Service, slip: IssuedSlip
) -> None:
    data = fetch(service, slip, "pdf")
    with unreadable_log(service):
        answer = upload(service, "slip.pdf", data)
    assert (answer.status_code, get_verdict(answer)) == (503, "status_unknown")
    assert 'data-file="unknown"' in answer.text
    assert "现在不能与签发记录比对" in answer.text
    assert "没有可以与此文件比对" not in answer.text


def test_a_file_that_is_too_large_gets_a_friendly_413(service: Service) -> None:
    answer = upload(service, "photo.jpg", bytes(13 * 1024 * 1024))
    assert answer.status_code == 413
    assert 'data-error="BodyTooLarge"' in answer.text
    assert "12 MB" in answer.text


def test_an_empty_form_says_what_is_wanted(service: Service) -> None:
    answer = post(service)
    assert answer.status_code == 422
    assert 'data-error="NothingGiven"' in answer.text


def test_an_error_comes_as_json_too(service: Service) -> None:
    answer = requests.post(f"{service.url}/verify", data={"code": "x"}, headers=JSON, timeout=30)
    assert answer.json()["error"] == "MalformedCode"


def test_every_verdict_has_its_words() -> None:
    assert set(TEXTS) == set(Verdict)


def test_codes_and_names_stand_in_no_log(service: Service, slip: IssuedSlip) -> None:
    requests.get(slip.url, timeout=30)
    requests.post(slip.url, data={"name": slip.name}, timeout=30)
    post(service, code=slip.short_code)
    log = service.log.read_text(encoding="utf-8")
    for secret in (slip.digits, slip.short_code, slip.name, slip.student_number):
        assert secret not in log


def test_an_address_with_a_code_in_its_query_verifies_nothing(service: Service, slip: IssuedSlip) -> None:
    answer = requests.get(f"{service.url}/verify", params={"code": slip.short_code}, timeout=30)
    assert "data-verdict" not in answer.text
    assert slip.short_code not in answer.text


def test_keys_and_status_list_are_public_and_kept_shortly(service: Service) -> None:
    for path in ("/.well-known/slip-keys.json", "/.well-known/slip-status"):
        answer = requests.get(service.url + path, timeout=30)
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        again = requests.get(
            service.url + path, headers={"If-None-Match": answer.headers["ETag"]}, timeout=30
        )
        assert again.status_code == 304


def test_the_page_of_a_student_is_not_reached_by_the_way(visitor: Visitor, slip: IssuedSlip) -> None:
    assert f"{APP}/clearance" not in visitor.get(slip.url).text


def test_a_strangers_page_looks_into_no_session(service: Service, slip: IssuedSlip) -> None:
    """Answers that looked into a session are marked private."""
    possible = {"Cookie": f"lixiao_session={'a' * 43}"}
    assert requests.get(slip.url, timeout=30).headers["Cache-Control"] == "no-store"
    with_cookie = requests.get(slip.url, headers=possible, timeout=30)
    assert with_cookie.headers["Cache-Control"] == "private, no-store"
    assert get_verdict(with_cookie) == "valid"


def without_moment(page: str) -> str:
    """The page without its time and number of checks, and without the word that a session is over."""
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|此前 <b>\d+</b> 次"
    return re.sub(rf"{moment}|<p [^>]*data-session-over>.*?</p>", "", page)


@pytest.mark.parametrize("kind", ["valid", "revoked", "bad_signature", "malformed"])
def test_a_scan_is_answered_alike_with_the_cookie_of_no_session(
    service: Service, slip: IssuedSlip, kind: str
) -> None:
    if kind == "revoked":
        revoke(service, slip)
    urls = {"bad_signature": slip.tampered_url, "malformed": f"{service.url}/v/1"}
    url = urls.get(kind, slip.url)
    cookie = {"Cookie": f"lixiao_session={'a' * 43}"}
    without, with_cookie = requests.get(url, timeout=30), requests.get(url, headers=cookie, timeout=30)
    assert get_verdict(without) == kind
    assert without_moment(without.text) == without_moment(with_cookie.text)
    assert set(without.headers) == set(with_cookie.headers)
    assert sorted(without.headers["Vary"].split(", ")) == sorted(with_cookie.headers["Vary"].split(", "))
    without, with_cookie = (
        requests.get(url, headers=JSON | extra, timeout=30).json() | {"check_count": 0}
        for extra in ({}, cookie)
    )
    assert without == with_cookie


@pytest.mark.parametrize(
    "change", [{"Host": "evil.example"}, {"Accept": "text/html;q=0.1, application/json"}]
)
def test_a_foreign_host_is_refused_and_json_is_given_to_who_prefers_it(
    slip: IssuedSlip, change: dict[str, str]
) -> None:
    answer = requests.get(slip.url, headers=change, timeout=30)
    if "Host" in change:
        assert answer.status_code == 400
        assert "data-verdict" not in answer.text
    else:
        assert answer.json()["verdict"] == "valid"


def test_without_its_keys_the_service_says_unknown_and_never_valid(
    service: Service, slip: IssuedSlip
) -> None:
    ring = Path(service.environment["LIXIAO_SLIP__KEYS"]) / "keys.json"
    hidden = ring.rename(ring.with_suffix(".hidden"))
    try:
        page = wait_for_verdict(slip.url, "status_unknown")
        assert page.status_code == 503
        assert "Retry-After" in page.headers
        assert requests.get(f"{service.url}/.well-known/slip-status", timeout=30).status_code == 503
    finally:
        hidden.rename(ring)
    assert wait_for_verdict(slip.url, "valid").status_code == 200


def wait_for_verdict(url: str, verdict: str) -> requests.Response:
    """Ask until the answer is this verdict; keys are looked at once a second."""
    for _ in range(100):
        page = requests.get(url, timeout=30)
        if get_verdict(page) == verdict:
            return page
        time.sleep(0.1)
    pytest.fail(f"never {verdict}: {page.text}")


def get_title_and_seal(page: requests.Response) -> tuple[str, str, str]:
    """The title's first words, the tone of the seal, and its word."""
    title = re.search(r"<title>(.+?) - ", page.text)
    seal = re.search(
        r'<section class="seal (\w+)" data-verdict="\w+">.*?<h1[^>]*>([^<]+)</h1>', page.text, re.DOTALL
    )
    assert title
    assert seal
    return title[1], seal[1], seal[2]


def test_no_page_says_valid_alone_of_a_name_that_is_another(service: Service, slip: IssuedSlip) -> None:
    told = {
        name: get_title_and_seal(requests.post(slip.url, data={"name": name}, timeout=30))
        for name in (slip.name, "张三", "")
    }
    assert told == {
        slip.name: ("有效，姓名一致", "good", "有效，姓名一致"),
        "张三": ("姓名不一致", "bad", "姓名不一致"),
        "": ("有效", "good", "有效"),
    }
    page = requests.post(slip.url, data={"name": "张三"}, timeout=30)
    assert get_verdict(page) == "valid"
    assert 'data-comparison="no_match"' in page.text
    seal = page.text.partition('<section class="seal')[2].partition("</section>")[0]
    assert "二维码有效，但输入的姓名不是这张离校单上的姓名" in seal
    assert "先检查是否输错" in seal
    assert "313963892" in seal


def test_of_a_name_that_is_nearly_right_the_page_is_unsure(service: Service) -> None:
    latin = issue_slip(service, "TB23000010")
    page = requests.post(latin.url, data={"name": latin.name.replace("a", "á", 1)}, timeout=30)
    assert get_title_and_seal(page) == ("姓名几乎一致", "unsure", "姓名几乎一致")
    assert get_verdict(page) == "valid"


def test_every_verdict_says_what_to_do_next(service: Service, slip: IssuedSlip) -> None:
    assert all(str(text.next_step) for text in TEXTS.values())
    refused = {verdict for verdict, text in TEXTS.items() if text.tone == "bad"}
    assert all(str(TEXTS[verdict].next_step).startswith("不要接受这张单") for verdict in refused)
    pages = {
        "valid": requests.get(slip.url, timeout=30),
        "bad_signature": requests.get(slip.tampered_url, timeout=30),
        "malformed": requests.get(f"{service.url}/v/1", timeout=30),
    }
    with unreadable_log(service):
        pages["status_unknown"] = requests.get(slip.url, timeout=30)
        pages["typed"] = post(service, code=slip.short_code)
    revoke(service, slip)
    pages["revoked"] = requests.get(slip.url, timeout=30)
    for verdict, page in pages.items():
        text = TEXTS[Verdict("status_unknown" if verdict == "typed" else verdict)]
        assert f"<b>下一步</b> {text.next_step}" in page.text, verdict
        step = page.text.partition("<b>下一步</b>")[2].partition("</p>")[0]
        assert ("313963892" in step) == text.asks_support, verdict
