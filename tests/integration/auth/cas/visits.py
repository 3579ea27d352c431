"""What people, the campus app and the campus's server do at a service that signs in by CAS."""

from __future__ import annotations

from urllib.parse import quote

import requests

from tests.campus.client import CampusClient
from tests.campus.credentials import PASSWORD
from tests.conftest import Service
from tests.visitor import Visitor

CLAIMS = {
    "STUDENT_NUMBER": "user",
    "STAFF_NUMBER": "user",
    "NAME": "attributes.cn",
    "LEVEL": "attributes.levelName",
    "ROLE": "attributes.userType",
}


def configure(campus: CampusClient, name: str = "CAS", **options: str) -> dict[str, str]:
    """The environment of a CAS provider of this name."""
    settings = {"KIND": "cas", "LABEL": "统一身份认证（CAS）", "URL": campus.cas, **options}
    settings |= {f"CLAIMS__{key}": path for key, path in CLAIMS.items()}
    settings |= {f"ROLES__{role}": role.lower() for role in ("STUDENT", "TEACHER", "CLERK", "GUARD")}
    return {f"LIXIAO_SIGN_IN__{name}__{key}": value for key, value in settings.items()}


def answer_page(visitor: Visitor, page: requests.Response, number: str) -> requests.Response:
    """Answer the campus's sign-in page, without following the way back."""
    return visitor.http.post(
        page.url, data={"username": number, "password": PASSWORD}, timeout=30, allow_redirects=False
    )


def sign_in(service: Service, number: str = "TS23000002") -> tuple[Visitor, str]:
    """A signed-in visitor and the address of the callback."""
    visitor = service.visit()
    callback = answer_page(visitor, visitor.get("/sign-in/cas?next=/completed"), number).headers["Location"]
    page = visitor.http.get(callback, timeout=30)
    assert page.url == f"{service.url}/completed"
    return visitor, callback


def is_signed_in(visitor: Visitor) -> bool:
    return visitor.get("/completed", allow_redirects=False).status_code == 200


def get_entry(service: Service, number: str, name: str = "cas") -> str:
    """The address with a ticket that the campus app opens by itself."""
    address = f"{service.url}/sign-in/{name}/entry"
    page = f"{service.campus.cas}/login?service={quote(address)}"
    answer = requests.post(
        page, data={"username": number, "password": PASSWORD}, timeout=30, allow_redirects=False
    )
    return answer.headers["Location"]


def get_ticket(address: str) -> str:
    return address.partition("ticket=")[2]


def post_logout(service: Service, text: str, name: str = "cas") -> int:
    address = f"{service.url}/sign-in/{name}/callback"
    return requests.post(address, data={"logoutRequest": text}, timeout=30).status_code
