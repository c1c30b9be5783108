"""Every option of the server: environment variable, default, meaning."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its environment variable, its default as text, and what it is for."""

    variable: str
    default: str
    meaning: str


OPTIONS: Final = (
    Option("GONGDAN_DATA", "var", "Folder of the embedded database, files and keys."),
    Option("GONGDAN_DATABASE", "", "SQLAlchemy URL of the database; empty means SQLite in the data folder."),
    Option("GONGDAN_BASE_URL", "http://127.0.0.1:8080", "Address under which devices and browsers reach the server."),
    Option("GONGDAN_BIND", "127.0.0.1:8080", "Address and port to listen on."),
    Option("GONGDAN_TRUSTED_PROXIES", "", "Addresses and networks whose X-Forwarded-For is believed."),
    Option("GONGDAN_WORKERS", "1", "Server processes; more than one is worth it on PostgreSQL."),
    Option("GONGDAN_THREADS", "32", "Request threads in each process."),
    Option("GONGDAN_BLOB_BYTES_MAX", "67108864", "Largest file a device may upload, in bytes."),
    Option("GONGDAN_SILENCE_S", "90", "Seconds after which a line on which nothing moves is hung up on."),
    Option("GONGDAN_UPLOAD_HOURS", "168", "Hours after which an unfinished upload may be removed."),
    Option("GONGDAN_TIMEZONE", "Asia/Shanghai", "Time zone in which the office's pages and commands tell times."),
    Option("GONGDAN_LOG_LEVEL", "info", "What the event log holds: debug, info, warning or error."),
    Option("GONGDAN_LOG_FORMAT", "json", "How the event log is written: json or text."),
    Option("GONGDAN_METRICS_BIND", "127.0.0.1:9464", "Address and port of `gongdan-server metrics`."),
    Option("GONGDAN_METRICS_TOKEN", "", "What a reader of the metrics must show; needed off this machine."),
    Option("GONGDAN_METRICS_DEVICES", "50", "Devices that have figures of their own among the metrics."),
    Option("GONGDAN_DISK_FREE_BYTES_MIN", "536870912", "Free room on the disk below which the server is not ready."),
    Option("GONGDAN_DEVICE_UPLOADS_MAX", "100", "Uploads a device may leave unfinished."),
    Option("GONGDAN_DEVICE_UPLOAD_BYTES_MAX", "2147483648", "Bytes of a device's unfinished uploads."),
    Option("GONGDAN_ORGANISATION_UPLOADS_MAX", "10000", "Uploads an organisation may leave unfinished."),
    Option("GONGDAN_ORGANISATION_UPLOAD_BYTES_MAX", "107374182400", "Bytes of its unfinished uploads."),
    Option("GONGDAN_JOURNAL_DAYS", "400", "Days for which it is kept who looked at what."),
    Option("GONGDAN_TSA_URL", "", "URL of the authority that timestamps checkpoints (RFC 3161); empty means none."),
    Option("GONGDAN_TSA_ROOTS", "", "PEM file with the certificates its timestamps must lead to."),
    Option("GONGDAN_OIDC_FILE", "", "TOML file with the OpenID providers people may sign in by."),
    Option("GONGDAN_BLOBS", "", "s3://bucket/prefix for files; empty means the data folder."),
    Option("GONGDAN_BLOBS_ENDPOINT", "", "URL of the S3 service; empty means Amazon's."),
    Option("GONGDAN_BLOBS_REGION", "us-east-1", "Region of the bucket."),
    Option("GONGDAN_BLOBS_KEY_ID", "", "Access key of the bucket."),
    Option("GONGDAN_BLOBS_SECRET", "", "Secret key of the bucket."),
    Option("GONGDAN_CUSTOMER_ORGANISATION", "", "Organisation that takes requests in; empty means the only one."),
    Option("GONGDAN_MAILBOX", "", "URL of the mailbox whose mails become requests; empty means none."),
    Option("GONGDAN_MAILBOX_PASSWORD", "", "Password of the mailbox."),
    Option("GONGDAN_MAIL_RELAY", "", "URL of the server that takes mails to customers; empty means none are sent."),
    Option("GONGDAN_MAIL_RELAY_PASSWORD", "", "Password of the relay."),
    Option("GONGDAN_MAIL_FROM", "", "Address that mails come from and are answered to: that of the mailbox."),
    Option("GONGDAN_MAIL_EVERY_S", "20", "Seconds between two looks into the mailbox."),
    Option("GONGDAN_WEBHOOKS", "", "URLs that are told of what becomes of requests, with spaces between."),
    Option("GONGDAN_BLOBS_TIMEOUT_S", "20", "Seconds to wait for one answer of the bucket."),
)


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """A bucket of S3-compatible storage: objects are kept below `prefix`, which may be empty."""

    bucket: str
    prefix: str
    endpoint: str
    region: str
    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    timeout_s: float

    @property
    def is_virtual_hosted(self) -> bool:
        """Whether the bucket's name is the first part of the endpoint's host, as some services demand."""
        return (urlsplit(self.endpoint).hostname or "").startswith(f"{self.bucket}.")

    @property
    def url(self) -> str:
        """The URL of the bucket."""
        if self.is_virtual_hosted:
            return self.endpoint
        return f"{self.endpoint or f'https://s3.{self.region}.amazonaws.com'}/{self.bucket}"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is fetched or handed over; `security` is ``tls``, ``starttls`` or ``none``."""

    security: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str = "INBOX"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL that is told by webhook: of everything, or of what concerns one customer or engineer."""

    url: str
    concerns: str | None = None
    """``customer`` or ``engineer``"""
    subject: str | None = None
    """the id of that customer or engineer"""


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How requests come and answers go."""

    organisation: str | None
    mailbox: MailServer | None
    relay: MailServer | None
    sender: str
    every_s: float
    webhooks: tuple[Endpoint, ...]

    @property
    def is_used(self) -> bool:
        """Whether anything comes or goes."""
        return bool(self.mailbox or self.relay or self.webhooks)


@dataclass(frozen=True, slots=True)
class UploadQuotas:
    """How many uploads may be unfinished at a time, and how many bytes they may announce together."""

    device_uploads: int
    device_bytes: int
    organisation_uploads: int
    organisation_bytes: int


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """An OpenID provider by which people of one organisation may sign in."""

    name: str
    """Its part of the address to which people come back"""
    label: str
    label_en: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    organisation: str
    """Name or id; empty where the server has only one"""
    scope: str
    match_email: bool
    """A verified e-mail address that is somebody's login is his"""
    email_domains: tuple[str, ...]
    create_roles: tuple[str, ...]
    """Whoever is unknown gets an account with these roles; empty for nobody"""
    second_factor: bool
    """The provider asks for a second factor itself"""


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of one server, read once at start."""

    data: Path
    database_url: str
    base_url: str
    bind: str
    trusted_proxies: tuple[Network, ...]
    workers: int
    threads: int
    blob_bytes_max: int
    silence_s: float
    upload_hours: int
    zone: ZoneInfo
    log_level: str
    log_format: str
    metrics_bind: str
    metrics_token: str
    metrics_devices: int
    disk_free_bytes_min: int
    upload_quotas: UploadQuotas
    bucket: BucketAddress | None
    journal_days: int
    providers: tuple[OidcProvider, ...]
    mail: MailSettings
    authority: tuple[str, Path] | None = None
    """Who timestamps checkpoints: its URL, and the file of certificates that its timestamps must lead to."""

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is the embedded one."""
        return self.database_url.startswith("sqlite")

    @property
    def port(self) -> int:
        """The port to listen on; 0 when `bind` names none."""
        port = self.bind.rpartition(":")[2]
        return int(port) if port.isdigit() else 0

    @property
    def blob_folder(self) -> Path:
        """Where uploaded files are kept."""
        return self.data / "blobs"


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the options from environment variables.

    Raises ValueError when a number or a network is not one, a word is not among those allowed, or options do not fit
    together.
    """
    values = {option.variable: environment.get(option.variable) or option.default for option in OPTIONS}
    data = Path(values["GONGDAN_DATA"]).absolute()
    return Settings(
        data=data,
        database_url=values["GONGDAN_DATABASE"] or f"sqlite:///{data / 'gongdan.sqlite'}",
        base_url=values["GONGDAN_BASE_URL"].rstrip("/"),
        bind=values["GONGDAN_BIND"],
        trusted_proxies=_read_networks(values["GONGDAN_TRUSTED_PROXIES"]),
        workers=int(values["GONGDAN_WORKERS"]),
        threads=int(values["GONGDAN_THREADS"]),
        blob_bytes_max=int(values["GONGDAN_BLOB_BYTES_MAX"]),
        silence_s=float(values["GONGDAN_SILENCE_S"]),
        upload_hours=int(values["GONGDAN_UPLOAD_HOURS"]),
        zone=_read_zone(values["GONGDAN_TIMEZONE"]),
        log_level=_choose(values, "GONGDAN_LOG_LEVEL", ("debug", "info", "warning", "error")),
        log_format=_choose(values, "GONGDAN_LOG_FORMAT", ("json", "text")),
        metrics_bind=values["GONGDAN_METRICS_BIND"],
        metrics_token=values["GONGDAN_METRICS_TOKEN"],
        metrics_devices=int(values["GONGDAN_METRICS_DEVICES"]),
        disk_free_bytes_min=int(values["GONGDAN_DISK_FREE_BYTES_MIN"]),
        upload_quotas=_read_quotas(values),
        bucket=_read_bucket(values),
        journal_days=int(values["GONGDAN_JOURNAL_DAYS"]),
        providers=_read_providers(values["GONGDAN_OIDC_FILE"]),
        mail=_read_mail(values),
        authority=_read_authority(values),
    )


def _read_authority(values: Mapping[str, str]) -> tuple[str, Path] | None:
    url, roots = values["GONGDAN_TSA_URL"], values["GONGDAN_TSA_ROOTS"]
    if bool(url) != bool(roots) or (url and not url.startswith(("http://", "https://"))):
        raise ValueError("GONGDAN_TSA_URL is an http(s) URL and needs GONGDAN_TSA_ROOTS, or both are empty")
    return (url, Path(roots)) if url else None


def _read_quotas(values: Mapping[str, str]) -> UploadQuotas:
    quotas = UploadQuotas(
        device_uploads=int(values["GONGDAN_DEVICE_UPLOADS_MAX"]),
        device_bytes=int(values["GONGDAN_DEVICE_UPLOAD_BYTES_MAX"]),
        organisation_uploads=int(values["GONGDAN_ORGANISATION_UPLOADS_MAX"]),
        organisation_bytes=int(values["GONGDAN_ORGANISATION_UPLOAD_BYTES_MAX"]),
    )
    if min(quotas.device_bytes, quotas.organisation_bytes) < int(values["GONGDAN_BLOB_BYTES_MAX"]):
        raise ValueError("GONGDAN_BLOB_BYTES_MAX is above a quota of unfinished bytes: such a file could never come")
    return quotas


def _read_bucket(values: Mapping[str, str]) -> BucketAddress | None:
    if not values["GONGDAN_BLOBS"]:
        return None
    address = urlsplit(values["GONGDAN_BLOBS"])
    if address.scheme != "s3" or not address.netloc or address.query or address.fragment:
        raise ValueError("GONGDAN_BLOBS is s3://bucket/prefix, or empty")
    if not (values["GONGDAN_BLOBS_KEY_ID"] and values["GONGDAN_BLOBS_SECRET"]):
        raise ValueError("GONGDAN_BLOBS needs GONGDAN_BLOBS_KEY_ID and GONGDAN_BLOBS_SECRET")
    return BucketAddress(
        bucket=address.netloc,
        prefix=address.path.strip("/"),
        endpoint=values["GONGDAN_BLOBS_ENDPOINT"].rstrip("/"),
        region=values["GONGDAN_BLOBS_REGION"],
        key_id=values["GONGDAN_BLOBS_KEY_ID"],
        secret=values["GONGDAN_BLOBS_SECRET"],
        timeout_s=float(values["GONGDAN_BLOBS_TIMEOUT_S"]),
    )


def _read_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"GONGDAN_TIMEZONE is {name!r}; it must be one of the IANA database") from error


_MAIL_SCHEMES: Final = {
    "imaps": ("tls", 993), "imap+starttls": ("starttls", 143), "imap": ("none", 143),
    "smtps": ("tls", 465), "smtp+starttls": ("starttls", 587), "smtp": ("none", 25),
}  # fmt: skip


def _read_mail(values: Mapping[str, str]) -> MailSettings:
    mailbox = _read_mail_server("GONGDAN_MAILBOX", "imap", values)
    relay = _read_mail_server("GONGDAN_MAIL_RELAY", "smtp", values)
    sender = values["GONGDAN_MAIL_FROM"]
    if relay is not None and not re.fullmatch(r"[!-?A-~]{1,60}@[0-9A-Za-z.-]{1,59}", sender):
        raise ValueError("GONGDAN_MAIL_RELAY needs GONGDAN_MAIL_FROM, an address such as service@example.com")
    webhooks = tuple(_read_endpoint(entry) for entry in values["GONGDAN_WEBHOOKS"].split())
    organisation = values["GONGDAN_CUSTOMER_ORGANISATION"] or None
    return MailSettings(organisation, mailbox, relay, sender, float(values["GONGDAN_MAIL_EVERY_S"]), webhooks)


def _read_mail_server(variable: str, protocol: str, values: Mapping[str, str]) -> MailServer | None:
    if not values[variable]:
        return None
    address = urlsplit(values[variable])
    if address.scheme not in _MAIL_SCHEMES or not address.scheme.startswith(protocol) or not address.hostname:
        raise ValueError(f"{variable} is {protocol}s://user@host:port, or with {protocol}+starttls or {protocol}")
    security, port = _MAIL_SCHEMES[address.scheme]
    folder = unquote(address.path.strip("/")) or "INBOX"
    user, password = unquote(address.username or ""), values[f"{variable}_PASSWORD"]
    return MailServer(security, address.hostname, address.port or port, user, password, folder)


def _read_endpoint(entry: str) -> Endpoint:
    concerns, _, url = entry.partition("=") if entry.startswith(("customer:", "engineer:")) else ("", "", entry)
    if not url.startswith(("https://", "http://")) or not urlsplit(url).hostname:
        raise ValueError("GONGDAN_WEBHOOKS holds URLs, each perhaps after customer:ID= or engineer:ID=")
    kind, _, subject = concerns.partition(":")
    return Endpoint(url, kind or None, subject or None)


def _read_networks(spelled: str) -> tuple[Network, ...]:
    return tuple(ip_network(part.strip()) for part in spelled.split(",") if part.strip())


def _choose(values: Mapping[str, str], variable: str, words: tuple[str, ...]) -> str:
    word = values[variable]
    if word not in words:
        raise ValueError(f"{variable} is {word!r}; it must be {' or '.join(words)}")
    return word


_PROVIDER_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,29}\Z")
_PROVIDER_TEXTS: Final = {
    "name": None,
    "label": None,
    "label_en": "",
    "issuer": None,
    "client_id": None,
    "client_secret": "",
    "organisation": "",
    "scope": "openid email profile",
}
_PROVIDER_FLAGS: Final = {"match_email": True, "second_factor": False}
_PROVIDER_LISTS: Final = ("email_domains", "create_roles")


def _read_providers(path: str) -> tuple[OidcProvider, ...]:
    """Read the providers of a TOML file. Raises ValueError, OSError when it cannot be read."""
    if not path:
        return ()
    document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    if set(document) - {"provider"}:
        raise ValueError(f"{path}: nothing but [[provider]] is known")
    found = tuple(_read_provider(path, table) for table in document.get("provider", ()))
    if len({provider.name for provider in found}) != len(found):
        raise ValueError(f"{path}: two providers have one name")
    return found


def _read_provider(path: str, table: dict[str, Any]) -> OidcProvider:
    known = {**_PROVIDER_TEXTS, **_PROVIDER_FLAGS, **{name: [] for name in _PROVIDER_LISTS}}
    unlike = [name for name in table if name not in known]
    missing = [name for name, default in known.items() if default is None and not table.get(name)]
    if unlike or missing:
        raise ValueError(f"{path}: a provider has no {', '.join(unlike)}, and needs {', '.join(missing)}")
    values = known | table
    wrong = [name for name in _PROVIDER_TEXTS if not isinstance(values[name], str)]
    wrong += [name for name in _PROVIDER_FLAGS if not isinstance(values[name], bool)]
    wrong += [name for name in _PROVIDER_LISTS if not _is_list_of_texts(values[name])]
    if wrong:
        raise ValueError(f"{path}: of the wrong type: {', '.join(wrong)}")
    if not _PROVIDER_NAME.match(values["name"]):
        raise ValueError(f"{path}: a name has small letters, digits and hyphens, 30 at most")
    issuer = urlsplit(values["issuer"])
    is_own_machine = issuer.scheme == "http" and issuer.hostname in ("127.0.0.1", "localhost", "::1")
    if not is_own_machine and issuer.scheme != "https":
        raise ValueError(f"{path}: an issuer is an https address")
    if "openid" not in values["scope"].split():
        raise ValueError(f"{path}: a scope without openid tells nobody who signs in")
    for name in _PROVIDER_LISTS:
        values[name] = tuple(values[name])
    return OidcProvider(**values)


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
