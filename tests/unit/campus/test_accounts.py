"""The people of the pretend campus."""

from __future__ import annotations

from tests.campus.accounts import DEMO_ACCOUNTS, Role, find_account
from tests.campus.credentials import DEMO, Credentials
from tests.campus.sign_in.records import Client, is_loopback_url


def test_the_demo_accounts_are_those_of_the_contract() -> None:
    students = [f"TS{23000000 + n}" for n in (*range(1, 10), 11)] + ["TB23000010", "TS25000012"]
    undergraduates = ["08230001", "08230002"]
    postdocs = ["00520021", "00520022"]
    staff = [f"{420013 + n:08}" for n in range(10)]
    assert sorted(person.number for person in DEMO_ACCOUNTS) == sorted(
        students + undergraduates + postdocs + staff
    )


def test_the_names_hold_what_is_hard_to_print() -> None:
    rare, latin = find_account("TS23000009"), find_account("TB23000010")
    assert rare
    assert all(character in rare.name for character in "䶮𠮷𬭎")
    assert latin
    assert sum(character.isalpha() and character.isascii() for character in latin.name) == 40


def test_any_number_of_the_crowd_is_a_student() -> None:
    person = find_account("TS90000017")
    assert person
    assert (person.name, person.role) == ("测试90000017", Role.STUDENT)
    assert find_account("TS9000001") is None
    assert find_account("TS9０00017") is None


def test_claims_leave_out_what_does_not_apply() -> None:
    clerk = find_account("00420014")
    assert clerk
    assert clerk.claims().keys() == {"number", "name", "college", "role"}


def test_credentials_may_come_from_the_environment() -> None:
    assert Credentials.from_environment({}) == DEMO
    assert Credentials.from_environment({"CAMPUS_FINANCE_TOKEN": "other"}).finance_token == "other"


def test_only_loopback_addresses_are_loopback() -> None:
    assert all(map(is_loopback_url, ("http://127.0.0.1:8000/x", "http://localhost/x", "https://[::1]:8443/")))
    elsewhere = (
        "http://10.0.0.1/",
        "http://127.0.0.1.example/",
        "http://a@127.0.0.1/",
        "javascript:1",
        "http://[/",
    )
    assert not any(map(is_loopback_url, elsewhere))


def test_a_client_is_sent_back_to_a_callback_on_loopback_or_to_an_address_given_at_the_start() -> None:
    client = Client("id", "secret", ("https://lixiao.example/back",))
    assert client.check_redirect_uri("http://127.0.0.1:8000/sign-in/phone/callback")
    assert client.check_redirect_uri("https://lixiao.example/back")
    for other in ("http://127.0.0.1:8000/elsewhere", "http://example.com/sign-in/phone/callback"):
        assert not client.check_redirect_uri(other)
