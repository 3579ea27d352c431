"""What one installation consists of: its settings, mini-apps with their departments, and slip keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from app.connectors.base import Connector
from app.connectors.client import Answer
from app.connectors.desk import DeskBook, DeskConfig
from app.connectors.keys import bind_keys, list_asked_through
from app.connectors.registry import describe_systems
from app.documents.certificate import read_credentials
from app.domain.clearance import DepartmentUnavailable
from app.domain.conventions import USUAL, Conventions
from app.domain.errors import Mismatch, NotAStudent, NotGraduating, OutsidePeriod, UnknownMiniApp, UnknownStep
from app.domain.mini_app import MiniApp
from app.domain.person import Keys, Person, Role
from app.domain.step import Step
from app.domain.texts import is_same_word
from app.services.clearance.canary_looks import LookBook
from app.services.clearance.in_flight import InFlightQueries
from app.services.clock import get_now
from app.services.row_keys import RowKeyStore
from app.services.slips.checkpoint_journal import JOURNAL, Journal
from app.services.slips.signing_keys import SlipKeyStore
from app.services.verification.reader_pool import ReaderPool
from app.settings import MiniAppSettings, PersonKeySettings, Settings

if TYPE_CHECKING:
    from app.documents.pdf_signature import FileSigner

CANARY_FAILURE = "canary"


@dataclass(frozen=True, slots=True, eq=False)
class InstalledMiniApp:
    """A mini-app, its settings, and the connector that answers for each step. Equal to itself only."""

    mini_app: MiniApp
    settings: MiniAppSettings
    connectors: Mapping[str, Connector]
    looks: LookBook = field(default_factory=LookBook)
    """The looks at canary students."""
    conventions: Conventions = USUAL
    row_keys: RowKeyStore = field(default_factory=lambda: RowKeyStore(None))
    """What authenticates the rows that decide; without any keys nothing stored counts."""
    person_keys: Mapping[str, PersonKeySettings] = field(default_factory=dict)
    desks: Mapping[str, DeskConfig] = field(default_factory=dict)
    """By step key, the desks with buttons."""
    desk_book: DeskBook | None = None
    """What all desks hold."""
    unbound: InstalledMiniApp | None = None
    """What it was before it knew the keys of one student."""

    def bind(self, student_number: str, keys: Keys) -> InstalledMiniApp:
        """The same for one request of a student whose sign-in told these keys."""
        if not keys:
            return self
        return replace(self, connectors=bind_keys(self.connectors, student_number, keys), unbound=self)

    @property
    def suspended(self) -> dict[str, datetime]:
        """Steps that are suspended for a wrong look at their canary students, and since when."""
        return self.looks.suspended

    def get_step(self, step_key: str) -> Step:
        """The step of this key. Raises UnknownStep."""
        step = self.mini_app.get_step(step_key)
        if step is None:
            raise UnknownStep(step_key)
        return step

    def distrust(self, step_key: str, answer: Answer) -> Answer:
        """The answer, or DepartmentUnavailable while the step is suspended for its canary students."""
        if step_key not in self.suspended:
            return answer
        return DepartmentUnavailable(self.connectors[step_key].name, CANARY_FAILURE)

    def is_open(self, today: date) -> bool:
        """Whether the mini-app takes submissions today (local date)."""
        closes_on = self.settings.closes_on
        return self.settings.opens_on <= today and (closes_on is None or today <= closes_on)

    def require_open(self, today: date) -> None:
        """Raise OutsidePeriod unless the mini-app is open today."""
        if not self.is_open(today):
            raise OutsidePeriod(self.settings.opens_on, self.settings.closes_on, today)

    def require_graduate(self, person: Person) -> None:
        """Raise NotAStudent or NotGraduating unless this person may clear here. A sign-in that does not
        tell the graduation period leaves that to the departments, and what is open all year has none; where levels or
        attributes are named, one that does not tell them lets nobody in. Width, case and spaces make no other level,
        attribute or period.
        """
        settings, period = self.settings, person.graduation_period
        if person.role not in settings.roles:
            raise NotAStudent(person.role)
        if period is not None and not settings.is_rolling and not is_same_word(period, settings.period):
            mismatch = Mismatch.OTHER_PERIOD if period else Mismatch.PERIOD_MISSING
            raise NotGraduating(mismatch, (settings.period_title,), period)
        if settings.levels and not person.level:
            raise NotGraduating(Mismatch.LEVEL_MISSING, settings.levels)
        if settings.levels and not any(is_same_word(person.level, level) for level in settings.levels):
            raise NotGraduating(Mismatch.OTHER_LEVEL, settings.levels, person.level)
        for name, wanted in settings.only.items():
            told = person.get_told(name)
            if not any(is_same_word(told, word) for word in wanted):
                mismatch = Mismatch.OTHER_ATTRIBUTE if told else Mismatch.ATTRIBUTE_MISSING
                raise NotGraduating(mismatch, wanted, told, name)


@dataclass(frozen=True)
class Installation:
    """Everything that the use cases need beside the database."""

    settings: Settings
    mini_apps: Mapping[str, InstalledMiniApp]
    rounds: InFlightQueries = field(default_factory=InFlightQueries)

    @cached_property
    def leavers(self) -> frozenset[Role]:
        """The roles of those whom one of the mini-apps is for."""
        return frozenset(role for installed in self.mini_apps.values() for role in installed.settings.roles)

    @cached_property
    def slip_keys(self) -> SlipKeyStore:
        """The slip's keys, read when first needed: commands must run before there are any.

        Raises SlipKeyError when they cannot be used.
        """
        return SlipKeyStore(self.settings.slip.keys)

    @property
    def checkpoint_folder(self) -> Path:
        """Where the journal of checkpoints is kept."""
        return self.settings.checkpoints.folder or self.settings.slip.keys

    @cached_property
    def journal(self) -> Journal:
        """This host's journal of checkpoints, as far as this process has read it."""
        return Journal(self.checkpoint_folder / JOURNAL, lambda: self.slip_keys.current().ring)

    @cached_property
    def row_keys(self) -> RowKeyStore:
        """What authenticates the rows that decide, read when first needed."""
        return RowKeyStore(self.settings.slip.keys)

    @cached_property
    def file_signer(self) -> FileSigner | None:
        """What signs PDF files, if a certificate is configured. Raises UnusableCertificate."""
        slip = self.settings.slip
        if slip.p12_file is None:
            return None
        from app.documents.pdf_signature import FileSigner

        return FileSigner(read_credentials(slip.p12_file, slip.p12_password, get_now()))

    @cached_property
    def reader_pool(self) -> ReaderPool:
        """What reads uploaded files; its processes start with the first."""
        return ReaderPool(self.settings.service.base_url, self.settings.uploads)

    def get_mini_app(self, path: str) -> InstalledMiniApp:
        """The mini-app at this address. Raises UnknownMiniApp."""
        try:
            return self.mini_apps[path]
        except KeyError:
            raise UnknownMiniApp(path) from None

    def get_local_time(self, moment: datetime) -> datetime:
        """A moment on the service's wall clock."""
        return moment.astimezone(self.settings.service.time_zone)


def describe_departments(installation: Installation) -> dict[str, dict[str, str]]:
    """How the department systems do, for information: a department that fails makes the service no less
    ready. What each system does, in words, and by mini-app and step since when (UTC) its canary students
    get wrong answers; both as this process sees it.
    """
    mini_apps = installation.mini_apps.values()
    connectors = [item for mini_app in mini_apps for item in mini_app.connectors.values()]
    systems = describe_systems(asked for item in connectors for asked in list_asked_through(item))
    suspended = {
        f"{installed.mini_app.slug}.{step_key}": since.isoformat(timespec="seconds")
        for installed in mini_apps
        for step_key, since in dict(installed.suspended).items()
    }
    return {"systems": systems, "suspended": suspended}
