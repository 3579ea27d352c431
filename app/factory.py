"""The departure service: one factory wires everything and takes the settings as an argument."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask
from limits.errors import ConfigurationError
from prometheus_client.metrics import MetricWrapperBase
from werkzeug.middleware.proxy_fix import ProxyFix

from app import metrics
from app.commands import register_commands
from app.commands.mini_apps import make_mini_apps_group
from app.connectors.client import name_queue
from app.connectors.config import ConnectorConfig
from app.connectors.desk import DeskConfig
from app.connectors.registry import build_connectors, read_connectors
from app.documents.certificate import UnusableCertificate
from app.documents.fonts import FontFile, UnusableFont, load_fonts
from app.documents.seals import load_seals
from app.domain.clearance import Status
from app.domain.mini_app import MiniApp
from app.domain.slip_code import Verdict
from app.extensions import csrf, db, migrate
from app.identity.registry import build_providers
from app.limit_counts import STORAGE_FAULTS, connect_storage, warn_of_storage_fault
from app.logs import configure_logging
from app.metrics import MetricsRefused, reserve_files
from app.mini_apps.checking import Checked
from app.mini_apps.loader import load_mini_app
from app.mini_apps.own_words import let_fail_without_record, list_untranslated, put_own_words
from app.mini_apps.pages import add_pages
from app.models import (
    DatabaseRefused,
    claim_for_host,
    get_host,
    limit_waits,
    replace_stale,
    watch_database,
)
from app.models.database_watch import KINDS as DATABASE_ERROR_KINDS
from app.models.sqlite_write_queue import QUEUE
from app.services.authenticated_rows import DECIDING
from app.services.clearance.canaries import CanaryWatch
from app.services.clearance.canary_looks import LookBook
from app.services.clearance.key_wiring import check_person_keys
from app.services.clearance.submissions import OUTCOMES
from app.services.clearance.wiring import (
    check_actions,
    check_attributes,
    check_conditions,
    check_levels,
    check_roles,
    check_steps,
    list_shown,
)
from app.services.desk.buttons import check_buttons
from app.services.desk.desk import open_desk_book
from app.services.desk.history import Outcome
from app.services.installation import Installation, InstalledMiniApp
from app.services.operations.checkpoint_watch import CheckpointWatch
from app.services.operations.checkpoints import CheckpointsRefused, check_start, watch_appends
from app.services.row_keys import RowKeyStore, load_row_keys
from app.services.slips.signing_keys import SlipKeyError, load_slip_keys
from app.services.verification import scan_log
from app.settings import ANY_FACT, ROOT, MiniAppSettings, Settings, SettingsError
from app.settings.sections import ServiceSettings
from app.web import init_web
from app.web.auth import init_auth
from app.web.language import JINJA_OPTIONS
from app.web.page_context import MAX_FORM_MEMORY_BYTES, get_csrf_token
from app.web.probes import admit_probes
from app.web.request_metrics import list_routes
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
    CheckpointsRefused,
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
    with app.app_context():
        watch_appends(installation, db.engine)
    register_commands(app, installation, providers)
    app.cli.add_command(make_mini_apps_group(preview_mini_app))
    add_pages(app.jinja_env, list(settings.mini_apps.values()))
    init_auth(app, settings, providers)
    init_web(app)
    # After the web's own, so that what it refuses has a request id too.
    csrf.init_app(app)
    app.jinja_env.globals["csrf_token"] = get_csrf_token
    _wrap(app, settings.service)
    return app


def preview_mini_app(folder: Path, checked: Checked, target: Path | None) -> tuple[str, ...]:
    """See `app.commands.mini_apps`. What it needs is imported here: few commands do."""
    from app.preview import make_preview, write_preview

    preview = make_preview(folder, checked)
    if target is not None and not preview.faults:
        write_preview(preview, target)
    return preview.faults


def create_authoring_app() -> Flask:
    """An application for the commands that need no configuration."""
    app = Flask(__name__)
    app.cli.add_command(make_mini_apps_group(preview_mini_app))
    return app


def _keep(view: Callable[..., Any]) -> Callable[..., Any]:
    """Instead of Flask's look, at each view and hook of each request, whether it is asynchronous: none is."""
    return view


def warm_up(app: Flask) -> None:
    """Load what serving needs. Raises SlipKeyError (of the row keys too), UnusableCertificate, DatabaseRefused,
    MetricsRefused, UnusableFont, CheckpointsRefused or FileNotFoundError rather than start without.
    """
    installation: Installation = app.extensions["installation"]
    load_fonts(installation.settings.slip.fonts)
    installation.slip_keys.current()
    installation.row_keys.current()
    _ = installation.file_signer
    _ = installation.reader_pool  # one for all threads
    reserve_files(_list_known_numbers(app, installation))
    with app.app_context():
        limit_waits(db.engine)
        replace_stale(db.engine)
        watch_database(db.engine, "main", installation.settings.database.connections)
        if db.engine.dialect.name == "sqlite":
            app.extensions["host_claim"] = claim_for_host(db.engine.url.database or "", get_host())
        check_start(installation, db.engine)
        checkpoints = CheckpointWatch(installation, db.engine)
        checkpoints.look()
    warn_of_storage_fault(installation.settings.rate_limit.storage_url)
    # What is loaded by now stays: collections that need not walk it save about a tenth of a page's CPU.
    gc.collect()
    gc.freeze()
    watch = CanaryWatch(installation.mini_apps, installation.settings.round.deadline_seconds)
    watch.start()
    checkpoints.start()
    os.register_at_fork(after_in_child=watch.start)  # a forked child has no threads of its parent's


def _list_known_numbers(
    app: Flask, installation: Installation
) -> dict[MetricWrapperBase, Iterable[tuple[str, ...]]]:
    """The labels that are known beforehand, by metric."""
    mini_apps = installation.mini_apps.values()
    systems = {connector.name for item in mini_apps for connector in item.connectors.values()}
    counters = [(item.mini_app.slug, step) for item in mini_apps for step in item.desks]
    queues = [QUEUE, scan_log.QUEUE, *(name_queue(system) for system in systems)]
    return {
        metrics.verifications: [(verdict,) for verdict in Verdict],
        metrics.submissions: [(item.mini_app.slug, outcome) for item in mini_apps for outcome in OUTCOMES],
        metrics.characters_missing: [(item.mini_app.slug,) for item in mini_apps],
        metrics.sign_ins: [(name, "signed_in") for name in installation.settings.sign_in],
        metrics.department_seconds: [(system,) for system in systems],
        metrics.breaker_open: [(system,) for system in systems],
        metrics.queue_length: [(queue,) for queue in queues],
        metrics.rows_lost: [(scan_log.QUEUE,)],
        metrics.database_errors: [(kind,) for kind in DATABASE_ERROR_KINDS],
        metrics.requests_in_flight: list_routes(app),
        metrics.uploads: [(state,) for state in metrics.UPLOAD_STATES],
        metrics.upload_refusals: [(reason,) for reason in metrics.UploadRefusal],
        metrics.upload_seconds: [(end,) for end in metrics.UPLOAD_ENDS],
        metrics.checkpoint_behind: [("journal",)],
        metrics.rows_refused: [(model.__tablename__,) for model in DECIDING],
        metrics.limit_storage_failures: [(kind,) for kind in STORAGE_FAULTS],
        metrics.grants_changed: [(change,) for change in metrics.GRANT_CHANGES],
        metrics.desk_decisions: [
            (*place, outcome)
            for place in counters
            for outcome in (Outcome.DONE, Outcome.NOT_DONE, Outcome.UNDONE)
        ],
        metrics.desk_conflicts: counters,
    }


def _install_mini_apps(settings: Settings) -> dict[str, InstalledMiniApp]:
    # A missing key of the configuration is told already.
    row_keys = RowKeyStore(settings.slip.keys if "keys" in settings.slip.model_fields_set else None)
    desk_book = open_desk_book(settings.database, settings.service.time_zone, row_keys)
    loaded = [
        (chosen, _put_own_words(settings, chosen, mini_app))
        for chosen in settings.mini_apps.values()
        if "folder" in chosen.model_fields_set  # else told already
        and (mini_app := load_mini_app(chosen.folder, settings.faults, settings.service.time_zone))
        is not None
    ]
    shown = list_shown((mini_app, chosen.steps) for chosen, mini_app in loaded)
    keys = settings.person_keys
    configs = read_connectors(settings.connectors, settings.faults, settings.conventions, keys)
    _check_wiring(settings, loaded, configs)
    connectors = {} if settings.faults else build_connectors(configs, desk_book, shown, keys)
    return {
        mini_app.path: InstalledMiniApp(
            mini_app,
            chosen,
            {key: connectors[name] for key, name in chosen.steps.items() if name in connectors},
            LookBook(settings.round.canaries_suspend_seconds),
            conventions=settings.conventions,
            row_keys=row_keys,
            person_keys=keys,
            desks=_list_desks(chosen, configs),
            desk_book=desk_book,
        )
        for chosen, mini_app in loaded
    }


def _list_desks(chosen: MiniAppSettings, configs: Mapping[str, ConnectorConfig]) -> dict[str, DeskConfig]:
    """The desks with buttons that answer for steps of a mini-app, by step key."""
    found = ((key, configs.get(name)) for key, name in chosen.steps.items())
    return {key: config for key, config in found if isinstance(config, DeskConfig) and config.has_buttons}


def _put_own_words(settings: Settings, chosen: MiniAppSettings, mini_app: MiniApp) -> MiniApp:
    """The mini-app with what this installation's slips say; what is wrong with that is noted."""
    where, own = f"mini_apps.{chosen.slug}", chosen.own_words
    settings.faults.extend(
        f"{where}.{key} has no English: put it into [english]"
        for key in list_untranslated(mini_app, own, settings.english)
    )
    settings.faults.extend(
        f"{where}.not_handled.{key} has no English: put it into [english]"
        for key in list_untranslated(mini_app, chosen.not_handled, settings.english)
    )
    settings.faults.extend(
        f"{where}.not_handled.{key} is no step" for key in chosen.not_handled if key not in mini_app.step_keys
    )
    named = put_own_words(mini_app, own, settings.english)
    named = let_fail_without_record(named, chosen.not_handled, settings.english)
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
        settings.faults.extend(check_conditions(mini_app, settings.sign_in))
        asked += [(step, answering[step.key]) for step in mini_app.steps if step.key in answering]
    settings.faults.extend(check_actions(asked))
    settings.faults.extend(check_buttons(asked))
    settings.faults.extend(_check_two_for(settings, loaded))
    settings.faults.extend(check_person_keys(settings, configs))
    settings.faults.extend(_check_audience(settings, loaded))


def _check_two_for(settings: Settings, loaded: Iterable[tuple[MiniAppSettings, MiniApp]]) -> list[str]:
    """Steps whose waivers want two people, and that are none."""
    steps = {f"{chosen.slug}.{key}" for chosen, mini_app in loaded for key in mini_app.step_keys}
    return [
        f"console.two_for names no step: {name}" for name in settings.console.two_for if name not in steps
    ]


def _check_audience(settings: Settings, loaded: Iterable[tuple[MiniAppSettings, MiniApp]]) -> list[str]:
    """What is wrong between those whom mini-apps are for, what they show of them, and what sign-ins tell."""
    mini_apps = settings.mini_apps.items()
    levels = {slug: chosen.levels for slug, chosen in mini_apps}
    roles = {slug: chosen.roles for slug, chosen in mini_apps}
    named: dict[str, Iterable[str]] = {f"mini_apps.{slug}.only": chosen.only for slug, chosen in mini_apps}
    named |= {f"{chosen.slug}/manifest.toml: fields": mini_app.attribute_names for chosen, mini_app in loaded}
    return [
        *check_levels(levels, settings.sign_in),
        *check_roles(roles, settings.sign_in),
        *(
            f"mini_apps.{chosen.slug}.period_title is missing: {chosen.slug}/manifest.toml has the field period"
            for chosen, mini_app in loaded
            if not chosen.period_title and mini_app.names_period
        ),
        *check_attributes(named, settings.sign_in),
    ]


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
        load_row_keys(settings.slip.keys)
    except SlipKeyError as error:
        settings.faults.append(f"slip.keys: {error}")


def _configure(app: Flask, settings: Settings) -> None:
    service = settings.service
    app.config.update(
        DEBUG=False,  # else FLASK_DEBUG of the environment decides
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
    app.jinja_options = dict(JINJA_OPTIONS)


def _choose_engine_options(settings: Settings) -> dict[str, Any]:
    """Whatever PostgreSQL's own default is, a transaction sees what was committed before each statement."""
    isolation = (
        {"isolation_level": "READ COMMITTED"} if settings.database.url.startswith("postgresql") else {}
    )
    pool = {"pool_size": settings.database.connections, "max_overflow": 0, "pool_timeout": POOL_SECONDS}
    return {"hide_parameters": True, **pool, **isolation}


def _wrap(app: Flask, service: ServiceSettings) -> None:
    """What is done outside Flask; the last named sees a request first."""
    own_host = service.trusted_hosts[0].removeprefix(".")  # one that begins with a dot takes subdomains too
    wsgi_app: WSGIApplication = admit_probes(app.wsgi_app, service.ops_networks, own_host)
    proxy_count = service.proxy_count
    if proxy_count:
        wsgi_app = ProxyFix(wsgi_app, x_for=proxy_count, x_proto=proxy_count, x_host=0)
    app.wsgi_app = drain_bodies(wsgi_app)  # type: ignore[method-assign, assignment]
