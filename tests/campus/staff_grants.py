"""Gives the staff of the demo the grants that they never had: `python -m tests.campus.staff_grants`, in the environment of the
demo. Apart from the campus, which runs without the product.
"""

from __future__ import annotations

import os
import shlex
import sys

from sqlalchemy import select

from app.extensions import db
from app.factory import create_app
from app.models import StaffGrant
from app.settings import load_settings
from tests.campus.staff import GRANTS


def give_missing() -> int:
    """All within one start of the application: each command would else start it again. Returns the exit code."""
    app = create_app(load_settings(os.environ))
    with app.app_context():
        known = set(db.session.scalars(select(StaffGrant.staff_number)))
        runner = app.test_cli_runner()
        for each in GRANTS:
            if each.number in known:
                continue
            done = runner.invoke(args=shlex.split(each.command))
            if done.exit_code:
                print(f"{each.command}: {done.output or done.exception}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(give_missing())
