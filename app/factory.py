"""The departure service: one factory wires everything and takes the settings as an argument."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask
from limits.errors import ConfigurationError
from werkzeug.middleware.proxy_fix import ProxyFix

from app.commands import register_commands
from app.connectors.config import ConnectorConfig
from app.connectors.registry import build_connectors, read_connectors
from app.documents.certificate import UnusableCertificate
from app.documents.fonts import FontFile, UnusableFont, load_fonts
from app.documents.seals import load_seals
from app.domain.clearance import Status
from app.domain.mini_app import MiniApp
from app.extensions import csrf, db, migrate
from app.identity.registry import build_providers
from app.logs import configure_logging
from app.metrics import MetricsRefused, reserve_files
from app.mini_apps.loader import load_mini_app
from app.mini_apps.own_words import list_untranslated, put_own_words
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
from app.web.limits import connect_storage
from app.web.page_context import MAX_FORM_MEMORY_BYTES, get_csrf_token
from app.web.session import DatabaseSessionInterface
from app.web.transport import drain_bodies

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

MAX_BODY_BYTES = 8 * 1024 * 1024
POOL_SECONDS = 6
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
    providers = build_providers(settings.sign_in, settings.numbers, settings.faults)
    _check_storage(settings)
    _check_fonts(settings)
    if settings.faults and "keys" in settings.slip.model_fields_set:
        _check_keys(settings)  # told along: missing keys alone must not stop the command that makes them
    settings.raise_faults()
    load_seals(settings.seals)
    configure_logging(settings.service.log_level)
    app = Flask(__name__)
    app.ensure_sync = _keep  # type: ignore[method-assign, assignment]
    _configure(app, settings)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "app" / "migrations"))
    app.session_interface = DatabaseSessionInterface(settings)
    installation = Installation(settings, mini_apps)
    app.extensions["installation"] = installation
    register_commands(app, installation, providers)
    add_pages(app.jinja_env, list(settings.mini_apps.values()))
    init_auth(app, settings, providers)
    init_web(app)
    # After the web's own, so that what it refuses has a request id too.
    csrf.init_app(app)
    app.jinja_env.globals["csrf_token"] = get_csrf_token
    _wrap(app, settings.service.proxy_count)
    return app


def _keep(view: Callable[..., Any]) -> Callable[..., Any]:
    """Instead of Flask's look, at each view and hook of each request, whether it is asynchronous: none is."""
    return view


def warm_up(app: Flask) -> None:
    """Load what serving needs. Raises SlipKeyError, UnusableCertificate, DatabaseRefused, MetricsRefused, UnusableFont
    or FileNotFoundError rather than start without.
    """
    installation: Installation = app.extensions["installation"]
    load_fonts(installation.settings.slip.fonts)
    installation.slip_keys.current()
    _ = installation.file_signer
    mini_apps = installation.mini_apps.values()
    reserve_files({connector.name for item in mini_apps for connector in item.connectors.values()})
    with app.app_context():
        limit_waits(db.engine)
        if db.engine.dialect.name == "sqlite":
            app.extensions["host_claim"] = claim_for_host(db.engine.url.database or "", get_host())
    # What is loaded by now stays: collections that need not walk it save about a tenth of a page's CPU.
    gc.collect()
    gc.freeze()
    watch = CanaryWatch(installation.mini_apps, installation.settings.round.deadline_seconds)
    watch.start()
    os.register_at_fork(after_in_child=watch.start)  # a forked child has no threads of its parent's


def _install_mini_apps(settings: Settings) -> dict[str, InstalledMiniApp]:
    desk_book = open_desk_book(settings.database, settings.service.time_zone)
    loaded = [
        (chosen, _put_own_words(settings, chosen, mini_app))
        for chosen in settings.mini_apps.values()
        if "folder" in chosen.model_fields_set  # else told already
        and (mini_app := load_mini_app(chosen.folder, settings.faults)) is not None
    ]
    shown = list_shown((mini_app, chosen.steps) for chosen, mini_app in loaded)
    configs = read_connectors(settings.connectors, settings.faults, settings.conventions)
    _check_wiring(settings, loaded, configs)
    connectors = {} if settings.faults else build_connectors(configs, desk_book, shown)
    return {
        mini_app.path: InstalledMiniApp(
            mini_app,
            chosen,
            {key: connectors[name] for key, name in chosen.steps.items() if name in connectors},
            LookBook(settings.round.canaries_suspend_seconds),
            conventions=settings.conventions,
        )
        for chosen, mini_app in loaded
    }


def _put_own_words(settings: Settings, chosen: MiniAppSettings, mini_app: MiniApp) -> MiniApp:
    """The mini-app with what this installation's slips say; what is wrong with that is noted."""
    where, own = f"mini_apps.{chosen.slug}", chosen.own_words
    settings.faults.extend(
        f"{where}.{key} has no English: put it into [english]"
        for key in list_untranslated(mini_app, own, settings.english)
    )
    named = put_own_words(mini_app, own, settings.english)
    if chosen.seal and not named.slip.issuing_office:
        settings.faults.append(f"{where}.seal is that of no office: name it as issuing_office")
    return named


def _check_wiring(
    settings: Settings,
    loaded: Iterable[tuple[MiniAppSettings, MiniApp]],
    configs: Mapping[str, ConnectorConfig],
) -> None:
    """Note what could never work between the mini-apps, their settings, the departments and the sign-ins."""
    asked = []
    for chosen, mini_app in loaded:
        where = f"mini_apps.{chosen.slug}.steps"
        missing = [key for key in mini_app.step_keys if key not in chosen.steps]
        unknown = [key for key in chosen.steps if key not in mini_app.step_keys]
        settings.faults.extend(f"{where}.{key} is missing" for key in missing)
        settings.faults.extend(f"{where}.{key} is no step" for key in unknown)
        _check_controls(settings, mini_app, chosen, configs)
        answering = {key: configs[name] for key, name in chosen.steps.items() if name in configs}
        settings.faults.extend(check_steps(mini_app, answering))
        asked += [(step, answering[step.key]) for step in mini_app.steps if step.key in answering]
    settings.faults.extend(check_actions(asked))
    levels = {slug: chosen.levels for slug, chosen in settings.mini_apps.items()}
    settings.faults.extend(check_levels(levels, settings.sign_in) + check_students(settings.sign_in))


def _check_controls(
    settings: Settings, mini_app: MiniApp, chosen: MiniAppSettings, configs: Mapping[str, ConnectorConfig]
) -> None:
    """Canary students of facts that block nobody prove nothing; and without any, "no record" is no proof at all."""
    if "canaries" not in chosen.model_fields_set:  # told already
        return
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
            and _may_lack_records(configs.get(chosen.steps.get(step.key, "")))
        ):
            settings.faults.append(
                f"{where} is missing: without a record the step passes, and an emptied view has no record of anybody: "
                'name canary students, { passes = "…", fails = "…" }'
            )


def _may_lack_records(config: ConnectorConfig | None) -> bool:
    """Whether a step's connector has an answer that means "no record"."""
    return getattr(config, "no_record", "never") != "never"


def _check_storage(settings: Settings) -> None:
    """A storage of counts that is not known, or whose package is not installed, would fail much later."""
    try:
        connect_storage(settings.rate_limit.storage_url)
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
        SQLALCHEMY_DATABASE_URI=settings.database.url,
        SQLALCHEMY_ENGINE_OPTIONS=_choose_engine_options(settings),
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True, "extensions": ["jinja2.ext.i18n"]}


def _choose_engine_options(settings: Settings) -> dict[str, Any]:
    """Whatever PostgreSQL's own default is, a transaction sees what was committed before each statement."""
    isolation = (
        {"isolation_level": "READ COMMITTED"} if settings.database.url.startswith("postgresql") else {}
    )
    pool = {"pool_size": settings.database.connections, "max_overflow": 0, "pool_timeout": POOL_SECONDS}
    return {"hide_parameters": True, **pool, **isolation}


def _wrap(app: Flask, proxy_count: int) -> None:
    """What is done outside Flask; the last named sees a request first."""
    wsgi_app: WSGIApplication = app.wsgi_app
    if proxy_count:
        wsgi_app = ProxyFix(wsgi_app, x_for=proxy_count, x_proto=proxy_count, x_host=0)
    app.wsgi_app = drain_bodies(wsgi_app)  # type: ignore[method-assign, assignment]
