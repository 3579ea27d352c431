"""The limits of verification: they stop guessing, and nobody's guessing stops a gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.issued_slips import (
    GUARD,
    IssuedSlip,
    issue_slip,
    read_slip,
    sign_in_staff,
    supersede,
)
from tests.running import running_service
from tests.visitor import Visitor, get_verdict

TYPED, EVERYWHERE, COMPARED, UPLOADED, UNPROVEN, SCANNED = 3, 12, 2, 2, 4, 30
LIMITS = {
    "TYPED": TYPED,
    "TYPED_EVERYWHERE": 1000,
    "COMPARISON": COMPARED,
    "UPLOAD": UPLOADED,
    "UNPROVEN": UNPROVEN,
    "VERIFICATION": SCANNED,
}
BY_ADDRESS = "tests.fixtures.counted_by_address:app"
JSON = {"Accept": "application/json"}


@contextmanager
def start_strict(
    campus: CampusClient, data_dir: Path, limits: Mapping[str, int], target: str = "wsgi:app"
) -> Iterator[Service]:
    """A service with tight limits behind a proxy, so that a test can come from many addresses."""
    changes = {f"LIXIAO_RATE_LIMIT__{name}": f"{limit} per hour" for name, limit in limits.items()}
    changes |= {"LIXIAO_SERVICE__PROXY_COUNT": "1"}
    with running_service(campus, data_dir, changes, target=target) as service:
        yield service


@pytest.fixture(scope="module")
def strict(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with tight limits for each address."""
    with start_strict(campus, tmp_path_factory.mktemp("strict"), LIMITS) as service:
        yield service


@pytest.fixture
def guarded(campus: CampusClient, tmp_path: Path) -> Iterator[Service]:
    """A service with a tight limit for all wrong typed codes together."""
    with start_strict(campus, tmp_path, {**LIMITS, "TYPED_EVERYWHERE": EVERYWHERE}) as service:
        yield service


@pytest.fixture
def slip(strict: Service, fresh_student: str) -> IssuedSlip:
    """A slip of the strict service."""
    return issue_slip(strict, fresh_student)


@pytest.fixture
def address() -> str:
    """An address that no other test comes from."""
    return f"10.0.0.{next(_addresses)}"


_addresses = iter(range(1, 255))


def come_from(address: str) -> dict[str, str]:
    """The header that the proxy adds."""
    return {"X-Forwarded-For": address}


def type_code(service: Service, code: str, address: str) -> requests.Response:
    """Type a code at this address."""
    return requests.post(f"{service.url}/verify", data={"code": code}, headers=come_from(address), timeout=30)


def make_wrong_codes(count: int) -> list[str]:
    """Codes that nobody was given."""
    return [f"{number:016d}" for number in range(count)]


def test_wrong_typed_codes_are_limited_by_address_and_scanning_goes_on(
    strict: Service, slip: IssuedSlip, address: str
) -> None:
    answers = [type_code(strict, code, address) for code in make_wrong_codes(TYPED + 1)]
    assert [get_verdict(answer) for answer in answers] == ["never_issued"] * TYPED + ["rate_limited"]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert get_verdict(type_code(strict, slip.short_code, address)) == "rate_limited"
    assert get_verdict(requests.get(slip.url, headers=come_from(address), timeout=30)) == "valid"
    assert get_verdict(type_code(strict, slip.short_code, "10.3.0.1")) == "valid"


def test_one_ipv6_network_is_limited_as_one_address(strict: Service) -> None:
    codes = make_wrong_codes(TYPED + 1)
    answers = [type_code(strict, code, f"2001:db8:0:1::{at + 1}") for at, code in enumerate(codes)]
    assert [answer.status_code for answer in answers] == [200] * TYPED + [429]
    assert type_code(strict, codes[0], "2001:db8:0:2::1").status_code == 200


def test_a_limited_answer_comes_as_json_too(strict: Service, address: str) -> None:
    for code in make_wrong_codes(TYPED):
        type_code(strict, code, address)
    answer = requests.post(
        f"{strict.url}/verify", data={"code": "0" * 16}, headers=JSON | come_from(address), timeout=30
    )
    assert (answer.status_code, answer.json()) == (429, {"verdict": "rate_limited"})


def test_without_a_tight_limit_the_same_codes_are_not_limited(service: Service, address: str) -> None:
    answers = [type_code(service, code, address) for code in make_wrong_codes(TYPED + 1)]
    assert {get_verdict(answer) for answer in answers} == {"never_issued"}


def test_right_typed_codes_are_not_counted_so_a_campus_behind_one_address_gets_through(
    strict: Service, slip: IssuedSlip, address: str
) -> None:
    answers = [type_code(strict, slip.short_code, address) for _ in range(3 * TYPED)]
    assert {get_verdict(answer) for answer in answers} == {"valid"}


def test_a_signed_in_guard_is_counted_by_person_not_by_address(
    strict: Service, slip: IssuedSlip, address: str
) -> None:
    guard = sign_in_staff(strict, GUARD)
    for code in make_wrong_codes(TYPED + 1):
        type_code(strict, code, address)
    answer = guard.http.post(
        f"{strict.url}/verify", data={"code": slip.short_code}, headers=come_from(address), timeout=30
    )
    assert get_verdict(answer) == "valid"


def test_wrong_codes_from_many_addresses_are_limited_everywhere_and_scanning_goes_on(
    guarded: Service, fresh_student: str
) -> None:
    slip = issue_slip(guarded, fresh_student)
    answers = [
        type_code(guarded, code, f"10.1.0.{number}")
        for number, code in enumerate(make_wrong_codes(EVERYWHERE + 1))
    ]
    assert [get_verdict(answer) for answer in answers] == ["never_issued"] * EVERYWHERE + ["rate_limited"]
    assert get_verdict(requests.get(slip.url, timeout=30)) == "valid"


def test_a_flood_of_codes_that_prove_nothing_is_limited_and_true_codes_are_not(
    strict: Service, slip: IssuedSlip, address: str
) -> None:
    from_here = come_from(address)
    answers = [requests.get(slip.tampered_url, headers=from_here, timeout=30) for _ in range(UNPROVEN + 1)]
    assert [get_verdict(answer) for answer in answers] == ["bad_signature"] * UNPROVEN + ["rate_limited"]
    assert answers[-1].status_code == 429
    assert get_verdict(requests.get(slip.url, headers=from_here, timeout=30)) == "valid"


def test_one_true_code_asked_for_without_end_is_limited_and_other_codes_are_not(
    strict: Service, slip: IssuedSlip, fresh_student: str
) -> None:
    other = issue_slip(strict, f"TS98{fresh_student[4:]}")
    answers = [requests.get(slip.url, headers=JSON, timeout=30) for _ in range(SCANNED + 1)]
    assert [answer.json()["verdict"] for answer in answers] == ["valid"] * SCANNED + ["rate_limited"]
    assert get_verdict(requests.get(other.url, timeout=30)) == "valid"


def test_names_cannot_be_tried_out(strict: Service, slip: IssuedSlip) -> None:
    wrong = [requests.post(slip.url, data={"name": f"测{number}"}, timeout=30) for number in range(COMPARED)]
    assert all('data-comparison="no_match"' in answer.text for answer in wrong)
    right = requests.post(slip.url, data={"name": slip.name}, timeout=30)
    assert right.status_code == 429
    assert 'data-comparison="rate_limited"' in right.text
    assert 'data-verdict="valid"' in right.text


def test_within_the_limit_the_right_name_is_answered(strict: Service, slip: IssuedSlip) -> None:
    assert 'data-comparison="match"' in requests.post(slip.url, data={"name": slip.name}, timeout=30).text


def test_names_cannot_be_tried_out_from_many_addresses_either(strict: Service, slip: IssuedSlip) -> None:
    answers = [
        requests.post(
            slip.url, data={"name": f"测{number}"}, headers=come_from(f"10.2.0.{number}"), timeout=30
        )
        for number in range(10 * COMPARED + 1)
    ]
    assert answers[-2].status_code == 200
    assert answers[-1].status_code == 429


def test_uploads_are_limited_by_address(strict: Service, address: str) -> None:
    def send(sender: str) -> int:
        files = {"file": ("photo", b"no picture")}
        headers = come_from(sender)
        return requests.post(f"{strict.url}/verify", files=files, headers=headers, timeout=30).status_code

    assert [send(address) for _ in range(UPLOADED + 1)] == [422] * UPLOADED + [429]
    assert send("10.3.0.2") == 422


def test_no_limit_writes_an_address_or_a_code_into_the_log(
    strict: Service, slip: IssuedSlip, address: str
) -> None:
    for code in make_wrong_codes(TYPED + 1):
        type_code(strict, code, address)
    for _ in range(SCANNED + 1):
        requests.get(slip.url, headers=come_from(address), timeout=30)
    log = strict.log.read_text(encoding="utf-8")
    assert address not in log
    assert slip.digits not in log


@contextmanager
def at_a_busy_address(service: Service, slip: IssuedSlip) -> Iterator[Callable[[str], Visitor]]:
    """Strangers use up every limit at the address that staff come from, too, and everywhere."""
    for code in make_wrong_codes(EVERYWHERE + 1):
        requests.post(f"{service.url}/verify", data={"code": code}, timeout=30)
    for number in range(10 * COMPARED + 1):
        requests.post(slip.url, data={"name": f"测{number}"}, timeout=30)
    for _ in range(UNPROVEN + 1):
        requests.get(slip.tampered_url, timeout=30)
    for _ in range(UPLOADED + 1):
        requests.post(f"{service.url}/verify", files={"file": ("photo", b"no picture")}, timeout=30)
    for _ in range(SCANNED + 1):
        requests.get(slip.url, timeout=30)
    yield partial(sign_in_staff, service)


def meet_all_limits(guard: Visitor, service: Service, slip: IssuedSlip) -> dict[str, int]:
    """One of each that a guard does, and the statuses."""
    verify = f"{service.url}/verify"
    return {
        "typed": guard.http.post(verify, data={"code": slip.short_code}, timeout=30).status_code,
        "wrong": guard.http.post(verify, data={"code": "0" * 16}, timeout=30).status_code,
        "name": guard.http.post(slip.url, data={"name": slip.name}, timeout=30).status_code,
        "unproven": guard.http.get(slip.tampered_url, timeout=30).status_code,
        "upload": guard.http.post(verify, files={"file": ("photo", b"no picture")}, timeout=30).status_code,
        "scan": guard.http.get(slip.url, timeout=30).status_code,
    }


ADMITTED = {"typed": 200, "wrong": 200, "name": 200, "unproven": 200, "upload": 422, "scan": 200}


def test_strangers_at_the_same_address_keep_no_guard_from_anything(
    guarded: Service, fresh_student: str
) -> None:
    slip = issue_slip(guarded, fresh_student)
    with at_a_busy_address(guarded, slip) as sign_in:
        assert meet_all_limits(sign_in(GUARD), guarded, slip) == ADMITTED
        assert meet_all_limits(Visitor(guarded.url), guarded, slip) == dict.fromkeys(ADMITTED, 429)


def test_counted_by_address_the_guard_is_kept_from_everything(
    campus: CampusClient, tmp_path: Path, fresh_student: str
) -> None:
    with start_strict(campus, tmp_path, LIMITS, BY_ADDRESS) as service:
        slip = issue_slip(service, fresh_student)
        with at_a_busy_address(service, slip) as sign_in:
            assert meet_all_limits(sign_in(GUARD), service, slip) == dict.fromkeys(ADMITTED, 429)


def test_a_guards_own_wrong_codes_are_limited_and_nobody_elses_are_by_them(
    guarded: Service, fresh_student: str
) -> None:
    slip = issue_slip(guarded, fresh_student)
    guard = sign_in_staff(guarded, GUARD)
    answers = [
        guard.http.post(f"{guarded.url}/verify", data={"code": code}, timeout=30)
        for code in make_wrong_codes(EVERYWHERE + 1)
    ]
    assert [answer.status_code for answer in answers][TYPED:] == [429] * (EVERYWHERE + 1 - TYPED)
    assert "只限制您本人的账号" in answers[-1].text
    assert get_verdict(type_code(guarded, slip.short_code, "10.4.0.1")) == "valid"


def test_a_refusal_tells_when_the_limit_is_over(strict: Service, address: str) -> None:
    answers = [type_code(strict, code, address) for code in make_wrong_codes(TYPED + 1)]
    assert 3500 < int(answers[-1].headers["Retry-After"]) <= 3600
    assert "60 分钟后可以再试" in answers[-1].text


MISSES = {**LIMITS, "COMPARISON": 1000, "COMPARISON_MISSES": 3}


@pytest.fixture(scope="module")
def wary(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that takes few wrong names for one slip."""
    with start_strict(campus, tmp_path_factory.mktemp("wary"), MISSES) as service:
        yield service


@pytest.fixture
def guessed(wary: Service, fresh_student: str) -> IssuedSlip:
    """A slip of the wary service, whose holder's name strangers guess."""
    return issue_slip(wary, fresh_student)


def guess(slip: IssuedSlip, name: str, address: str) -> requests.Response:
    """Try a name from this address."""
    return requests.post(slip.url, data={"name": name}, headers=come_from(address), timeout=30)


def test_wrong_names_from_all_addresses_together_end_what_strangers_may_compare(guessed: IssuedSlip) -> None:
    answers = [guess(guessed, f"某{number}", f"10.5.0.{number}") for number in range(5)]
    assert ['data-comparison="no_match"' in answer.text for answer in answers] == [True] * 3 + [False] * 2
    right = guess(guessed, guessed.name, "10.5.1.1")
    assert (right.status_code, get_verdict(right)) == (429, "valid")
    assert 'data-comparison="staff_only"' in right.text
    for page in (right, answers[2], requests.get(guessed.url, timeout=30)):
        assert "data-staff-only" in page.text
        assert 'name="name"' not in page.text
        assert f'<a class="link" href="/sign-in?next=/v/{guessed.digits}">工作人员登录</a>' in page.text
    told = requests.post(guessed.url, data={"name": guessed.name}, headers=JSON, timeout=30)
    assert (told.status_code, told.json()["comparison"]) == (429, "staff_only")


def test_right_names_are_no_wrong_ones_however_often(guessed: IssuedSlip, address: str) -> None:
    answers = [guess(guessed, guessed.name, address) for _ in range(2 * 3)]
    answers += [guess(guessed, "  ", address) for _ in range(3)]
    assert ['data-comparison="match"' in answer.text for answer in answers] == [True] * 6 + [False] * 3
    assert 'data-comparison="match"' in guess(guessed, guessed.name, address).text
    assert 'name="name"' in requests.get(guessed.url, timeout=30).text


def test_guards_compare_on_and_their_wrong_names_are_not_counted(wary: Service, guessed: IssuedSlip) -> None:
    guard = sign_in_staff(wary, GUARD)
    for number in range(4):
        answer = guard.http.post(guessed.url, data={"name": f"某{number}"}, timeout=30)
        assert 'data-full="' in answer.text
    assert 'data-comparison="match"' in guess(guessed, guessed.name, "10.6.0.1").text
    for number in range(4):
        guess(guessed, f"某{number}", f"10.6.1.{number}")
    told = guard.http.post(guessed.url, data={"name": guessed.name}, headers=JSON, timeout=30)
    assert (told.status_code, told.json()["comparison"]) == (200, "match")


def test_wrong_names_for_one_slip_are_none_for_another(
    wary: Service, guessed: IssuedSlip, fresh_student: str
) -> None:
    for number in range(4):
        guess(guessed, f"某{number}", f"10.7.0.{number}")
    other = issue_slip(wary, f"TS97{fresh_student[-6:]}")
    answer = guess(other, other.name, "10.7.0.1")
    assert 'data-comparison="match"' in answer.text


def test_a_new_code_of_the_slip_takes_no_more_wrong_names(wary: Service, guessed: IssuedSlip) -> None:
    for number in range(4):
        guess(guessed, f"某{number}", f"10.8.0.{number}")
    supersede(wary, guessed)
    holder = wary.visit()
    holder.sign_in(guessed.student_number)
    new = read_slip(holder.get(f"/slips/{guessed.number}"), guessed.name, guessed.student_number)
    assert new.digits != guessed.digits
    assert 'data-comparison="staff_only"' in guess(new, new.name, "10.8.1.1").text


def test_nearly_the_name_is_a_wrong_one_too(wary: Service) -> None:
    """It tells every letter of the name."""
    nearly = issue_slip(wary, "TB23000010")
    shown = nearly.name.replace("a", "á", 1)
    answers = [guess(nearly, shown, f"10.9.0.{number}") for number in range(4)]
    assert ['data-comparison="nearly"' in answer.text for answer in answers] == [True] * 3 + [False]
