"""A view that is emptied at any moment around a submission gives no debtor a slip: the race itself.

`make soak` runs it for two hundred debtors.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.finance_view import FRAGMENT, FinanceView, make_finance_view
from tests.fixtures.signed_in import SignedIn, sign_in_all
from tests.fixtures.stored import query
from tests.running import running_service

ROUNDS = 40
EARLIEST, LATEST, LONGEST = -0.02, 0.08, 0.1
"""Seconds from the press to the emptying, and from there to the loading where that does not wait for the answer."""
AT_ONCE = {"LIXIAO_ROUND__CANARIES_SUSPEND_SECONDS": "0"}
"""A step is trusted again by the first right look, so that every round of the race is one."""
UNGUARDED = "tests.fixtures.unproven_passes:app"


@dataclass(frozen=True)
class Race:
    """A service whose finance department is a view, and students who owe what the view holds."""

    service: Service
    view: FinanceView
    debtors: list[SignedIn]
    others: list[SignedIn]

    def load(self) -> None:
        """Fill the view."""
        self.view.bring_up_to_date(student.number for student in self.debtors)

    def run(self, seed: int) -> list[int]:
        """Each debtor submits once while the view is emptied and loaded again; the statuses."""
        chance = random.Random(seed)
        return [self._run_round(chance, student) for student in self.debtors]

    def _run_round(self, chance: random.Random, student: SignedIn) -> int:
        self.load()
        statuses: list[int] = []
        press = threading.Thread(target=lambda: statuses.append(student.submit(self.service.url)[0]))
        delay, lasts = chance.uniform(EARLIEST, LATEST), chance.choice([None, chance.uniform(0, LONGEST)])
        if delay < 0:
            self.view.empty()
            time.sleep(-delay)
        press.start()
        if delay >= 0:
            time.sleep(delay)
            self.view.empty()
        if lasts is None:
            press.join()
        else:
            time.sleep(lasts)
        self.load()
        press.join()
        return statuses[0]


@contextmanager
def running_race(campus: CampusClient, folder: Path, rounds: int, target: str = "wsgi:app") -> Iterator[Race]:
    """A race of this many debtors."""
    folder.mkdir()
    view = make_finance_view(folder / "finance.sqlite3")
    with running_service(
        campus, folder / "data", view.environment | AT_ONCE, configs=[FRAGMENT], target=target
    ) as service:
        debtors = sign_in_all(service.environment, (f"TS94{place:06d}" for place in range(rounds)))
        others = sign_in_all(service.environment, (f"TS95{place:06d}" for place in range(20)))
        race = Race(service, view, debtors, others)
        race.load()
        yield race


def count_slips(race: Race, prefix: str) -> int:
    """How many of these students have a slip."""
    statement = "SELECT count(*) FROM submissions WHERE student_number LIKE :prefix"
    ((count,),) = query(race.service.environment, statement, prefix=f"{prefix}%")
    return int(str(count))


def check_race(
    campus: CampusClient, folder: Path, rounds: int, record_property: Callable[[str, object], None]
) -> None:
    """So many debtors submit, and none gets a slip; everybody else does."""
    with running_race(campus, folder, rounds) as race:
        statuses = race.run(seed=3)
        record_property(
            f"table: {rounds} submissions of debtors while a view was emptied",
            f"{count_slips(race, 'TS94')} slips",
        )
        assert statuses == [422] * rounds
        assert count_slips(race, "TS94") == 0
        assert {student.submit(race.service.url)[0] for student in race.others} == {303}
        assert count_slips(race, "TS95") == len(race.others)


def test_a_view_emptied_around_forty_submissions_gives_no_debtor_a_slip(
    campus: CampusClient, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    check_race(campus, tmp_path / "race", ROUNDS, record_property)


def test_where_no_record_is_believed_as_it_comes_the_same_race_gives_debtors_slips(
    campus: CampusClient, tmp_path: Path
) -> None:
    with running_race(campus, tmp_path / "race", ROUNDS, UNGUARDED) as race:
        race.run(seed=3)
        assert count_slips(race, "TS94") > 0
