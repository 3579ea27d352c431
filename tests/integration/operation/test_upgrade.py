"""`flask db upgrade` can be run twice, and goes on where a killed one stopped, with slips in the database or none; of a
database that is another release's is told whose.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import flask_migrate
import pytest
from sqlalchemy import create_engine, text

from app.domain.slip_code import Verdict
from app.extensions import db
from app.services.operations.migrations import get_migration_head
from app.services.slips.issued_log import find_log_faults
from app.services.verification.verification import verify_code
from tests.campus.client import PROJECT
from tests.campus.run import make_environment
from tests.fixtures.office import NOBODY, PORT, open_office
from tests.fixtures.templates import prepare
from tests.integration.conftest import MakeDatabase
from tests.integration.operation.commands import run_flask
from tests.integration.test_database import describe

STEP = 9
FEWEST_KILLED = 3


def upgrade_with_kills(environment: Mapping[str, str]) -> int:
    """Upgrade, killed again and again; how often."""
    command = [sys.executable, "-m", "tests.fixtures.dying_upgrade", str(STEP)]
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_an_upgrade_that_was_killed_goes_on_and_loses_no_slip(
    tmp_path: Path, make_database: MakeDatabase
) -> None:
    url = make_database(tmp_path)
    environment = make_environment(tmp_path, PORT, NOBODY) | {"LIXIAO_DATABASE__URL": url}
    with open_office(tmp_path, database_url=url) as office:
        whole = describe()
        codes = [office.get_digits(office.issue(name)) for name in ("李文静", "欧阳䶮𠮷", "Li Na")]
        db.session.remove()
        flask_migrate.downgrade(revision="0002")
        db.engine.dispose()
        assert upgrade_with_kills(environment) >= FEWEST_KILLED
        assert describe() == whole
        assert [verify_code(office.installation, digits).verdict for digits in codes] == [Verdict.VALID] * 3
        with db.engine.connect() as connection:
            assert list(find_log_faults(connection)) == []


def test_a_first_upgrade_that_was_killed_goes_on_and_a_second_one_changes_nothing(
    tmp_path: Path, make_database: MakeDatabase
) -> None:
    url = make_database(tmp_path)
    with open_office(tmp_path / "whole") as _:
        pass
    environment = make_environment(tmp_path / "whole", PORT, NOBODY) | {"LIXIAO_DATABASE__URL": url}
    assert upgrade_with_kills(environment) >= FEWEST_KILLED
    assert run_flask(environment, "db", "upgrade").code == 0
    assert run_flask(environment, "db", "check").code == 0


HEAD = get_migration_head()
NEWER = (
    f"the database is of a newer release (revision 9999, this one knows up to {HEAD}): upgrade the program, or restore "
    "the backup from before the upgrade"
)
OLDER = f"the database is of an older release (revision 0010, this one expects {HEAD}): `flask db upgrade`"


def stamp(url: str, revision: str) -> None:
    """Let the database be that of the release with this revision."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    engine.dispose()


@pytest.fixture
def installation(tmp_path: Path, make_database: MakeDatabase) -> dict[str, str]:
    """The environment of one with a migrated database."""
    made = make_environment(tmp_path, PORT, NOBODY) | {"LIXIAO_DATABASE__URL": make_database(tmp_path)}
    prepare(made)
    return made


def test_beside_a_newer_database_an_old_release_asks_for_a_newer_program_and_changes_nothing(
    installation: dict[str, str],
) -> None:
    url = installation["LIXIAO_DATABASE__URL"]
    stamp(url, "9999")
    upgrade = run_flask(installation, "db", "upgrade")
    assert (upgrade.code, NEWER in upgrade.err) == (1, True), upgrade.err
    doctor = run_flask(installation, "doctor")
    assert (doctor.code, NEWER in doctor.out, "db upgrade" in doctor.out) == (1, True, False), doctor.out
    stamp(url, HEAD)
    assert run_flask(installation, "db", "upgrade").code == 0


def test_beside_an_older_database_a_new_release_asks_for_the_upgrade(installation: dict[str, str]) -> None:
    stamp(installation["LIXIAO_DATABASE__URL"], "0010")
    told = run_flask(installation, "doctor").out
    assert (OLDER in told, "newer release" in told) == (True, False), told
