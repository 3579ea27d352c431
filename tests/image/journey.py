"""`python -m tests.image.journey URL CERTIFICATE NUMBER`: a student submits through the proxy, and a stranger scans
the slip's QR. Prints the slip's address.
"""

from __future__ import annotations

import io
import re
import sys

import pypdfium2
import requests
import zxingcpp

from tests.visitor import Visitor, get_verdict, list_statuses


def main(url: str, certificate: str, number: str) -> int:
    """Returns 0; fails by AssertionError. A student who submitted before gets the same slip again."""
    http = requests.Session()
    http.trust_env = False  # its certificates would go before ours
    http.verify = certificate
    student = Visitor(url, http)
    page = student.sign_in(number, "/graduate-departure/clearance?wait=1")
    assert set(list_statuses(page).values()) == {"cleared"}, list_statuses(page)
    answer = student.submit()
    assert answer.status_code == 303, answer.text[:2000]
    place = answer.headers["Location"]
    file = student.get(f"{place}.pdf")
    assert file.headers["Content-Type"] == "application/pdf", file.headers
    picture = pypdfium2.PdfDocument(io.BytesIO(file.content))[0].render(scale=3).to_pil()
    (code,) = {found.text for found in zxingcpp.read_barcodes(picture)}
    assert re.fullmatch(rf"{url}/v/[0-9]+", code), code
    stranger = requests.get(code, verify=certificate, timeout=30)
    assert stranger.status_code == 200, stranger.status_code
    print(code, get_verdict_of(stranger))
    return 0


def get_verdict_of(page: requests.Response) -> str:
    """The verdict on a page; fails where it is not that of a valid slip."""
    verdict = get_verdict(page)
    assert verdict == "valid", verdict
    return verdict


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
