"""Second places that cannot work are told before the start."""

from __future__ import annotations

from typing import Any

import pytest

from app.config_model import read
from app.settings import CheckpointSettings

TOKEN = "a-token-of-the-witness"


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"post_url": "witness.example"}, "post_url"),
        ({"post_url": "https://witness.example", "post_token": "short"}, "post_token"),
        ({"post_token": TOKEN}, "post_token"),
        ({"mail_to": "witness@example.edu.cn"}, "smtp"),
        ({"smtp": "mail.example:25"}, "smtp"),
        ({"mail_to": "witness", "smtp": "mail.example:25"}, "mail_to"),
        ({"mail_to": "witness@example.edu.cn", "smtp": "mail.example"}, "smtp"),
    ],
)
def test_a_second_place_that_cannot_work_is_a_mistake(table: dict[str, Any], key: str) -> None:
    faults: list[str] = []
    read(CheckpointSettings, table, "checkpoints", faults)
    assert [fault.split()[0] for fault in faults] == [f"checkpoints.{key}"]
    assert TOKEN not in str(faults)


def test_second_places_that_can_work_are_none() -> None:
    faults: list[str] = []
    table = {"post_url": "https://witness.example/lines?of=lixiao", "post_token": TOKEN}
    table |= {"mail_to": "witness@example.edu.cn", "smtp": "mail.example:25", "copy_file": "/mnt/copy.jsonl"}
    read(CheckpointSettings, table, "checkpoints", faults)
    assert faults == []
