"""Second places: each gets every line of the journal, in order, however long it was away, and no submission waits for it."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.domain.checkpoints import read_checkpoints
from app.extensions import db
from app.models import get_floor
from app.services.operations.checkpoints import CheckpointsRefused, check_start, mark
from app.services.operations.second_places import SecondPlace, list_places
from app.settings import CheckpointSettings
from tests.fixtures.office import Office, open_office

TOKEN = "a-token-of-the-witness"


@dataclass
class Receiver:
    """What an address was sent, and the status that it answers."""

    bodies: list[bytes] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    status: int = 204


@contextmanager
def running_receiver(receiver: Receiver) -> Iterator[str]:
    """An HTTP server that takes lines; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.tokens.append(self.headers["Authorization"])
            if receiver.status < 300:
                receiver.bodies.append(body)
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/lines"
    finally:
        server.shutdown()
        server.server_close()


class MailServer:
    """As much of SMTP (RFC 5321) as a letter needs, in a loop and a thread of its own."""

    def __init__(self) -> None:
        self.letters: list[Message] = []
        self._address: Future[str] = Future()

    @contextmanager
    def running(self) -> Iterator[str]:
        """Gives its `host:port`."""
        thread = threading.Thread(target=asyncio.run, args=(self._run(),))
        thread.start()
        try:
            yield self._address.result(30)
        finally:
            self._loop.call_soon_threadsafe(self._over.set)
            thread.join()

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            self._address.set_result(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
            await self._over.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            word = line.split()[0].upper()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                letter = await reader.readuntil(b"\r\n.\r\n")
                self.letters.append(message_from_bytes(letter[:-3].replace(b"\r\n..", b"\r\n.")))
            writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 good\r\n")
            await writer.drain()
            if word == b"QUIT":
                break
        writer.close()
        await writer.wait_closed()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with open_office(tmp_path) as office:
        yield office


def choose(office: Office, **settings: object) -> SecondPlace:
    """The one place that is configured so."""
    object.__setattr__(office.installation.settings, "checkpoints", CheckpointSettings(**settings))
    (place,) = list_places(office.installation)
    return place


@contextmanager
def state_of(place: SecondPlace, folder: Path) -> Iterator[int]:
    file = os.open(folder / f"delivered-{place.name}", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield file
    finally:
        os.close(file)


def add_line(office: Office) -> None:
    office.issue()
    assert mark(office.installation, db.engine) == ""


def test_an_address_gets_every_line_once_also_those_from_while_it_was_away(office: Office) -> None:
    receiver = Receiver()
    with running_receiver(receiver) as url:
        place = choose(office, post_url=url, post_token=TOKEN)
        with state_of(place, office.keys) as state:
            for status in (204, 503, 503, 204):
                receiver.status = status
                add_line(office)
                assert place.bring(state) is (status == 204)
            assert place.bring(state)
    assert b"".join(receiver.bodies) == office.installation.journal.path.read_bytes()
    assert [body.count(b"\n") for body in receiver.bodies] == [1, 3]
    assert set(receiver.tokens) == {f"Bearer {TOKEN}"}


def test_an_address_that_nobody_listens_at_is_tried_again(office: Office) -> None:
    place = choose(office, post_url="http://127.0.0.1:9/lines")
    add_line(office)
    with state_of(place, office.keys) as state:
        assert not place.bring(state)
        assert os.pread(state, 20, 0) == b""


def test_a_new_process_goes_on_where_the_last_one_ended(office: Office) -> None:
    receiver = Receiver()
    with running_receiver(receiver) as url:
        for _ in range(2):
            place = choose(office, post_url=url)
            add_line(office)
            with state_of(place, office.keys) as state:
                assert place.bring(state)
    assert [body.count(b"\n") for body in receiver.bodies] == [1, 1]


def test_a_witness_gets_the_lines_by_mail_and_nothing_of_a_person(office: Office) -> None:
    server = MailServer()
    with server.running() as address:
        place = choose(office, mail_to="witness@example.edu.cn", smtp=address)
        add_line(office)
        add_line(office)
        with state_of(place, office.keys) as state:
            assert place.bring(state)
            assert place.bring(state)
    (letter,) = server.letters
    words, attached = letter.get_payload()
    lines = attached.get_payload(decode=True)
    assert lines == office.installation.journal.path.read_bytes()
    ring = office.installation.slip_keys.current().ring
    assert len(read_checkpoints(lines, ring)) == 2
    assert "lixiao checkpoint 2/2" in letter["Subject"]
    whole = f"{letter['Subject']} {words.get_payload()} {lines.decode()}"
    codes = [code.short_code for code in office.list_codes()]
    assert not re.search("|".join(("李文静", "TS23", *codes)), whole)


def test_a_copy_is_the_journal_and_finds_out_what_was_done_to_the_journal(
    office: Office, tmp_path: Path
) -> None:
    copy, journal = tmp_path / "elsewhere" / "copy.jsonl", office.installation.journal
    copy.parent.mkdir()
    place = choose(office, copy_file=str(copy))
    with state_of(place, office.keys) as state:
        for _ in range(3):
            add_line(office)
            assert place.bring(state)
        assert copy.read_bytes() == journal.path.read_bytes()

        copy.unlink()  # lost: it is written anew as a whole
        add_line(office)
        assert place.bring(state)
        assert copy.read_bytes() == journal.path.read_bytes()

    # The database and the journal are both brought back from one backup, and go on.
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join(lines[:2]))
    db.session.rollback()
    with db.engine.begin() as connection:
        for table, column in (("issued_codes", "log_sequence"), ("slip_log_entries", "sequence")):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE {column} > 2")
    get_floor(db.engine).lift()
    with pytest.raises(CheckpointsRefused, match=r"stands at 2, and the checkpoint of .* says 4"):
        check_start(office.installation, db.engine)

    copy.unlink()  # the control: the journal alone knows nothing of it
    check_start(office.installation, db.engine)


def test_a_copy_with_lines_of_its_own_is_left_as_it_is(office: Office, tmp_path: Path) -> None:
    copy, journal = tmp_path / "copy.jsonl", office.installation.journal
    place = choose(office, copy_file=str(copy))
    with state_of(place, office.keys) as state:
        for _ in range(2):
            add_line(office)
            assert place.bring(state)
        journal.path.write_bytes(journal.path.read_bytes().splitlines(keepends=True)[0])
        kept = copy.read_bytes()
        add_line(office)  # another second line
        assert not place.bring(state)
    assert copy.read_bytes() == kept


def test_a_damaged_line_goes_to_no_place_and_is_told_in_words(
    office: Office, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add_line(office)
    journal = office.installation.journal.path
    journal.write_bytes(journal.read_bytes().replace(b'"previous"', b'"prewious"'))
    copied, mailed = {"copy_file": str(tmp_path / "copy.jsonl")}, {"mail_to": "w@example.edu.cn"}
    for settings in (copied, mailed | {"smtp": "127.0.0.1:9"}):
        caplog.clear()
        place = choose(office, **settings)
        with state_of(place, office.keys) as state:
            assert not place.bring(state)
        reasons = [vars(record)["reason"] for record in caplog.records if "reason" in vars(record)]
        assert reasons == ["the journal is damaged: see `flask restore status`"]


def test_half_a_line_in_a_copy_is_written_again(office: Office, tmp_path: Path) -> None:
    copy, journal = tmp_path / "copy.jsonl", office.installation.journal
    place = choose(office, copy_file=str(copy))
    with state_of(place, office.keys) as state:
        add_line(office)
        assert place.bring(state)
        add_line(office)
        second = journal.path.read_bytes().splitlines(keepends=True)[1]
        with copy.open("ab") as file:
            file.write(second[:100])
        assert [place.bring(state), place.bring(state)] == [False, True]
    assert copy.read_bytes() == journal.path.read_bytes()
