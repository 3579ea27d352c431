"""What keeps a service with desks from starting: every mistake of buttons and `[console]` at once, named by its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.factory import create_app
from app.settings import SettingsError, load_settings
from tests.campus.run import PROJECT, make_environment

WRONG = """
[console]
two_for = ["graduate_departure.archive", "graduate_departure.nothing"]
undo_minutes = 0

[connectors.archive_desk]
done = { state = "已提交", reviewed_on = "today" }

[connectors.dormitory_desk]
done = { building = "today", room = "clerk", checkout_date = "today", checkout_by = "clerk", floor = "3" }
"""


def test_every_mistake_of_a_desks_buttons_is_told_at_start(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(WRONG, encoding="utf-8")
    configs = [PROJECT / "config" / "demo_staff.toml", own]
    environment = make_environment(tmp_path / "data", 1, "http://127.0.0.1:9", configs)
    with pytest.raises(SettingsError) as caught:
        create_app(load_settings(environment))
    told = "\n".join(caught.value.faults)
    for message in (
        "console.undo_minutes must be from 1 to 1440",
        "console.two_for names no step: graduate_departure.nothing",
        "connectors.archive_desk.done is judged pending by the rule of step archive, and must be cleared",
        "connectors.dormitory_desk.done.building is today, and the fact is a text",
        "connectors.dormitory_desk.done.floor is no fact of the desk",
    ):
        assert message in told, told
    assert "names no step: graduate_departure.archive" not in told
