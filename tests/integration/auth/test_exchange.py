"""A conversation with a provider has connections of its own, and they end with it."""

from __future__ import annotations

import time

from app import event_loop
from app.identity.http import Exchange
from tests.integration.connectors.stand_in import running_stand_in


def test_a_conversation_keeps_one_connection_and_the_next_has_another() -> None:
    with running_stand_in() as server:
        for number in (1, 2):
            with Exchange(5) as exchange:
                exchange.get_json(server.url, "keys")
                exchange.get_json(server.url, "keys")
            assert server.connections == number


def test_the_connections_of_a_conversation_end_with_it() -> None:
    with running_stand_in() as server, Exchange(5) as exchange:
        exchange.get_json(server.url, "keys")
        held = exchange._client
        assert held in event_loop._open
        exchange.__exit__(None, None, None)
        ends_at = time.monotonic() + 5
        while held in event_loop._open and time.monotonic() < ends_at:
            time.sleep(0.01)
        assert held not in event_loop._open
