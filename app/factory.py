"""The departure service: one factory wires everything and takes the settings as an argument."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask
from limits.errors import ConfigurationError
from limits.storage import storage_from_string
from werkzeug.middleware.proxy_fix import ProxyFix

from app.commands import register_commands
from app.connectors.guard import GuardedConnector
from app.connectors.registry import build_connectors
from app.documents.certificate import UnusableCertificate
from app.documents.fonts import FontFile, UnusableFont, load_fonts
from app.domain.clearance import Status
from app.domain.mini_app import MiniApp
from app.extensions import csrf, db, limiter, migrate
from app.identity.registry import build_providers, read_browsers
from app.logs import configure_logging
from app.metrics import MetricsRefused, reserve_files
from app.mini_apps.loader import load_mini_app
from app.mini_apps.pages import add_pages
from app.models import DatabaseRefused, claim_for_host, get_host, limit_waits
from app.services.clearance.canaries import CanaryWatch
from app.services.clearance.canary_looks import LookBook
from app.services.clearance.wiring import check_actions, check_levels, check_steps, check_students, list_shown
from app.services.desk.desk import open_desk_book
from app.services.installation import Installation, InstalledMiniApp
from app.services.slips.signing_keys import SlipKeyError, load_slip_keys
from app.settings import ANY_FACT, ROOT, MiniAppSettings, Settings, SettingsError
from app.web import init_web
from app.web.auth import init_auth
from app.web.page_context import MAX_FORM_MEMORY_BYTES
from app.web.request_body import drain_bodies
from app.web.session import DatabaseSessionInterface
from app.web.verify.scans import answer_scans
from app.workers import warn_of_limits_apart

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

MAX_BODY_BYTES = 8 * 1024 * 1024
POOL_SECONDS = 6
STORAGE_SECONDS = 0.5
START_ERRORS = (
    SettingsError,
    SlipKeyError,
    UnusableCertificate,
    DatabaseRefused,
    MetricsRefused,
    UnusableFont,
)
"""What `create_app` and `warm_up` say in words to an operator."""


def create_app(settings: Settings) -> Flask:
    """The WSGI application. Raises SettingsError with every fault of settings, connectors, sign-in
    providers and mini-apps at once.
    """
    mini_apps = _install_mini_apps(settings)
    browsers = read_browsers(settings.sign_in)
    providers = build_providers(settings.sign_in, settings.numbers)
    _check_storage(settings)
    _check_fonts(settings)
    if settings.faults and settings.slip.keys != Path():
        _check_keys(settings)  # told along: missing keys alone must not stop the command that makes them
    settings.raise_faults()
    configure_logging(settings.service.log_level)
    app = Flask(__name__)
    _configure(app, settings)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "app" / "migrations"))
    app.session_interface = DatabaseSessionInterface(settings)
    installation = Installation(settings, mini_apps)
    app.extensions["installation"] = installation
    register_commands(app, installation, providers)
    add_pages(app.jinja_env, list(settings.mini_apps.values()))
    init_auth(app, settings, providers, browsers)
    init_web(app)
    # After the web's own, so that what these refuse has a request id too.
    csrf.init_app(app)
    limiter.init_app(app)
    _wrap(app, settings.service.proxy_count)
    return app


def warm_up(app: Flask) -> None:
    """Load what serving needs. Raises SlipKeyError, UnusableCertificate, DatabaseRefused, MetricsRefused, UnusableFont
    or FileNotFoundError rather than start without.
    """
    installation: Installation = app.extensions["installation"]
    load_fonts(installation.settings.slip.fonts)
    installation.slip_keys.current()
    _ = installation.file_signer
    warn_of_limits_apart(installation.settings)
    mini_apps = installation.mini_apps.values()
    reserve_files({connector.name for item in mini_apps for connector in item.connectors.values()})
    with app.app_context():
        limit_waits(db.engine)
        if db.engine.dialect.name == "sqlite":
            app.extensions["host_claim"] = claim_for_host(db.engine.url.database or "", get_host())
    # What is loaded by now stays: collections that need not walk it save about a tenth of a page's CPU.
    gc.collect()
    gc.freeze()
    watch = CanaryWatch(installation.mini_apps, installation.settings.round.deadline)
    watch.start()
    os.register_at_fork(after_in_child=watch.start)


def _install_mini_apps(settings: Settings) -> dict[str, InstalledMiniApp]:
    desk_book = open_desk_book(settings.database_url, settings.service.time_zone)
    loaded = [
        (chosen, mini_app)
        for chosen in settings.mini_apps.values()
        if (mini_app := load_mini_app(chosen.folder, settings.faults)) is not None
    ]
    shown = list_shown((mini_app, chosen.steps) for chosen, mini_app in loaded)
    connectors = build_connectors(settings.connectors, desk_book, settings.conventions, shown)
    installed = {}
    for chosen, mini_app in loaded:
        where = f"mini_apps.{chosen.slug}.steps"
        missing = [key for key in mini_app.step_keys if key not in chosen.steps]
        unknown = [key for key in chosen.steps if key not in mini_app.step_keys]
        settings.faults.extend(f"{where}.{key} is missing" for key in missing)
        settings.faults.extend(f"{where}.{key} is no step" for key in unknown)
        _check_controls(settings, mini_app, chosen)
        step_connectors = {key: connectors[name] for key, name in chosen.steps.items() if name in connectors}
        settings.faults.extend(check_steps(mini_app, step_connectors))
        looks = LookBook(settings.round.canaries_suspend)
        installed[mini_app.path] = InstalledMiniApp(
            mini_app, chosen, step_connectors, looks, conventions=settings.conventions
        )
    asked = [
        (one.get_step(key), connector)
        for one in installed.values()
        for key, connector in one.connectors.items()
        if isinstance(connector, GuardedConnector) and connector.fields and one.mini_app.get_step(key)
    ]
    settings.faults.extend(check_actions(asked))
    levels = {slug: chosen.levels for slug, chosen in settings.mini_apps.items()}
    settings.faults.extend(check_levels(levels, settings.sign_in) + check_students(settings.sign_in))
    return installed


def _check_controls(settings: Settings, mini_app: MiniApp, chosen: MiniAppSettings) -> None:
    """Canary students of facts that block nobody prove nothing; and without any, "no record" is no proof at all."""
    for step in mini_app.steps:
        controls = chosen.canaries.get(step.key)
        where = f"mini_apps.{chosen.slug}.canaries.{step.key}"
        facts = set(controls.fails) - {ANY_FACT, *step.rule.reason_keys} if controls else set()
        settings.faults.extend(
            f"{where}.fails.{fact} is no fact that keeps anybody from passing: those are "
            f"{', '.join(step.rule.reason_keys)}"
            for fact in sorted(facts)
        )
        if (
            controls is None
            and step.no_record is Status.CLEARED
            and _may_lack_records(settings, chosen, step.key)
        ):
            settings.faults.append(
                f"{where} is missing: without a record the step passes, and an emptied view has no record of anybody: "
                'name canary students, { passes = "…", fails = "…" }'
            )


def _may_lack_records(settings: Settings, chosen: MiniAppSettings, step_key: str) -> bool:
    """Whether the step's connector has an answer that means "no record"."""
    connector = settings.connectors.get(chosen.steps.get(step_key, ""))
    return connector is not None and connector.peek("no_record") not in (None, "never")


def _check_storage(settings: Settings) -> None:
    """A storage of counts that is not known, or whose package is not installed, would fail much later."""
    url = settings.rate_limit.storage_url
    try:
        storage_from_string(url or "memory://")
    except (ConfigurationError, ValueError):
        settings.faults.append("rate_limit.storage_url is unknown, or needs a package that is not installed")


def _check_fonts(settings: Settings) -> None:
    """Files that are not there are told already."""
    for path in filter(Path.is_file, settings.slip.fonts):
        try:
            _ = FontFile(path).font
        except UnusableFont as error:
            settings.faults.append(f"slip.fonts names {error}")


def _check_keys(settings: Settings) -> None:
    try:
        load_slip_keys(settings.slip.keys)
    except SlipKeyError as error:
        settings.faults.append(f"slip.keys: {error}")


def _configure(app: Flask, settings: Settings) -> None:
    service = settings.service
    app.config.update(
        SECRET_KEY=service.secret_key,
        TRUSTED_HOSTS=list(service.trusted_hosts),
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_FORM_MEMORY_BYTES,
        MAX_FORM_PARTS=50,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_choose_engine_options(settings),
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
        RATELIMIT_STORAGE_URI=settings.rate_limit.storage_url,
        RATELIMIT_STORAGE_OPTIONS=_choose_storage_options(settings.rate_limit.storage_url),
        RATELIMIT_HEADERS_ENABLED=False,
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}


def _choose_storage_options(url: str) -> dict[str, Any]:
    """A Redis that says nothing keeps nobody waiting: what cannot be counted is allowed."""
    is_redis = url.startswith(("redis://", "rediss://"))
    return dict.fromkeys(("socket_timeout", "socket_connect_timeout"), STORAGE_SECONDS) if is_redis else {}


def _choose_engine_options(settings: Settings) -> dict[str, Any]:
    """Whatever PostgreSQL's own default is, a transaction sees what was committed before each statement."""
    isolation = (
        {"isolation_level": "READ COMMITTED"} if settings.database_url.startswith("postgresql") else {}
    )
    pool = {"pool_size": settings.database_connections, "max_overflow": 0, "pool_timeout": POOL_SECONDS}
    return {"hide_parameters": True, **pool, **isolation}


def _wrap(app: Flask, proxy_count: int) -> None:
    """What is done outside Flask; the last named sees a request first."""
    wsgi_app: WSGIApplication = answer_scans(app)
    if proxy_count:
        wsgi_app = ProxyFix(wsgi_app, x_for=proxy_count, x_proto=proxy_count, x_host=0)
    app.wsgi_app = drain_bodies(wsgi_app)  # type: ignore[method-assign, assignment]
