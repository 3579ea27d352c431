"""The sections of the configuration that concern the service itself: what each key is, means and defaults to."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.config_model import (
    SHOWN_DEFAULT,
    Flag,
    Mistakes,
    Number,
    OptionalSecret,
    PathText,
    Secret,
    Section,
    Text,
    Texts,
    Whole,
    Zone,
    between,
    matching,
    read_texts,
)
from app.domain.colours import Colours
from app.settings.emblem import Emblem, read_emblem
from app.settings.seal import Seals


def read_commit(root: Path) -> str:
    """The commit that the checkout in `root` stands at, in hexadecimal; "" where `root` is none, or there is no git."""
    # The folder is named, not looked for: git then asks neither who owns it nor for a checkout further up.
    command = ["git", "--git-dir", str(root / ".git"), "rev-parse", "--verify", "--quiet", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return ""
    return done.stdout.strip()


ROOT = Path(__file__).resolve().parents[2]
MIN_AUDIT_DAYS = 180
"""中华人民共和国网络安全法, article 21 (3): logs are kept for six months at least."""
MIN_TOKEN = 16
_QQ = re.compile(r"QQ[^0-9]{0,10}([1-9][0-9]{4,11})(?![0-9])")
_LIMIT = r"\d+ per (second|minute|hour|day)"


def find_files(value: object) -> object:
    """A list of texts as the files that they name; every one that is not there is a mistake."""
    paths = read_texts(value)
    if not isinstance(paths, tuple):
        return paths
    missing = [("", f"names no file: {path}") for path in paths if not _is_file(path)]
    if missing:
        raise Mistakes(*missing)
    return tuple(map(Path, paths))


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # too long a name, or one with a NUL
        return False


def read_networks(value: object) -> object:
    """A list of texts as the networks that they write; every one that is none is a mistake."""
    texts = read_texts(value)
    if not isinstance(texts, tuple):
        return texts
    found, mistakes = [], []
    for text in texts:
        try:
            found.append(ip_network(text))
        except ValueError:
            mistakes.append(("", f"names no network, as 10.0.0.0/8 is one: {text}"))
    if mistakes:
        raise Mistakes(*mistakes)
    return tuple(found)


def drop_empty(value: object) -> object:
    """Nothing for an empty text: in the environment it is how a key is unset."""
    return None if value == "" else value


Days = Annotated[Whole, between(1)]
Files = Annotated[tuple[Path, ...], BeforeValidator(find_files)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(read_networks)]
LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
OptionalPath = Annotated[PathText | None, BeforeValidator(drop_empty)]
Mailbox = Annotated[str, matching(r"[^@\s<>,]+@[^@\s<>,]+")]
Limit = Annotated[Text, matching(f"{_LIMIT}(; ?{_LIMIT})*")]
"""A limit in the notation of the library `limits`."""


class ServiceSettings(Section):
    """`[service]`: where the service is reached and whom people ask for help."""

    base_url: Text = Field(
        description="how browsers reach the service, e.g. `https://lixiao.example.edu.cn`. It stands in the QR of every "
        "slip, and its host is signed: changing it later makes old slips fail"
    )
    secret_key: Secret = Field(
        description="at least 32 random characters; signs form tokens, 15-minute links and the sessions' rows, and seals "
        "what browsers keep before the sign-in. Another one ends every session: people sign in again"
    )
    trusted_hosts: Texts = Field(
        (),
        validate_default=True,
        json_schema_extra={SHOWN_DEFAULT: "the host of `base_url`"},
        description="Host headers that are answered",
    )
    proxy_count: Annotated[Whole, between(0, 5)] = Field(
        0, description="how many reverse proxies stand in front and set `X-Forwarded-For` and `-Proto`"
    )
    ops_networks: Networks = Field(
        LOOPBACK,
        description="networks of load balancers and monitors, as `10.0.0.0/8`: they may ask `/healthz`, `/readyz` and "
        "`/metrics` under any Host header. Counted are the address that is connected and the one that its proxy "
        "forwards; both must be in them",
    )
    time_zone: Zone = Field(ZoneInfo("Asia/Shanghai"), description="of the paper and the pages")
    university: Text = Field(
        json_schema_extra={SHOWN_DEFAULT: "as in `default.toml`"},
        description="the name on top of every page; in English as `[english]` puts it",
    )
    support: Text = Field(
        json_schema_extra={SHOWN_DEFAULT: "as in `default.toml`"},
        description="the help line at the foot of every page; in English likewise. A number behind `QQ` can be copied by a tap",
    )
    colours: Colours = Field(
        Colours(),
        description="the university's colours. One on which text could not be read (a contrast below 4.5) is a mistake",
    )
    emblem: OptionalPath = Field(
        None,
        description="the university's emblem for the head of every page: an `.svg` or `.png` file of at most 32 KB whose "
        "colours are seen on `head` (a contrast of 3); without it a mortarboard stands there",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`"
    )
    metrics_token: OptionalSecret = Field(
        "",
        description="at least 16 characters: `/metrics` answers, in Prometheus' form, who sends `Authorization: Bearer "
        "<token>`; without it there is no such page",
    )
    commit: str = Field(
        "",
        validate_default=True,
        json_schema_extra={SHOWN_DEFAULT: "the checkout's"},
        description="what `/readyz` calls the running version, where the program is no git checkout",
    )

    @field_validator("base_url")
    @classmethod
    def check_address(cls, url: str) -> str:
        """Refuse what is no address of a host: it stands signed in every slip."""
        if not re.fullmatch(r"https?://[^/?#@\s]+", url):
            raise ValueError("must be https:// and a host, with nothing behind it: no path, no / at the end")
        try:
            parts = urlsplit(url)
            is_host = re.fullmatch(r"[A-Za-z0-9.\-]+|[0-9a-f:.]+", parts.hostname or "")
            is_sound = bool(is_host) and parts.port != 0 and not parts.netloc.endswith(":")
        except ValueError:
            is_sound = False
        if not is_sound:
            raise ValueError("has no host that there can be, or no port from 1 to 65535")
        return url

    @field_validator("secret_key", "metrics_token")
    @classmethod
    def check_length(cls, secret: str, info: ValidationInfo) -> str:
        """Refuse what could be guessed."""
        length = 32 if info.field_name == "secret_key" else 16
        if 0 < len(secret) < length:
            raise ValueError(f"must have at least {length} characters")
        return secret

    @field_validator("emblem")
    @classmethod
    def check_emblem(cls, emblem: Path | None, info: ValidationInfo) -> Path | None:
        """Refuse an emblem that is not seen on the colours; wrong ones are told already."""
        if emblem and "colours" in info.data:
            read_emblem(emblem, info.data["colours"])
        return emblem

    @field_validator("trusted_hosts")
    @classmethod
    def trust_own_host(cls, hosts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """The host of the address, where none is named."""
        return hosts or (urlsplit(info.data.get("base_url", "")).hostname or "",)

    @field_validator("commit")
    @classmethod
    def find_commit(cls, commit: str) -> str:
        """The checkout's, where none is named."""
        return commit or read_commit(ROOT)

    @cached_property
    def support_qq(self) -> str:
        """The QQ number that the help line names; empty where it names none."""
        found = _QQ.search(self.support)
        return found[1] if found else ""

    @cached_property
    def emblem_file(self) -> Emblem | None:
        """The emblem, where there is one."""
        return read_emblem(self.emblem, self.colours) if self.emblem else None

    @cached_property
    def host(self) -> str:
        """The host of the address, with its port if it has one."""
        return urlsplit(self.base_url).netloc

    @cached_property
    def is_https(self) -> bool:
        """Whether browsers reach the service encrypted."""
        return urlsplit(self.base_url).scheme == "https"


class DatabaseSettings(Section):
    """`[database]`."""

    url: Secret = Field(
        description="SQLAlchemy URL: `sqlite:////srv/lixiao/lixiao.sqlite3` for one host, `postgresql+psycopg://…` for "
        "several"
    )
    connections: Annotated[Whole, between(2, 100)] = Field(
        15,
        description="how many each worker has at most. PostgreSQL's `max_connections` must allow workers × (this + 4, "
        "which read sessions and codes), and the same again for a worker that is being replaced",
    )

    @field_validator("url")
    @classmethod
    def check_dialect(cls, url: str) -> str:
        """Refuse a database that nobody tried."""
        if not re.match(r"sqlite:///.|postgresql\+psycopg://.", url):
            raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
        try:
            make_url(url)
        except (ArgumentError, ValueError):  # its words would tell a part of a password
            raise ValueError("is not a database URL: write @ : / in a password as %40 %3A %2F") from None
        return url


class SessionSettings(Section):
    """`[session]`: how long a sign-in lasts."""

    absolute_minutes: Annotated[Whole, between(1, 7 * 24 * 60)] = Field(
        480, description="a sign-in ends at the latest after so long"
    )
    idle_minutes: Annotated[Whole, between(1, 24 * 60)] = Field(
        30, description="a sign-in ends after so long without use"
    )

    @field_validator("idle_minutes")
    @classmethod
    def check_order(cls, idle: int, info: ValidationInfo) -> int:
        """Refuse what could never end a session."""
        if idle > info.data.get("absolute_minutes", idle):
            raise ValueError("is longer than absolute_minutes")
        return idle

    @property
    def idle(self) -> timedelta:
        """How long a sign-in lasts unused."""
        return timedelta(minutes=self.idle_minutes)

    @property
    def absolute(self) -> timedelta:
        """How long a sign-in lasts at most."""
        return timedelta(minutes=self.absolute_minutes)


class SlipSettings(Section):
    """`[slip]`: what signs slips, and how their files are made."""

    keys: PathText = Field(
        description="the folder of the keys, mode 0700, made by `flask slip-keys new`: those that sign slips, and those that "
        "authenticate waivers, desk entries, declarations and consents (`flask row-keys`)"
    )
    validity_days: Annotated[Whole, between(0, 36500)] = Field(
        0, description="how long a slip is valid; 0: for ever"
    )
    status_list_hours: Annotated[Whole, between(1, 24)] = Field(
        4, description="for how many hours a gate without a network may rely on a list of revoked slips"
    )
    fonts: Files = Field(
        (),
        description="a list of font files (`.ttf`, `.otf`) for characters that Noto Sans CJK lacks, asked in this order; "
        "see below",
    )
    pdf_a: Flag = Field(False, description="`true`: PDF files are PDF/A-2u, for the archive; 4 kB more")
    former_seals: Seals = Field(
        (),
        description="the files of seals that `[mini_apps.<slug>] seal` no longer names: slips that bear them stay as they were",
    )
    p12_file: OptionalPath = Field(
        None,
        description="a PKCS #12 file, mode 0600, with an RSA or EC key, its certificate and those above it: PDF files are "
        "signed with it (PAdES), about 18 kB and 10 ms of CPU more each; not signed without",
    )
    p12_password: OptionalSecret = Field("", description="the password of `p12_file`")

    @field_validator("p12_password")
    @classmethod
    def check_use(cls, password: str, info: ValidationInfo) -> str:
        """Refuse a password that opens nothing."""
        if password and info.data.get("p12_file", "wrong") is None:
            raise ValueError("is set without p12_file")
        return password


class CheckpointSettings(Section):
    """`[checkpoints]`: where it is kept, outside the database, what the issued log and the audit events have reached."""

    folder: OptionalPath = Field(
        None,
        json_schema_extra={SHOWN_DEFAULT: "`[slip] keys`"},
        description="the folder of the journal `checkpoints.jsonl`, which the service writes to. It is on another disk than "
        "the database, if possible, and never brought back from a backup",
    )
    copy_file: OptionalPath = Field(
        None,
        description="a second place for the journal: a file on another host, as by NFS. It is added to, and read at each start",
    )
    post_url: Annotated[OptionalSecret, matching(r"https?://[^\s/?#@]+[^\s#]*")] = Field(
        "", description="a second place: an address that gets each new line of the journal by POST"
    )
    post_token: OptionalSecret = Field(
        "", description="at least 16 characters, sent to `post_url` as `Authorization: Bearer <token>`"
    )
    mail_to: Mailbox = Field(
        "",
        description="a second place: who gets new lines by e-mail as a witness, in one letter a minute at most",
    )
    mail_from: Mailbox = Field(
        "",
        json_schema_extra={SHOWN_DEFAULT: "`mail_to`"},
        description="the sender of those letters",
    )
    smtp: Annotated[str, matching(r"[A-Za-z0-9.\-]+:[0-9]{1,5}")] = Field(
        "", description="the mail server as `host:port`, which takes letters of this host without a password"
    )

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """A token that is sent nowhere, and letters without a server."""
        if self.post_token and not self.post_url:
            yield "post_token", "is set without post_url"
        if 0 < len(self.post_token) < MIN_TOKEN:
            yield "post_token", f"must have at least {MIN_TOKEN} characters"
        if bool(self.mail_to) != bool(self.smtp):
            yield "smtp", "and mail_to are set together"


class RateLimitSettings(Section):
    """`[rate_limit]`: where counts are kept, and the limits. An address may be a whole campus; signed-in guards and
    clerks are counted by person alone.
    """

    storage_url: Secret = Field(
        "memory://",
        description="`memory://` for one worker; `redis://…` to share the counts among several. While it fails or is silent "
        "each worker counts for itself",
    )
    verification: Limit = Field("600 per minute", description="looks at one true code from one address")
    unproven: Limit = Field("600 per minute", description="an address's codes that prove nothing")
    typed: Limit = Field("60 per minute; 600 per hour", description="an address's wrong short codes")
    typed_everywhere: Limit = Field("6000 per hour", description="everybody's wrong short codes")
    comparison: Limit = Field(
        "10 per minute; 60 per hour",
        description="names compared with one code, by one address; ten times as many by all",
    )
    comparison_misses: Limit = Field(
        "20 per day",
        description="wrong names that strangers may try for one slip, from all addresses together. Then only signed-in "
        "guards and clerks may compare names with it",
    )
    upload: Limit = Field("120 per minute", description="an address's pictures and files")
    upload_everywhere: Limit = Field("300 per minute", description="everybody's pictures and files")
    refresh: Limit = Field(
        "60 per minute",
        description="how often one person may have departments asked, by whatever page; looking, acting and submitting "
        "are counted apart. Beyond it pages show the last answers with their time, and forms answer 429 with "
        "`Retry-After`",
    )


class UploadSettings(Section):
    """`[uploads]`: what reads the pictures and files that people upload to have them verified."""

    processes: Annotated[Whole, between(1, 32)] = Field(
        1,
        description="how many files each worker has read at the same time, each by a process of its own: of low priority, at "
        "most 1 GB and 6 seconds of CPU",
    )
    waiting: Annotated[Whole, between(0, 100)] = Field(
        8,
        description="how many more may wait in each worker. All others are answered 503 with `Retry-After`, as is a file "
        "that waits or is read for too long",
    )
    wait_seconds: Annotated[Number, between(0.1, 30)] = Field(
        4.0, description="how long a file waits at most"
    )
    seconds: Annotated[Number, between(1, 60)] = Field(10.0, description="how long it is read at most")


class RoundSettings(Section):
    """`[round]`: how long departments are waited for, and how long their answers hold."""

    deadline_seconds: Annotated[Number, between(0.1, 30)] = Field(
        3.0, description="all departments are asked side by side and have this long in all"
    )
    page_wait_seconds: Annotated[Number, between(0, 30)] = Field(
        0.25,
        description="a page shows what it has after this long, and the rest as it comes: its script asks again for the "
        "next answer, without script it is loaded once more with all",
    )
    fresh_seconds: Annotated[Number, between(0, 3600)] = Field(
        15.0,
        description="an answer younger than this is shown without asking again; it never counts at submit",
    )
    canaries_fresh_seconds: Annotated[Number, between(0, 60)] = Field(
        5.0,
        description="a pass rests on right answers about the canary students that are no older than this: on a page where "
        "there is no record, at submit always; at submit a pass without a record needs them asked again, after the "
        "student",
    )
    canaries_suspend_seconds: Annotated[Number, between(0, 3600)] = Field(
        60.0,
        description="after a wrong answer about a canary student a step is suspended until all of them were right for "
        "this long without a wrong one",
    )


class RetentionSettings(Section):
    """`[retention]`: for how many days `flask purge` leaves personal data that is of no more use."""

    sessions_days: Annotated[Whole, between()] = Field(1, description="sessions, so long after their end")
    known_answers_days: Days = Field(
        180, description="what departments last said of a student; it never counts at submit"
    )
    slip_checks_days: Days = Field(
        365,
        description="the log of checks, and the counts of those without a slip; how often a slip was checked stays",
    )
    slip_views_days: Annotated[Whole, between(MIN_AUDIT_DAYS)] = Field(
        365,
        description="which guard or clerk was shown all of a slip, so long ago (at least 180 by law); see `flask audit views`",
    )
    views_days: Annotated[Whole, between(MIN_AUDIT_DAYS)] = Field(
        365,
        description="who of the staff looked at which student, so long ago (at least 180 by law); see `flask audit views`",
    )
    closed_cases_days: Annotated[Whole, between(30)] = Field(
        365,
        description="desk entries and decisions, refused rows, roster entries, actions and waivers of students who submitted so long ago (at least 30). A desk's entry of anybody else stays: it may still keep its student from passing",
    )
    audit_days: Annotated[Whole, between(MIN_AUDIT_DAYS)] = Field(
        1095,
        description="audit events, rights of staff that ended and requests that were decided so long ago, and consents that were given so long ago: those students are asked again (at least 180 by law). The chain then begins at the oldest that is left, and an event says so",
    )


class PrivacySettings(Section):
    """`[privacy]`."""

    consent: Flag = Field(
        True,
        description="whether a student reads and agrees to the notice 隐私说明 before the first department is asked. It is asked once for each mini-app and version of its notice, recorded and audited, and can be taken back on the notice's page. `demo.toml` does without; `make run CONFIG=config/demo_consent.toml` asks",
    )


class ConsoleSettings(Section):
    """`[console]`: what holds for the pages of staff."""

    two_for: Texts = Field(
        (),
        description='the steps at which waivers, and their withdrawals, are asked for by one person and approved by another, as `"<mini-app>.<step>"`; at the others whoever may ask does it at once',
    )
    undo_minutes: Annotated[Whole, between(1, 24 * 60)] = Field(
        10,
        description="how long after a decision at a desk whoever took it may take it back by a tap; later, and what others decided, the head of the department takes back, with a reason",
    )
