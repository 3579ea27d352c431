"""What cannot be reached is told apart, against real ports and certificates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import get_free_port
from tests.integration.connectors.stand_in import StandIn, running_stand_in
from tests.integration.connectors.test_transport import make_certificate
from tests.integration.operation.trials import Trials, get_verdict, make_http


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("unreachable")


@pytest.fixture(scope="module")
def servers(folder: Path) -> Iterator[dict[str, StandIn]]:
    _, tls = make_certificate(folder, address="127.0.0.2")
    with ExitStack() as stack:
        yield {
            "tls": stack.enter_context(running_stand_in(tls)),
        }


@pytest.mark.parametrize(
    ("address", "trusts", "verdict"),
    [
        ("https://nohost.invalid", False, "unavailable: unreachable: there is no such host"),
        (
            "http://127.0.0.1:{closed}",
            False,
            "unavailable: unreachable: the host is there, and nothing listens",
        ),
        (
            "http://localhost:{closed}",
            False,
            "unavailable: unreachable: the host is there, and nothing listens",
        ),
        (
            "https://localhost:{tls}",
            False,
            "unavailable: tls: its certificate is of an authority that is not",
        ),
        (
            "https://127.0.0.1:{tls}",
            True,
            "unavailable: tls: its certificate is trusted, and for another name",
        ),
        ("https://localhost:{tls}", True, "understood: 1 record(s)"),
    ],
)
def test_what_cannot_be_reached_is_told_apart(
    folder: Path, servers: dict[str, StandIn], address: str, trusts: bool, verdict: str
) -> None:
    ports = {name: server.url.rpartition(":")[2] for name, server in servers.items()}
    url = address.format(**ports, closed=get_free_port())
    changes = {"ca_file": str(folder / "server.pem")} if trusts else {}
    done = Trials(folder).run(make_http(url, **changes))
    assert get_verdict(done).startswith(verdict), done.output
