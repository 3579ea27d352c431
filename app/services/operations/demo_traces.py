"""What a configuration still has of the demo, or has for one worker only or to no effect: `flask check-config` warns of it.

Each check is named by what it looks for. None of them is a mistake: an installation that tries things out has some.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from itertools import chain
from urllib.parse import urlsplit

from pydantic.fields import FieldInfo

from app.config_model import EnvironmentText, Section, is_secret, read_kind
from app.connectors.registry import read_connectors
from app.identity.http import is_on_this_machine
from app.identity.registry import KINDS
from app.settings import Settings

LONGEST_SEASON = timedelta(days=366)
DEMO_WORD = re.compile(r"(?<![a-z0-9])demo(?![a-z0-9])", re.IGNORECASE)
WORKERS = ("GRANIAN_WORKERS", "WEB_CONCURRENCY")
"""How many workers granian and gunicorn start, where their command does not say so."""
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Set where several workers serve: the manual asks for it."""

Value = tuple[str, FieldInfo, object]
"""A key that the configuration has, its declaration and its value."""


def find_demo_traces(settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The name of each check that found something, and its words, which hold keys and never secrets. `environ` is that of
    the server.
    """
    checks: Mapping[str, Callable[[Settings], Iterator[str]]] = {
        "plain_http": _check_scheme,
        "loopback": _check_addresses,
        "demo_secret": _check_secrets,
        "no_consent": _check_consent,
        "never_fresh": _check_freshness,
        "all_levels": _check_levels,
        "long_season": _check_seasons,
        "no_proxy": _check_proxies,
        "plain_secret": _check_files,
        "long_deadline": _check_deadlines,
        "limits_in_memory": partial(_check_limits, environ=environ),
    }
    for name, check in checks.items():
        yield from ((name, words) for words in check(settings))


def _check_scheme(settings: Settings) -> Iterator[str]:
    if not settings.service.is_https:
        yield "service.base_url is http: sessions and sign-in codes travel where anybody may read them"


def _check_addresses(settings: Settings) -> Iterator[str]:
    """The database and the counts may well be on this machine; the campus is not."""
    if not settings.service.is_https:
        return
    for key, _, value in _list_campus_values(settings):
        address = f"//{value}" if key.endswith(".host") else str(value)
        if "//" in address and _is_here(address):
            yield f"{key} is this machine, while browsers reach the service by https: is it a stand-in for the real one?"


def _is_here(address: str) -> bool:
    try:
        return bool(urlsplit(address).hostname) and is_on_this_machine(address)
    except ValueError:
        return False


def _check_secrets(settings: Settings) -> Iterator[str]:
    own = ("service", "database", "slip", "rate_limit")
    values = (value for name in own for value in _list_values(getattr(settings, name), name))
    for key, field, value in chain(values, _list_campus_values(settings)):
        if is_secret(field) and DEMO_WORD.search(_get_password(str(value))):
            yield f"{key} is a secret of the demo, which anybody can read in its program"


def _get_password(secret: str) -> str:
    """The secret itself; of an address its password, as its folders and hosts may have any name."""
    return urlsplit(secret).password or "" if "://" in secret else secret


def _check_consent(settings: Settings) -> Iterator[str]:
    if not settings.privacy.consent:
        yield "privacy.consent is false: departments are asked about students who have not agreed to the privacy notice"


def _check_freshness(settings: Settings) -> Iterator[str]:
    if settings.round.fresh_seconds == 0:
        yield "round.fresh_seconds is 0: every look at a page asks every department anew"


def _check_levels(settings: Settings) -> Iterator[str]:
    for slug, chosen in settings.mini_apps.items():
        if not chosen.levels and not chosen.only:
            yield f'mini_apps.{slug}.levels is "all": whoever signs in as a {" or ".join(chosen.roles)} may submit, of whatever level'


def _check_seasons(settings: Settings) -> Iterator[str]:
    for slug, chosen in settings.mini_apps.items():
        if chosen.closes_on is not None and chosen.closes_on - chosen.opens_on > LONGEST_SEASON:
            yield f"mini_apps.{slug} is open from {chosen.opens_on} to {chosen.closes_on}: longer than one season"


def _check_proxies(settings: Settings) -> Iterator[str]:
    if settings.service.is_https and settings.service.proxy_count == 0:
        yield "service.proxy_count is 0, while base_url is https: limits by address count everybody behind the proxy as one"


def _check_limits(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    several = [name for name in WORKERS if environ.get(name, "1").strip() not in ("", "1")]
    several += [METRICS_FOLDER] if environ.get(METRICS_FOLDER) else []
    if several and settings.rate_limit.storage_url.startswith("memory"):
        yield (
            f"rate_limit.storage_url is memory:// beside several workers ({', '.join(several)} is set): each counts for "
            "itself, so that limits are that many times higher: name a Redis"
        )


def _check_files(settings: Settings) -> Iterator[str]:
    """A configuration is copied, shown and kept in repositories; the environment and files of secrets are not."""
    raw = {"sign_in": settings.sign_in, "connectors": settings.connectors}
    for key, field, value in _list_campus_values(settings):
        if is_secret(field) and _get_password(str(value)) and _is_written_in_file(raw, key):
            yield f"{key} stands in a configuration file as plain text: name a file of its own by {key}_file"


def _is_written_in_file(raw: object, key: str) -> bool:
    for part in key.split("."):
        raw = raw.get(part) if isinstance(raw, Mapping) else None
    return isinstance(raw, str) and not isinstance(raw, EnvironmentText)


def _check_deadlines(settings: Settings) -> Iterator[str]:
    most = settings.round.deadline_seconds
    for name, config in read_connectors(settings.connectors, [], settings.conventions).items():
        if "deadline_seconds" in config.model_fields_set and config.deadline_seconds > most:
            yield (
                f"connectors.{name}.deadline_seconds is {config.deadline_seconds:g}, and round.deadline_seconds, which ends "
                f"first, {most:g}"
            )


def _list_campus_values(settings: Settings) -> Iterator[Value]:
    """The keys of every sign-in and connector. Their tables were read before without a mistake."""
    for name, table in settings.sign_in.items():
        given = {"name": name, "numbers": settings.numbers}
        provider = read_kind(KINDS, table, f"sign_in.{name}", [], given)
        if provider is not None:
            yield from _list_values(provider, f"sign_in.{name}")
    for name, config in read_connectors(settings.connectors, [], settings.conventions).items():
        yield from _list_values(config, f"connectors.{name}")


def _list_values(section: Section, where: str) -> Iterator[Value]:
    for name, field in type(section).model_fields.items():
        key, value = f"{where}.{field.alias or name}", getattr(section, name)
        if isinstance(value, Section):
            yield from _list_values(value, key)
        elif isinstance(value, Mapping) and any(isinstance(inner, Section) for inner in value.values()):
            for inner_name, inner in value.items():
                yield from _list_values(inner, f"{key}.{inner_name}")
        else:
            yield key, field, value
