"""Load balancers, kubelets and monitors ask an address, not a name: from configured networks that is answered."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

from app.settings import load_settings
from app.web import probes
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.running import running_service

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

TOKEN = "metrics-token-of-the-probes-only"
PATHS = ("/healthz", "/readyz", "/metrics")
MONITOR, STRANGER = "127.0.0.2", "127.0.0.3"
BY_ADDRESS = "10.1.2.3:8000"


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service behind one proxy, and one network that may probe it."""
    changes = {
        "LIXIAO_SERVICE__PROXY_COUNT": "1",
        "LIXIAO_SERVICE__OPS_NETWORKS": f"{MONITOR}/32, 2001:db8::/32",
        "LIXIAO_SERVICE__METRICS_TOKEN": TOKEN,
    }
    with running_service(campus, tmp_path_factory.mktemp("probes"), changes) as running:
        yield running


def ask(
    service: Service,
    path: str,
    *,
    from_address: str,
    host: str | None = BY_ADDRESS,
    forwarded_for: str = "",
    token: str = TOKEN,
) -> int:
    """The status of the answer to a request as it is written here; without a host, as HTTP/1.0 allows."""
    lines = [f"GET {path} HTTP/1.{1 if host else 0}", "Connection: close", f"Authorization: Bearer {token}"]
    lines += [f"Host: {host}"] if host else []
    lines += [f"X-Forwarded-For: {forwarded_for}"] if forwarded_for else []
    port = urlsplit(service.url).port or 0
    with socket.create_connection(("127.0.0.1", port), 30, (from_address, 0)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.parametrize("host", [BY_ADDRESS, "lixiao.svc.cluster.local", "", None])
def test_from_a_network_of_operators_any_host_is_answered(service: Service, host: str | None) -> None:
    assert [ask(service, path, from_address=MONITOR, host=host) for path in PATHS] == [200] * 3
    assert ask(service, "/metrics", from_address=MONITOR, host=host, token="wrong") == 401


def test_from_elsewhere_only_the_own_host_is_answered(service: Service) -> None:
    for path in PATHS:
        assert ask(service, path, from_address=STRANGER) == 400
        assert ask(service, path, from_address=STRANGER, host="127.0.0.1") == 200


def test_who_forges_the_forwarded_address_is_from_elsewhere_still(service: Service) -> None:
    for path in PATHS:
        for forged in (MONITOR, f"{MONITOR}, {MONITOR}", "2001:db8::1"):
            assert ask(service, path, from_address=STRANGER, forwarded_for=forged) == 400


def test_whom_a_proxy_of_that_network_asks_for_is_from_elsewhere(service: Service) -> None:
    for path in PATHS:
        for client in ("203.0.113.5", f"{MONITOR}, 203.0.113.5", "nonsense"):
            assert ask(service, path, from_address=MONITOR, forwarded_for=client) == 400
        assert ask(service, path, from_address=MONITOR, forwarded_for="2001:db8::1") == 200


def test_every_other_page_knows_its_own_host_only(service: Service) -> None:
    for path in ("/", "/verify", "/healthz/", "//healthz", "/readyz/x", "/.well-known/slip-keys.json"):
        assert ask(service, path, from_address=MONITOR) == 400


def tell_host(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers with the host that it was asked as."""
    start_response("200 OK", [])
    return [environ["HTTP_HOST"].encode()]


def ask_stack(address: str, forwarded_for: str = "") -> str:
    networks = (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    stack: Any = ProxyFix(probes.admit_probes(tell_host, networks, "own.example"), x_for=1)
    headers = {"Host": "evil.example"} | ({"X-Forwarded-For": forwarded_for} if forwarded_for else {})
    return Client(stack).get("/healthz", headers=headers, environ_base={"REMOTE_ADDR": address}).text


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "::1"])
def test_an_address_is_known_in_whichever_form_it_comes(address: str) -> None:
    assert ask_stack(address) == "own.example"


@pytest.mark.parametrize("address", ["11.1.2.3", "::ffff:11.1.2.3", "::2", "", "unix:"])
def test_no_other_address_is_taken_for_it(address: str) -> None:
    assert ask_stack(address) == "evil.example"


def test_if_only_the_forwarded_address_counted_anybody_could_write_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ask_stack("11.1.2.3", forwarded_for="10.1.2.3") == "evil.example"
    monkeypatch.setattr(probes, "_list_addresses", lambda environ: {environ["REMOTE_ADDR"]})
    assert ask_stack("11.1.2.3", forwarded_for="10.1.2.3") == "own.example"


def test_if_only_the_connected_address_counted_a_proxy_would_open_it_to_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ask_stack("10.1.2.3", forwarded_for="11.1.2.3") == "evil.example"
    monkeypatch.setattr(
        probes, "_list_addresses", lambda environ: {environ["werkzeug.proxy_fix.orig"]["REMOTE_ADDR"]}
    )
    assert ask_stack("10.1.2.3", forwarded_for="11.1.2.3") == "own.example"


def test_a_text_that_is_no_network_stops_the_start_by_its_key(service: Service) -> None:
    environment = {**service.environment, "LIXIAO_SERVICE__OPS_NETWORKS": "10.0.0.0/8, 10.0.0.1/8, monitor"}
    assert load_settings(environment).faults == [
        f"service.ops_networks names no network, as 10.0.0.0/8 is one: {text}"
        for text in ("10.0.0.1/8", "monitor")
    ]
