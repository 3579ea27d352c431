"""Numbers of the installation as it stands when `/metrics` is asked, whichever worker answers: they are looked up, and not
counted. What cannot be looked up is left out, and the rest told.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from sqlalchemy import func, select

from app.documents.certificate import UnusableCertificate
from app.domain.keys import NoSigningKey
from app.extensions import db
from app.models import Action, read_connection
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.operations.database_checks import has_table
from app.services.operations.host_checks import list_places
from app.services.operations.readiness import check_readiness
from app.services.slips.signing_keys import SlipKeyError
from app.version import VERSION

log = logging.getLogger(__name__)


def describe_state(installation: Installation) -> Iterator[Metric]:
    """The installation's numbers. Raises nothing."""
    looks = (_tell_build, _tell_readiness, _tell_keys, _tell_certificate, _tell_disk, _tell_actions)
    for look in looks:
        try:
            yield from list(look(installation))
        except Exception as error:
            log.error("numbers left out", extra={"look": look.__name__}, exc_info=error)


def _tell_build(installation: Installation) -> Iterator[Metric]:
    build = GaugeMetricFamily("lixiao_build_info", "Which program runs.", labels=["version", "commit"])
    build.add_metric([VERSION, installation.settings.service.commit or "unknown"], 1)
    yield build


def _tell_readiness(installation: Installation) -> Iterator[Metric]:
    ready = GaugeMetricFamily("lixiao_ready", "1 where a check of /readyz is passed.", labels=["check"])
    for check in check_readiness(installation):
        ready.add_metric([check.name], check.is_good)
    yield ready


def _tell_keys(installation: Installation) -> Iterator[Metric]:
    """0 days left are the last day, or that none can sign."""
    moment = installation.get_local_time(get_now())
    left = GaugeMetricFamily(
        "lixiao_slip_key_days_left",
        "Days after today on which slips can be signed with the keys that there are.",
    )
    age = GaugeMetricFamily(
        "lixiao_slip_key_age_days", "For how many days the key that signs has been valid."
    )
    try:
        ring = installation.slip_keys.current().ring
        last_day = ring.find_last_signing_day(moment)
        signing = ring.get_key(ring.get_signing_kid(moment))
    except (SlipKeyError, NoSigningKey):
        left.add_metric([], 0)
        yield left
        return
    left.add_metric([], (last_day - moment.date()).days)
    yield left
    if signing:
        age.add_metric([], (moment.date() - signing.not_before).days)
        yield age


def _tell_certificate(installation: Installation) -> Iterator[Metric]:
    try:
        signer = installation.file_signer
    except UnusableCertificate:
        signer = None
    if signer is not None:
        left = GaugeMetricFamily("lixiao_certificate_days_left", "Until the certificate of PDF files ends.")
        left.add_metric([], (signer.ends_at - get_now()).days)
        yield left


def _tell_disk(installation: Installation) -> Iterator[Metric]:
    free = GaugeMetricFamily("lixiao_disk_free_bytes", "Free on the disk of a folder.", labels=["place"])
    for place, folder in list_places(installation).items():
        if folder.is_dir():
            free.add_metric([place], shutil.disk_usage(folder).free)
    yield free


def _tell_actions(_installation: Installation) -> Iterator[Metric]:
    """Actions in departments' systems whose outcome is not known: of a process that died, until the student looks."""
    if not has_table(Action.__tablename__):
        return
    query = select(func.count(), func.min(Action.intended_at)).where(Action.outcome.is_(None))
    with read_connection(db.engine) as connection:
        number, oldest = connection.execute(query).one()
    count = GaugeMetricFamily("lixiao_actions_unfinished", "Actions without an outcome.")
    count.add_metric([], number)
    age = GaugeMetricFamily(
        "lixiao_oldest_unfinished_action_seconds", "Since the oldest of them; 0 without any."
    )
    age.add_metric([], (get_now() - oldest).total_seconds() if oldest else 0)
    yield from (count, age)
