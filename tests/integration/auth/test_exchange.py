"""How conversations with a provider use its connections."""

from __future__ import annotations

import multiprocessing
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.domain.clearance import Reading
from app.identity.base import SignInUnavailable
from app.identity.http import Exchange
from tests.integration.connectors.stand_in import ask, break_off, connect, hang_up, response, running_stand_in


def test_a_connection_is_kept_for_the_next_conversation() -> None:
    with running_stand_in() as server:
        Exchange(5).get_json(server.url, "keys")
        Exchange(5).get_json(server.url, "keys")
        assert (server.connections, len(server.requests)) == (1, 2)


def test_a_request_is_sent_once_more_where_a_kept_connection_was_just_closed() -> None:
    with running_stand_in() as server:
        server.will_answer(response(), hang_up, response())
        Exchange(5).get_json(server.url, "keys")
        Exchange(5).get_json(server.url, "keys")
        assert (server.connections, len(server.requests)) == (2, 3)


def test_a_request_is_sent_twice_at_most() -> None:
    with running_stand_in() as server:
        server.will_answer(hang_up)
        with pytest.raises(SignInUnavailable, match="unreachable"):
            Exchange(5).get_json(server.url, "keys")
        assert len(server.requests) == 2


def test_what_was_answered_in_part_is_not_asked_for_again() -> None:
    with running_stand_in() as server:
        server.will_answer(break_off)
        with pytest.raises(SignInUnavailable, match="unreachable"):
            Exchange(5).get_json(server.url, "keys")
        assert len(server.requests) == 1


def test_a_cookie_of_one_conversation_is_not_sent_in_the_next() -> None:
    with running_stand_in() as server:
        server.will_answer(response(head="Set-Cookie: session=of-another; Path=/\r\n"))
        Exchange(5).get_json(server.url, "keys")
        Exchange(5).get_json(server.url, "keys")
        assert "cookie" not in server.requests[1].lower()


def _ask_in_child(url: str) -> None:
    assert Exchange(5).get_json(url, "keys")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_speaks_over_connections_of_its_own() -> None:
    with running_stand_in() as server:
        Exchange(5).get_json(server.url, "keys")
        child = multiprocessing.get_context("fork").Process(target=_ask_in_child, args=(server.url,))
        child.start()
        child.join(20)
        assert child.exitcode == 0
        Exchange(5).get_json(server.url, "keys")
        assert server.connections == 2


def test_a_provider_whose_name_cannot_be_looked_up_keeps_no_department_from_answering(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look_up, asked = socket.getaddrinfo, []

    def hang_for_provider(host: str, *rest: Any, **options: Any) -> Any:
        if host == "id.example.edu":
            asked.append(host)
            time.sleep(3)
        return look_up(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang_for_provider)

    def sign_in(_number: int) -> None:
        with pytest.raises(SignInUnavailable, match="timeout"):
            Exchange(1).get_json("https://id.example.edu/jwks", "keys")

    with running_stand_in() as server, ThreadPoolExecutor(40) as people:
        signing_in = [people.submit(sign_in, number) for number in range(40)]
        time.sleep(0.2)
        assert isinstance(ask(connect(server.url, deadline_seconds=2)), Reading)
        for one in signing_in:
            one.result()
    assert len(asked) == 1
