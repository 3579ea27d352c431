"""What an operator is told of each fault of a department system: what is wrong, and what to write or whom to call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.connectors.base import FailureCode

ADVICE: Mapping[FailureCode, str] = {
    FailureCode.UNREACHABLE: "nothing listens there, or no way leads there: look at host and port of the address, the name's "
    "entry in DNS, and whether a firewall lets this machine through",
    FailureCode.DISCONNECTED: "the connection was closed before the answer was whole: look whether the system speaks this "
    "protocol on this port (https or http, TLS or not), and at its own log",
    FailureCode.TIMEOUT: "no whole answer came in time, as also where a firewall lets nothing through: ask once more; if it always is so slow, raise deadline_seconds (for a "
    "view statement_seconds too), which the round's [round] deadline_seconds must allow",
    FailureCode.TLS: "its certificate is not trusted: for a certificate of the campus's own put its authority into ca_file; for "
    "another name use the name that the certificate has; an expired one is for the department to renew; a port without TLS wants http:// and plain_http",
    FailureCode.SERVER_ERROR: "the system failed by itself (a status of 500 or more, or an error of the database): look at the "
    "answer with --raw, and call the department",
    FailureCode.TOO_MANY_REQUESTS: "the system asks for fewer calls: lower max_connections, or have its limit raised",
    FailureCode.CREDENTIAL_REFUSED: "the credential was refused: look at credential, credential_in, credential_name and "
    "credential_prefix (of a signature at message and its method; of a library at login_user), and whether this "
    "machine's address must be admitted",
    FailureCode.TOKEN_REFUSED: "the call for a token was refused, or its success marks do not hold: look at id, secret, "
    "credentials_in and fixed of [.token]",
    FailureCode.TOKEN_UNREACHABLE: "the call for a token got no answer within two thirds of deadline_seconds: look at base_url and "
    "path of [.token], and call whoever runs the gateway",
    FailureCode.TOKEN_UNUSABLE: "the answer to the call for a token could not be read: compare token_path and life_path with it; "
    "a token without a life wants life_seconds",
    FailureCode.REDIRECT: "it leads elsewhere, most often to a login page: the address is not that of the interface, or the "
    "credential is missing; write the final address into base_url and path, as no redirect is followed",
    FailureCode.HTTP_STATUS: "the status is not 200: 404 means another path, 405 another method, 400 or 415 another number_in",
    FailureCode.BAD_HTTP: "the answer is no HTTP: look at port and scheme of base_url",
    FailureCode.TOO_LARGE: "the answer is larger than is read, or has too many rows or pages: it may be about everybody; look at "
    "number_in and number_name",
    FailureCode.ENCODING: "the answer is packed in a way that was not asked for: the system must send it plain or gzip; or its XML "
    "declares another encoding than the one of the key encoding",
    FailureCode.CONTENT_TYPE: "the Content-Type is not that of the format: an HTML page is a login or an error page, so look at "
    "path and credential; if the body is right, the department must mend the header, or content_types names it",
    FailureCode.NOT_JSON: "the body is not in the format: look at it with --raw",
    FailureCode.NOT_XML: "the body is not XML that can be read, or no SOAP envelope of this version: look at it with --raw",
    FailureCode.SOAP_FAULT: "the system answers with a SOAP fault: what it says stands in the answer, with --raw; look at action of "
    "[.soap] and at the template of [.body]",
    FailureCode.NOT_SIP2: "the answer is no SIP2 message of the expected kind: look at port, encoding, delimiter, terminator",
    FailureCode.CHECKSUM: "the message's checksum is wrong: look at encoding and terminator",
    FailureCode.SEQUENCE: "the answer is to another question: the server must repeat the sequence number",
    FailureCode.DUPLICATE_KEY: "a name stands twice, perhaps in another case, and which one holds is anybody's guess: "
    "the department must mend it",
    FailureCode.NO_SUCCESS: "the success marks do not hold: compare success with what stands there, and add the value if it is "
    "one that a good answer has",
    FailureCode.WRONG_STUDENT: "the number that comes back is not the number asked for: look at number_name and echo (of a view "
    "at statement and number_column); if the system knows people by another key, see asked_by",
    FailureCode.SEVERAL_RECORDS: 'more than one row: if a student may have several, rows = "many"; otherwise rows_path is '
    "not the row, or the system holds the student twice",
    FailureCode.WRONG_COUNT: "the number of rows that the answer tells is not that of the rows: look at count",
    FailureCode.NO_ROWS: "there is no row where rows_path leads (of a view: the statement gives none): look at rows_path; if "
    "that is how the system says that it has no record, say so by no_record",
    FailureCode.CONTRADICTION: "the answer says two things that exclude each other: the department must say which holds",
    FailureCode.MISSING_FIELD: "a path leads nowhere: compare it with the answer; or, in XML, the empty element around the "
    "rows has an attribute that no mark and no count reads",
    FailureCode.WRONG_TYPE: "the value is of another type than is read there: for a number written as a text json = "
    '"string", and the other way round; a null needs empty = true, or null = "0" of a number; student numbers that are '
    'numbers want number_as = "integer"',
    FailureCode.MALFORMED_NUMBER: "the value is no such number: look at type and unit (fen are whole), at formats, prefix and suffix, "
    "at may_be_negative for a credit, and at zero for texts that mean 0; or ask what it means",
    FailureCode.MALFORMED_TEXT: "the text is too long, stands for nothing, or does not match pattern: widen pattern, or "
    "empty = true if nothing is a known meaning",
    FailureCode.MALFORMED_DAY: "it is no day as YYYY-MM-DD and of no form in formats (of as_of and of a freshness column: "
    "moment_formats); a moment without a zone needs time_zone, and one that is still to come is refused: look at time_zone, and at "
    "the clocks of both machines",
    FailureCode.DAY_OUT_OF_BOUNDS: "the day cannot be: look at not_before and may_be_future, or empty = true if it stands for "
    "nothing",
    FailureCode.UNKNOWN_VALUE: "the text is not among the known ones: ask the department what it means, and put it into known or "
    "values",
    FailureCode.STALE: "the data are older than fresh_for_minutes: the department must bring them up to date",
    FailureCode.REPEATED_PAGE: "a page or a row came twice: look at [.pages] number_name and first",
    FailureCode.UNFOLDED_NUMBER: "the view has numbers that are not in the form of [numbers] (blanks, other case, other length): "
    "tidy them in both statements alike",
    FailureCode.NO_ENTRY: "the desk has recorded nothing of this student: a clerk records it, or imports the list",
    FailureCode.NOT_COMPLETE: "the desk's list is not declared complete: `flask desk complete`",
    FailureCode.REFUSED_ROW: "a row about this student could not be read at the desk: `flask desk status`",
    FailureCode.FORGED_ROW: "the desk's entry was not stored by a clerk's command: `flask doctor` says more",
    FailureCode.NO_KEY: "the key that the system is asked by is not known: give --key name=value for one that the sign-in tells, "
    "or look at the connector of [person_keys.<name>]",
    FailureCode.SEVERAL_KEYS: "there are several keys where one may be: several = true if a person may have them",
    FailureCode.MALFORMED_KEY: "the key does not match pattern of [person_keys.<name>]; one that a connector tells must stand "
    "there in its one form, without blanks and in the case of [person_keys.<name>]: in a view tidy it in statement, on both "
    "sides of the comparison and where it is given, and in keys_statement alike, as upper(trim(...))",
    FailureCode.KEY_UNPROVEN: "the connector of [person_keys.<name>] tells of no key, and of none of its holder either, or now "
    "one and now none: look whether its rows are there, and whether the holder still has a key",
    FailureCode.ODD_STUDENT_NUMBER: "the number cannot be sent as it is",
    FailureCode.BUSY: "all places are taken",
    FailureCode.BREAKER_OPEN: "the system is not asked after failures",
    FailureCode.INTERNAL: "something failed on this side: the log says what kind of error",
}


_XML: Mapping[str, str] = {
    "document_type": "the XML has a document type or entities, which are refused: the department must leave them out",
    "cut_text": "a comment or a processing instruction stands inside a value: the department must leave it out",
    "mixed_text": "text stands beside elements, so that nobody can say what it belongs to: the department must mend it",
    "nil_content": "an element is nil and has content, or its xsi:nil is neither true nor false: the department must mend it",
    "too_large": "the XML has too many elements, or is nested too deep: it may be about everybody; look at number_in",
    "no_envelope": "the XML is right, but no SOAP envelope of this version: look at version of [.soap], or leave [.soap] out",
}
_STATEMENT = (
    "the database takes the statement for wrong, and says why above: mend statement (or freshness_statement or "
    "numbers_statement); it may only read, and the account must be admitted to what it names"
)
_DATABASE = (
    "the database that url names cannot be opened, and why stands above: look at url, at the file's or database's name, at "
    "the account and its rights, and whether the server is reached"
)
_UNREACHABLE: Mapping[str, str] = {
    "no_such_host": "there is no such host: look at the name in the address, and whether the DNS that this machine asks knows it",
    "refused": "the host is there, and nothing listens on this port, or a firewall refuses this machine: look at the port of the "
    "address, and whether this machine's address is admitted",
    "no_route": "no way leads to the host: look at the address, the network of this machine, and the firewalls between",
    "database": _DATABASE,
}
_TLS: Mapping[str, str] = {
    "untrusted_certificate": "its certificate is of an authority that is not trusted: put the campus's own authority into ca_file; "
    "a server that leaves out an intermediate certificate is for the department to mend",
    "other_name": "its certificate is trusted, and for another name than the one in the address: write the name that the "
    "certificate has into the address",
    "expired_certificate": "its certificate has expired: the department must renew it",
    "no_tls": "what answers on this port speaks no TLS, or none of a version that is taken: look at the port; a port without TLS "
    "wants http:// and plain_http",
}
EXACT: Mapping[FailureCode, Mapping[str, str]] = {
    FailureCode.SERVER_ERROR: {"statement": _STATEMENT, "database": _DATABASE},
    FailureCode.NOT_XML: _XML,
    FailureCode.UNREACHABLE: _UNREACHABLE,
    FailureCode.TLS: _TLS,
    FailureCode.DISCONNECTED: {"database": _DATABASE},
}
"""The same for what is known more exactly than by its fault, by the word for it."""


def advise(fault: str, reasons: Sequence[str] = (), key: str = "") -> str:
    """What to do about a fault, by the last of the words for what exactly went wrong that has an advice of its own, and of
    this key of people where one is named; empty for a fault that is not known.
    """
    try:
        code = FailureCode(fault)
    except ValueError:
        return ""
    known = EXACT.get(code, {})
    exact = [known[reason] for reason in reasons if reason in known]
    return (exact[-1] if exact else ADVICE.get(code, "")).replace("<name>", key or "<name>")
