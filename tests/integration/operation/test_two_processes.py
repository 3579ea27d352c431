"""Two processes of one installation on two ports with one PostgreSQL: whoever asks either asks the same service.
That limits are shared through Redis: tests/integration/test_shared_limits.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, text

from tests.campus.client import CampusClient
from tests.campus.credentials import PASSWORD
from tests.campus.run import start_service, stop
from tests.conftest import Service, get_free_port
from tests.integration.operation.commands import run_flask
from tests.postgres import Postgres
from tests.programs import Program
from tests.running import running_service
from tests.visitor import APP, Visitor, get_csrf_token

STUDENTS = 12
NOTICED_WITHIN_SECONDS = 10
DIGITS_OF = "SELECT c.digits FROM issued_codes c JOIN slips s ON s.id = c.slip_id WHERE s.number = :number"
KEY_OF = "SELECT c.kid FROM issued_codes c JOIN slips s ON s.id = c.slip_id WHERE s.number = :number"


@dataclass(frozen=True)
class Pair:
    """The first process, whose address is the service's own, and the address of the second."""

    one: Service
    two: str

    def sign_in(self, number: str) -> tuple[Visitor, Visitor]:
        """One browser, as it meets each: the sign-in was begun at the second and ended at the first."""
        first = self.one.visit()
        page = first.get(f"{self.two}{APP}/clearance")
        assert "/oidc/" in page.url
        back = first.http.post(page.url, data={"username": number, "password": PASSWORD}, timeout=60)
        assert (back.url, back.status_code) == (f"{self.one.url}{APP}/clearance", 200)
        return first, Visitor(self.two, first.http)

    def get_verdicts(self, digits: str) -> list[str]:
        """What each says of a code."""
        asked = (f"{url}/v/{digits}" for url in (self.one.url, self.two))
        return [requests.get(url, headers={"Accept": "application/json"}).json()["verdict"] for url in asked]

    def find(self, statement: str, number: str) -> object:
        """One value of the slip of this number."""
        engine = create_engine(self.one.environment["LIXIAO_DATABASE__URL"])
        try:
            with engine.connect() as connection:
                return connection.execute(text(statement), {"number": number}).scalar_one()
        finally:
            engine.dispose()


@contextmanager
def running_another(environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    """A further process with the environment of the first; only its numbers for `/metrics` are its own."""
    port = get_free_port()
    own = {"PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics")}
    with (folder / "service.log").open("wb") as log:
        process = start_service({**environment, **own}, port, log=log.fileno(), launch=Program)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process)


@pytest.fixture(scope="module")
def pair(
    campus: CampusClient, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """The two, as two hosts behind one address are set up."""
    changes = {"LIXIAO_DATABASE__URL": postgres.get_url(postgres.create_database())}
    folder = tmp_path_factory.mktemp("another")
    with (
        running_service(campus, tmp_path_factory.mktemp("one"), changes) as one,
        running_another(one.environment, folder) as two,
    ):
        yield Pair(one, two)


def press(visitor: Visitor, token: str) -> str:
    """Submit over a connection of its own, as another tab does; the number of the slip that it leads to."""
    answer = requests.post(
        f"{visitor.url}{APP}/submission",
        data={"csrf_token": token},
        cookies=visitor.http.cookies.get_dict(),
        allow_redirects=False,
        timeout=60,
    )
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].removeprefix("/slips/")


def test_a_sign_in_begun_at_one_ends_at_the_other_and_holds_at_both(pair: Pair) -> None:
    for visitor in pair.sign_in("TS94000001"):
        assert "TS94000001" in visitor.get(f"{APP}/clearance?wait=1").text


def test_who_signs_out_at_one_is_signed_out_at_the_other(pair: Pair) -> None:
    first, second = pair.sign_in("TS94000002")
    kept = first.http.cookies.get_dict()
    assert first.post("/sign-out", first.get(f"{APP}/clearance")).status_code == 303
    answer = requests.get(f"{second.url}/completed", cookies=kept, allow_redirects=False, timeout=60)
    assert answer.headers["Location"].startswith("/sign-in?")


def test_a_submission_at_one_is_repeated_at_the_other_with_the_same_slip(pair: Pair) -> None:
    first, second = pair.sign_in("TS94000003")
    token = get_csrf_token(first.get(f"{APP}/submission"))
    number = press(second, token)
    assert number.startswith("LX")
    assert [press(visitor, token) for visitor in (first, second)] == [number, number]
    assert first.get(f"/slips/{number}.pdf").content == second.get(f"/slips/{number}.pdf").content


def test_a_crowd_that_presses_at_both_at_once_gets_one_slip_each(pair: Pair) -> None:
    browsers = [pair.sign_in(f"TS9410{place:04d}") for place in range(STUDENTS)]
    tokens = [get_csrf_token(first.get(f"{APP}/submission")) for first, _ in browsers]
    with ThreadPoolExecutor(STUDENTS * 4) as pool:
        pressed = {
            (place, at): pool.submit(press, browsers[place][at % 2], tokens[place])
            for place, at in product(range(STUDENTS), range(4))
        }
    slips = [{pressed[place, at].result() for at in range(4)} for place in range(STUDENTS)]
    assert [len(found) for found in slips] == [1] * STUDENTS
    assert len(set.union(*slips)) == STUDENTS


def test_a_slip_revoked_by_a_third_process_is_revoked_at_both_at_once(pair: Pair) -> None:
    first, _ = pair.sign_in("TS94000004")
    number = press(first, get_csrf_token(first.get(f"{APP}/submission")))
    digits = str(pair.find(DIGITS_OF, number))
    assert pair.get_verdicts(digits) == ["valid", "valid"]
    words = ("slips", "revoke", number, "--reason", "试验", "--by", "00420014")
    assert run_flask(pair.one.environment, *words).code == 0
    assert pair.get_verdicts(digits) == ["revoked", "revoked"]


def test_a_new_key_signs_at_both_within_seconds_and_both_know_it(pair: Pair) -> None:
    assert run_flask(pair.one.environment, "slip-keys", "new", "--signs-from", "now").code == 0
    ends_at = time.monotonic() + NOTICED_WITHIN_SECONDS
    addresses = [f"{url}/.well-known/slip-keys.json" for url in (pair.one.url, pair.two)]
    while any(len(requests.get(url).json()["keys"]) < 2 for url in addresses):
        assert time.monotonic() < ends_at, "a process did not notice the new key"
        time.sleep(0.1)
    for place in range(2):
        visitor = pair.sign_in(f"TS9400001{place}")[place]
        number = press(visitor, get_csrf_token(visitor.get(f"{APP}/submission")))
        assert pair.find(KEY_OF, number) == 2
        assert pair.get_verdicts(str(pair.find(DIGITS_OF, number))) == ["valid", "valid"]


def test_processes_with_a_database_each_know_nothing_of_each_other(
    campus: CampusClient, tmp_path: Path
) -> None:
    """The control: what the tests above see comes from the database that both share."""
    with running_service(campus, tmp_path / "one") as one:
        other = tmp_path / "two"
        other.mkdir()
        prepared = {"LIXIAO_DATABASE__URL": f"sqlite:///{other}/lixiao.sqlite3"}
        assert run_flask(one.environment, "db", "upgrade", **prepared).code == 0
        with running_another({**one.environment, **prepared}, other) as two:
            first = one.visit()
            first.sign_in("TS94000005")
            answer = first.get(f"{two}/completed", allow_redirects=False)
            assert answer.headers["Location"].startswith("/sign-in?")
