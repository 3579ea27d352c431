"""The product for the tests of its sign-in pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.auth.pages.site import Site, open_site
from tests.integration.auth.small_provider import SmallProvider


@pytest.fixture
def site(tmp_path: Path, provider: SmallProvider) -> Iterator[Site]:
    """The product in this process, which signs in at `provider`."""
    with open_site(tmp_path, provider) as opened:
        yield opened
