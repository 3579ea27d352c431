"""The digests of files that were handed out: kept once, sealed, and stronger than whatever is drawn later."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import flask_migrate
import pytest
from sqlalchemy import event, func, inspect, select, text

from app.documents import slip_pdf
from app.documents.layout import SlipTooLong
from app.domain.slip_code import Verdict
from app.extensions import db
from app.models import HandedOutFile
from app.services.clock import get_now
from app.services.slips import files
from app.services.slips.files import find_handed_out, hand_out_pdf, hand_out_png
from app.services.slips.issuing import reissue_slip, revoke_slip
from app.services.slips.signing_keys import compromise_slip_key, create_slip_key, retire_slip_key
from app.services.slips.slips import SlipView, get_slip, render_pdf
from app.services.verification.uploads import FileState, verify_file
from tests.fixtures.office import KEY_DAYS, Office


@pytest.fixture
def slip(office: Office) -> SlipView:
    return get_slip(office.installation, office.issue("李文静"), None)


@pytest.fixture
def redrawn(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A release that draws every slip another way."""

    def draw(*values: Any) -> bytes:
        return slip_pdf.render_slip_pdf(*values).replace(b"%%EOF", b"% another\n%%EOF")

    return lambda: monkeypatch.setattr(files, "render_slip_pdf", draw)


@contextmanager
def counting_statements() -> Iterator[list[str]]:
    """The statements that reach the database."""
    seen: list[str] = []

    def note(*words: Any) -> None:
        seen.append(words[2])

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def change(statement: str, **values: str) -> None:
    """Change the database behind the service's back."""
    db.session.rollback()
    with db.engine.connect() as connection:
        connection.execute(text(statement), values)
        connection.commit()


def count_rows() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count(HandedOutFile.id))) or 0


@pytest.mark.parametrize("hand_out", [hand_out_pdf, hand_out_png])
def test_a_file_that_was_handed_out_is_genuine_whatever_is_drawn_later(
    office: Office, slip: SlipView, hand_out: Callable[..., bytes], redrawn: Callable[[], None]
) -> None:
    data = hand_out(office.installation, slip)
    redrawn()
    found = verify_file(office.installation, data)
    assert (found.verification.verdict, found.state) == (Verdict.VALID, FileState.GENUINE)
    assert found.verification.digits == office.get_digits(slip.number)


def test_without_its_digest_such_a_file_would_be_another(
    office: Office, slip: SlipView, redrawn: Callable[[], None]
) -> None:
    data = render_pdf(slip)
    assert verify_file(office.installation, data).state is FileState.GENUINE
    redrawn()
    found = verify_file(office.installation, data)
    assert (found.verification.verdict, found.state) == (Verdict.VALID, FileState.DIFFERENT)


def test_a_slip_that_cannot_be_drawn_any_more_leaves_its_file_unknown(
    office: Office, slip: SlipView, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = render_pdf(slip)

    def fail(*_rest: object) -> bytes:
        raise SlipTooLong

    monkeypatch.setattr(files, "render_slip_pdf", fail)
    found = verify_file(office.installation, data)
    assert (found.verification.verdict, found.state) == (Verdict.VALID, FileState.UNKNOWN)


def test_a_repeated_download_writes_nothing_and_asks_nothing(
    office: Office, slip: SlipView, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = [hand_out_pdf(office.installation, slip), hand_out_png(office.installation, slip)]
    assert count_rows() == 2
    with counting_statements() as statements:
        again = [hand_out_pdf(office.installation, slip), hand_out_png(office.installation, slip)]
    assert (again, statements, count_rows()) == (first, [], 2)
    monkeypatch.setattr(files, "_kept", set())  # as after a restart
    with counting_statements() as statements:
        hand_out_pdf(office.installation, slip)
    assert (len(statements), count_rows()) == (1, 2)


def test_before_and_after_a_reissue_each_file_goes_with_its_own_code(office: Office, slip: SlipView) -> None:
    before = hand_out_pdf(office.installation, slip)
    reissue_slip(office.installation, slip.number, reason="补打", by="00420014")
    after = hand_out_pdf(office.installation, get_slip(office.installation, slip.number, None))
    found = [verify_file(office.installation, data) for data in (before, after)]
    assert [each.verification.verdict for each in found] == [Verdict.SUPERSEDED, Verdict.VALID]
    assert [each.state for each in found] == [FileState.GENUINE, FileState.GENUINE]
    revoke_slip(slip.number, reason="退学", by="00420014")
    assert verify_file(office.installation, after).verification.verdict is Verdict.REVOKED


def test_nobody_makes_a_file_genuine_by_writing_to_the_database(
    office: Office, slip: SlipView, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    data = hand_out_pdf(office.installation, slip)
    forged = data + b"% other words\n"
    digest = files.sha256(forged).hexdigest()
    change("UPDATE handed_out_files SET sha256 = :digest", digest=digest)
    assert find_handed_out(office.installation, forged) is None
    assert "no true seal" in caplog.text
    assert verify_file(office.installation, forged).state is FileState.DIFFERENT
    monkeypatch.setattr(files, "_is_sealed", lambda *rest: True)
    assert verify_file(office.installation, forged).state is FileState.GENUINE


def test_one_slip_s_file_is_not_another_s(office: Office, slip: SlipView) -> None:
    other = get_slip(office.installation, office.issue("王芳"), None)
    data = hand_out_pdf(office.installation, slip)
    change("UPDATE handed_out_files SET short_code = :code", code=other.code.short_code)
    assert find_handed_out(office.installation, data) is None


def test_a_retired_key_s_seal_holds_and_a_compromised_key_s_does_not(office: Office, slip: SlipView) -> None:
    data = hand_out_pdf(office.installation, slip)
    (key,) = office.installation.slip_keys.current().ring.keys
    create_slip_key(office.keys, date(2020, 1, 2), KEY_DAYS)
    retire_slip_key(office.keys, key.kid, get_now())
    renewed = replace(office.installation)
    assert find_handed_out(renewed, data) is not None
    compromise_slip_key(office.keys, key.kid)
    renewed = replace(office.installation)
    assert find_handed_out(renewed, data) is None
    assert verify_file(renewed, data).state is FileState.GENUINE  # drawn again


def test_a_file_is_sealed_by_the_key_of_its_slip_though_another_signs_by_now(
    office: Office, slip: SlipView
) -> None:
    """A key that signed no slip may be lost without anybody noticing."""
    (key,) = office.installation.slip_keys.current().ring.keys
    create_slip_key(office.keys, date(2026, 1, 2), KEY_DAYS)
    renewed = replace(office.installation)
    data = hand_out_pdf(renewed, slip)
    assert db.session.scalars(select(HandedOutFile.kid)).all() == [key.kid]
    retire_slip_key(office.keys, key.kid, get_now())
    png = hand_out_png(replace(office.installation), slip)
    assert db.session.scalars(select(HandedOutFile.kid).order_by(HandedOutFile.id)).all() == [key.kid, 2]
    assert None not in {find_handed_out(replace(office.installation), file) for file in (data, png)}


def test_a_seal_that_cannot_be_proven_is_made_anew_when_the_file_is_handed_out_again(
    office: Office, slip: SlipView, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = hand_out_pdf(office.installation, slip)
    change("UPDATE handed_out_files SET kid = 9")
    monkeypatch.setattr(files, "_kept", set())
    assert find_handed_out(office.installation, data) is None
    assert hand_out_pdf(office.installation, slip) == data
    assert find_handed_out(office.installation, data) is not None
    assert count_rows() == 1


def test_while_the_database_cannot_be_written_a_file_is_handed_out_all_the_same(
    office: Office, slip: SlipView, caplog: pytest.LogCaptureFixture
) -> None:
    change("ALTER TABLE handed_out_files RENAME TO hidden")
    with caplog.at_level(logging.ERROR):
        data = hand_out_pdf(office.installation, slip)
    assert data == render_pdf(slip)
    assert "not kept" in caplog.text
    assert slip.name not in caplog.text
    assert verify_file(office.installation, data).state is FileState.GENUINE  # drawn again
    change("ALTER TABLE hidden RENAME TO handed_out_files")
    hand_out_pdf(office.installation, slip)
    assert count_rows() == 1


def test_without_keys_and_database_nothing_is_said_of_a_file(office: Office, slip: SlipView) -> None:
    data = hand_out_pdf(office.installation, slip)
    for table in ("issued_codes", "handed_out_files"):
        change(f"ALTER TABLE {table} RENAME TO hidden_{table}")
    found = verify_file(office.installation, data)
    assert (found.verification.verdict, found.state) == (Verdict.STATUS_UNKNOWN, FileState.UNKNOWN)


def test_the_table_comes_to_a_database_with_slips(office: Office, slip: SlipView) -> None:
    hand_out_pdf(office.installation, slip)
    db.session.remove()
    flask_migrate.downgrade(revision="0006")
    assert "handed_out_files" not in inspect(db.engine).get_table_names()
    flask_migrate.upgrade()
    files._kept.clear()
    data = hand_out_pdf(office.installation, slip)
    assert (count_rows(), find_handed_out(office.installation, data)) == (1, office.get_digits(slip.number))
