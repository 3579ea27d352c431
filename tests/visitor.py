"""A person with a browser, as far as HTTP goes: keeps cookies, signs in at the pretend campus, fills in forms."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urljoin, urlsplit

import requests

from tests.campus.credentials import PASSWORD

APP = "/graduate-departure"
SECONDS = 30
ASKS_CONSENT = "data-consent"


@dataclass
class Visitor:
    """One browser. `url` is the service's address; paths are below it."""

    url: str
    http: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **options: object) -> requests.Response:
        """Open a page, following redirects."""
        return self.http.get(urljoin(self.url, path), timeout=SECONDS, **options)  # type: ignore[arg-type]

    def sign_in(self, number: str, path: str = f"{APP}/clearance") -> requests.Response:
        """Open a page that needs a sign-in, answer the campus's sign-in page, agree to the privacy notice where that is
        asked, and return what comes then.
        """
        answer = self.arrive(number, path)
        return self.consent(answer) if ASKS_CONSENT in answer.text else answer

    def arrive(self, number: str, path: str = f"{APP}/clearance") -> requests.Response:
        """Open a page that needs a sign-in, answer the campus's sign-in page, and return what comes first."""
        page = self.get(path)
        assert "/oidc/" in page.url, page.url
        answer = self.http.post(
            page.url, data={"username": number, "password": PASSWORD}, timeout=SECONDS, allow_redirects=True
        )
        assert answer.url.startswith(self.url), answer.url
        return answer

    def consent(self, page: requests.Response) -> requests.Response:
        """Agree to the privacy notice, and return the page that was wanted."""
        answer = self.post(f"{urlsplit(page.url).path.rpartition('/')[0]}/consent", page)
        assert answer.status_code == 303, answer.status_code
        return self.get(answer.headers["Location"])

    def post(self, path: str, page: requests.Response, **data: str) -> requests.Response:
        """Send a form of `page` with its CSRF token, without following the redirect."""
        return self.http.post(
            urljoin(self.url, path),
            data={"csrf_token": get_csrf_token(page), **data},
            timeout=SECONDS,
            allow_redirects=False,
        )

    def submit(self) -> requests.Response:
        """Open the check page and press submit; the answer, without following its redirect."""
        return self.post(f"{APP}/submission", self.get(f"{APP}/submission"))


def get_csrf_token(page: requests.Response) -> str:
    """The token of the page's first form. Fails where there is none."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found, page.text[:2000]
    return unescape(found[1])


def list_statuses(page: requests.Response) -> dict[str, str]:
    """The status of each item of a clearance page, by step key."""
    marks = re.findall(r'data-step="([^"]+)"\s+data-status="([^"]+)"', page.text)
    return dict(marks)


def get_verdict(page: requests.Response) -> str:
    """The verdict that a verification page shows."""
    found = re.search(r'data-verdict="([^"]+)"', page.text)
    assert found, page.text[:2000]
    return found[1]
