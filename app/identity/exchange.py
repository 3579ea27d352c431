"""One sign-in's conversation with a provider: Authlib's client with the limits that it leaves to us.

No redirect is followed (a 307 would post code and secret elsewhere), everything ends by one deadline, an
answer has a largest size, and no exception carries an address, because some hold a code or a secret.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote_plus

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from requests import RequestException, Response, Timeout
from requests.auth import _basic_auth_str

from app.identity.answers import parse_answer, read_token_answer
from app.identity.base import ProviderMisbehaved, SignInUnavailable
from app.identity.deadline import Deadline, DeadlineAdapter

MAX_ANSWER_BYTES = 512 * 1024
DEADLINE_SECONDS = 5.0
CLIENT_AUTH = ("client_secret_post", "client_secret_basic")


# At level DEBUG urllib3 writes every address, and an address may hold a code or a secret.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


class Exchange(OAuth2Session):  # type: ignore[misc]
    """Authlib's session, used as a context manager so that its deadline, connections and tokens end with it.
    All methods raise SignInFault and nothing else of the network.
    """

    def __init__(
        self,
        seconds: float,
        client_auth: str,
        read_token: Callable[[bytes, int], dict[str, str]] = read_token_answer,
        **options: Any,
    ) -> None:
        super().__init__(token_endpoint_auth_method=client_auth, code_challenge_method="S256", **options)
        self.register_client_auth_method(("client_secret_basic", _encode_basic))
        self.trust_env = False
        self.headers.update({"Accept": "application/json", "Accept-Encoding": "identity"})
        for scheme in ("http://", "https://"):
            self.mount(scheme, DeadlineAdapter())
        self._deadline = Deadline(seconds)
        self._read_token = read_token

    def __enter__(self) -> Self:
        self._deadline.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.token_auth.set_token(None)
        self.close()
        self._deadline.__exit__(kind, error, trace)

    def request(self, method: str, url: str, **options: Any) -> Response:
        """Send a request within what is left of the deadline; the body waits for `read_body`."""
        options.update(allow_redirects=False, stream=True, timeout=self._deadline.remaining)
        try:
            response: Response = super().request(method, url, **options)
        except (RequestException, OAuthError, ValueError) as error:
            raise self._explain(error) from None
        return response

    def fetch_token(self, url: str, **options: Any) -> dict[str, str]:
        """Exchange a code for tokens."""
        try:
            tokens: dict[str, str] = super().fetch_token(url, **options)
        except (OAuthError, ValueError, TypeError, KeyError):
            raise ProviderMisbehaved("token:error") from None
        return tokens

    def get_json(self, url: str, what: str, **options: Any) -> dict[str, Any]:
        """Fetch a JSON object. `what` names the endpoint in the reason of a fault."""
        return parse_answer(self.read_body(self.get(url, **options), what), what)

    def read_body(self, response: Response, what: str, accept_errors: bool = False) -> bytes:
        """Read an answer's body. Anything but 200 is a fault; with `accept_errors`, 4xx have a body too."""
        with response:
            status = response.status_code
            if status >= 500 or status == 429:
                raise SignInUnavailable(f"{what}:http_{status}")
            if status != 200 and not (accept_errors and 400 <= status < 500):
                raise ProviderMisbehaved(f"{what}:http_{status}")
            return self._read_pieces(response, what)

    def _read_pieces(self, response: Response, what: str) -> bytes:
        body = bytearray()
        try:
            for piece in response.iter_content(16 * 1024):
                body += piece
                if len(body) > MAX_ANSWER_BYTES:
                    raise ProviderMisbehaved(f"{what}:too_big")
        except RequestException as error:
            raise self._explain(error) from None
        # A connection shut down by the deadline may look like the end of the body.
        if self._deadline.is_over:
            raise SignInUnavailable("timeout")
        return bytes(body)

    def parse_response_token(self, response: Response) -> dict[str, str]:
        """Take the token answer; Authlib calls this. When the token expires is of no interest."""
        kept = self._read_token(self.read_body(response, "token", accept_errors=True), response.status_code)
        self.token_auth.set_token(kept)
        return kept

    def _explain(self, error: Exception) -> SignInUnavailable:
        is_late = isinstance(error, Timeout) or self._deadline.is_over
        return SignInUnavailable("timeout" if is_late else "unreachable")


def _encode_basic(client: Any, _method: str, uri: str, headers: Any, body: Any) -> tuple[str, Any, Any]:
    """RFC 6749, 2.3.1: identifier and secret are form-encoded first, which Authlib does not do."""
    headers["Authorization"] = _basic_auth_str(quote_plus(client.client_id), quote_plus(client.client_secret))
    return uri, headers, body
