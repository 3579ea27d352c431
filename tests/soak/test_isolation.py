"""Ten thousand interleaved requests of many students through a caching proxy: no byte of another student."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.campus.client import CampusClient
from tests.conftest import get_free_port
from tests.integration.operation.proxy import require_nginx, running_nginx
from tests.integration.operation.test_nginx import Site, look_around, submit
from tests.running import running_service

REQUESTS, STUDENTS = 10_000, 20


@pytest.fixture
def site(campus: CampusClient, tmp_path: Path) -> Iterator[Site]:
    """The service behind the example of nginx, whose cache is on."""
    require_nginx()
    port = get_free_port()
    changes = {
        "LIXIAO_SERVICE__BASE_URL": f"https://127.0.0.1:{port}",
        "LIXIAO_SERVICE__PROXY_COUNT": "1",
    }
    with running_service(campus, tmp_path / "data", changes) as service:
        service_port = urlsplit(service.url).port or 0
        with running_nginx(tmp_path / "nginx", service_port, port) as certificate:
            yield Site(f"https://127.0.0.1:{port}", service, certificate, tmp_path / "nginx")


@pytest.mark.timeout(1500)
def test_ten_thousand_requests_through_a_cache_show_no_student_another(site: Site) -> None:
    students = [submit(site, f"TS952{place:05d}") for place in range(STUDENTS)]
    leaks, answers = look_around(site, site.url, students, REQUESTS)
    assert leaks == 0
    assert answers == {"BYPASS": REQUESTS}  # a page is never asked of the cache
