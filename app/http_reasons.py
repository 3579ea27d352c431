"""Why a host could not be reached, as a short word, for whoever tries a connector: the fault's name says less.

ssl: the codes of X509_verify_cert_error_string, docs.openssl.org/master/man3/X509_STORE_CTX_get_error.
"""

from __future__ import annotations

import errno
import re
import ssl

import aiohttp

_NO_ROUTE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EACCES, errno.EPERM})
_EXPIRED, _OTHER_NAMES = 10, frozenset({62, 64})
_NUMBER = re.compile(r"\[Errno (\d+)\]")


def find_reason(error: BaseException) -> str:
    """The word for what kept a connection from being made; empty for anything else."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "no_such_host"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _name_certificate(error.certificate_error)
    if isinstance(error, aiohttp.ClientSSLError):
        return "no_tls"
    if not isinstance(error, aiohttp.ClientConnectorError):
        return ""
    # Of several addresses of one name each has its error, which is then in the text alone.
    numbers = {error.os_error.errno, *map(int, _NUMBER.findall(str(error.os_error)))}
    if errno.ECONNREFUSED in numbers:
        return "refused"
    return "no_route" if numbers & _NO_ROUTE else ""


def _name_certificate(cause: Exception) -> str:
    code = cause.verify_code if isinstance(cause, ssl.SSLCertVerificationError) else None
    if code in _OTHER_NAMES:
        return "other_name"
    return "expired_certificate" if code == _EXPIRED else "untrusted_certificate"
