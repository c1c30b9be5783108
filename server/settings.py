"""Every option of the server: environment variable, default, meaning."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
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
    Option("GONGDAN_TIMEZONE", "Asia/Shanghai", "Time zone in which the office's pages tell times."),
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
    Option("GONGDAN_BLOBS", "", "s3://bucket/prefix for files; empty means the data folder."),
    Option("GONGDAN_BLOBS_ENDPOINT", "", "URL of the S3 service; empty means Amazon's."),
    Option("GONGDAN_BLOBS_REGION", "us-east-1", "Region of the bucket."),
    Option("GONGDAN_BLOBS_KEY_ID", "", "Access key of the bucket."),
    Option("GONGDAN_BLOBS_SECRET", "", "Secret key of the bucket."),
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
class UploadQuotas:
    """How many uploads may be unfinished at a time, and how many bytes they may announce together."""

    device_uploads: int
    device_bytes: int
    organisation_uploads: int
    organisation_bytes: int


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
    )


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


def _read_networks(spelled: str) -> tuple[Network, ...]:
    return tuple(ip_network(part.strip()) for part in spelled.split(",") if part.strip())


def _choose(values: Mapping[str, str], variable: str, words: tuple[str, ...]) -> str:
    word = values[variable]
    if word not in words:
        raise ValueError(f"{variable} is {word!r}; it must be {' or '.join(words)}")
    return word
