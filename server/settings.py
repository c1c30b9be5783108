"""Every option of the server: environment variable, default, meaning."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final


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
    Option("GONGDAN_WORKERS", "1", "Server processes; more than one is worth it on PostgreSQL."),
    Option("GONGDAN_THREADS", "32", "Request threads in each process."),
    Option("GONGDAN_BLOB_BYTES_MAX", "67108864", "Largest file a device may upload, in bytes."),
    Option("GONGDAN_UPLOAD_HOURS", "168", "Hours after which an unfinished upload may be removed."),
    Option("GONGDAN_LOG_LEVEL", "info", "What the event log holds: debug, info, warning or error."),
    Option("GONGDAN_LOG_FORMAT", "json", "How the event log is written: json or text."),
    Option("GONGDAN_METRICS_BIND", "127.0.0.1:9464", "Address and port of `gongdan-server metrics`."),
    Option("GONGDAN_METRICS_TOKEN", "", "What a reader of the metrics must show; needed off this machine."),
    Option("GONGDAN_METRICS_DEVICES", "50", "Devices that have figures of their own among the metrics."),
    Option("GONGDAN_DISK_FREE_BYTES_MIN", "536870912", "Free room on the disk below which the server is not ready."),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of one server, read once at start."""

    data: Path
    database_url: str
    base_url: str
    bind: str
    workers: int
    threads: int
    blob_bytes_max: int
    upload_hours: int
    log_level: str
    log_format: str
    metrics_bind: str
    metrics_token: str
    metrics_devices: int
    disk_free_bytes_min: int

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is the embedded one."""
        return self.database_url.startswith("sqlite")

    @property
    def blob_folder(self) -> Path:
        """Where uploaded files are kept."""
        return self.data / "blobs"


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the options from environment variables.

    Raises ValueError when a number is not one or a word is not among those allowed.
    """
    values = {option.variable: environment.get(option.variable) or option.default for option in OPTIONS}
    data = Path(values["GONGDAN_DATA"]).absolute()
    return Settings(
        data=data,
        database_url=values["GONGDAN_DATABASE"] or f"sqlite:///{data / 'gongdan.sqlite'}",
        base_url=values["GONGDAN_BASE_URL"].rstrip("/"),
        bind=values["GONGDAN_BIND"],
        workers=int(values["GONGDAN_WORKERS"]),
        threads=int(values["GONGDAN_THREADS"]),
        blob_bytes_max=int(values["GONGDAN_BLOB_BYTES_MAX"]),
        upload_hours=int(values["GONGDAN_UPLOAD_HOURS"]),
        log_level=_choose(values, "GONGDAN_LOG_LEVEL", ("debug", "info", "warning", "error")),
        log_format=_choose(values, "GONGDAN_LOG_FORMAT", ("json", "text")),
        metrics_bind=values["GONGDAN_METRICS_BIND"],
        metrics_token=values["GONGDAN_METRICS_TOKEN"],
        metrics_devices=int(values["GONGDAN_METRICS_DEVICES"]),
        disk_free_bytes_min=int(values["GONGDAN_DISK_FREE_BYTES_MIN"]),
    )


def _choose(values: Mapping[str, str], variable: str, words: tuple[str, ...]) -> str:
    word = values[variable]
    if word not in words:
        raise ValueError(f"{variable} is {word!r}; it must be {' or '.join(words)}")
    return word
