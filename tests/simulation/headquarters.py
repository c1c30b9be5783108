"""The server of the simulation: the real web application on a real database, in a process that may die at any commit.

The application and its engine are made once for each process of ours; a run gets a copy of a founded company's
database, and a death of the server costs it everything it had in memory.
"""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar
from unittest.mock import patch

from sqlalchemy import Engine, event

from schemas.problems import Refused
from server.app import create_app, make_parts
from server.services import log_tree, restoring
from server.services.blobs import BlobDesk
from server.services.bundles import Imported, import_bundle
from server.services.erasing_ledger import FOLDER
from server.settings import read_settings
from server.store import log_tiles
from server.store.blob_files import BlobFiles
from server.store.migrate import upgrade
from server.web import sync_api
from server.web.wiring import EXTENSION, Wiring
from sync import tiles, transparency
from tests.simulation.fragile_files import FragileFiles
from tests.simulation.radio import BASE_URL, Answer, Request
from tests.simulation.world import MINUTE_MS, SECOND_MS, Broken, Died, World

T = TypeVar("T")

PAGES_MAX: Final = 4_294_967_294
"""SQLite's own limit on the pages of a file."""

TABLES: Final = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"

OFFICE_SEED: Final = b"the office of the simulated firm"


class Premises:
    """Where the server of every run of this process lives."""

    tables = TABLES

    def __init__(self, folder: Path, url: str = "") -> None:
        """Make the application, on SQLite unless a `url` is given; its database is copied in for each run."""
        self.folder = folder
        self.file, self.template = folder / "office.sqlite", folder / "template.sqlite"
        keys = folder / "data" / "keys"
        keys.mkdir(parents=True)
        (keys / "office.key").write_bytes(OFFICE_SEED)
        (keys / "tokens.secret").write_bytes(OFFICE_SEED[::-1])
        url = url or f"sqlite:///{self.file}"
        self.settings = replace(read_settings({}), data=folder / "data", database_url=url, base_url=BASE_URL)
        self.app = create_app(self.settings)
        self.wiring: Wiring = self.app.extensions[EXTENSION]
        self.engine = self.wiring.engine
        upgrade(self.engine)

    def keep_as_template(self) -> None:
        """Let the database as it stands be what every run begins with."""
        self.engine.dispose()
        with sqlite3.connect(self.file) as source:
            source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        source.close()
        shutil.copyfile(self.file, self.template)

    def lay_out(self) -> None:
        """Put a copy of the founded company's database in the place of the one there is."""
        self.clear_database()
        shutil.copyfile(self.template, self.file)

    def open_reader(self) -> Any:
        """Return a connection of the auditor's own, which nothing of the server's has touched."""
        return sqlite3.connect(self.file, isolation_level=None)

    def clear_database(self) -> None:
        """Remove the database."""
        self.engine.dispose()
        for ending in ("", "-wal", "-shm"):
            self.file.with_name(self.file.name + ending).unlink(missing_ok=True)

    def start_process(self, files: BlobFiles) -> Wiring:
        """Begin with nothing in memory, as after a start of the server."""
        self.engine.dispose()
        parts = replace(make_parts(self.settings, self.engine, self.wiring.key, self.wiring.metrics), files=files)
        self.app.extensions[EXTENSION] = parts
        return parts


class Headquarters:
    """The server of one run."""

    def __init__(self, world: World, premises: Premises) -> None:
        """Open on a fresh copy of the founded company."""
        self.world, self.premises = world, premises
        self.clock_ms = 0
        """How far the server's clock is off."""
        self.is_down = False
        self.after_start: Callable[[], None] = lambda: None
        """Called whenever a process begins."""
        self._commits = self._file_steps = 0
        self._backup = premises.folder / "backup.sqlite"
        self._backup.unlink(missing_ok=True)
        premises.lay_out()
        shutil.rmtree(premises.settings.blob_folder, ignore_errors=True)
        shutil.rmtree(self.acts, ignore_errors=True)
        self.start_process()

    @property
    def acts(self) -> Path:
        """Where acts of erasing are kept beside the database."""
        return self.premises.settings.data / FOLDER

    @property
    def engine(self) -> Engine:
        """The server's database."""
        return self.parts.engine

    def now_ms(self) -> int:
        """Return the server's own time."""
        return self.world.now_ms + self.clock_ms

    def answer(self, request: Request) -> Answer | None:
        """Answer a request; None when there is nobody to answer, or he died over it."""
        return self.act(lambda: self._call(request))

    def act(self, do: Callable[[], T]) -> T | None:
        """Let the server do something; None when it is down, or died over it."""
        if self.is_down:
            return None
        try:
            return do()
        except Died:
            self.stop(SECOND_MS)
            return None

    def take_stick(self, stick: Path) -> Imported | None:
        """Take a bundle in, as its command does; None when the server is down, or died over it. Raises Refused."""
        parts = self.parts
        desk = BlobDesk(parts.engine, parts.files, parts.settings.blob_bytes_max, parts.settings.upload_hours)
        return self.act(lambda: import_bundle(parts.engine, desk, stick, parts.key.token_secret))

    def stop(self, for_ms: int = MINUTE_MS) -> None:
        """End the process; another one starts after a while."""
        self.world.tell("server stops")
        self.is_down = True
        self.world.plan(for_ms, self.start)

    def start(self) -> None:
        """Start the process, if it is not running."""
        if self.is_down:
            self.world.tell("server starts")
            self.start_process()
            self.is_down = False

    def start_process(self) -> None:
        """Begin with nothing in memory, over files at each of which the process may die."""
        files = FragileFiles(self.premises.settings.blob_folder, self._dies_at_file, self.world.draw("cut").randrange)
        self.parts = self.premises.start_process(files)
        self.after_start()

    def back_up(self) -> None:
        """Copy the database, as the product does, in the place of the copy before."""
        self._backup.unlink(missing_ok=True)
        restoring.back_up(self.engine, self._backup)

    def restore(self) -> None:
        """Lose the database and begin again from the copy, as the product does; what cuts that off is done again."""
        self.premises.clear_database()
        while not self.premises.file.exists():
            with suppress(Died, Refused):
                restoring.restore(self._backup, self.premises.file)
        self.start_process()

    @contextmanager
    def fragile(self) -> Iterator[None]:
        """Let every commit of the server's be a place where it may die, and every transaction meet a full disk."""
        listeners = {"before_cursor_execute": self._before, "after_cursor_execute": self._after, "commit": self._commit}
        for name, listener in listeners.items():
            event.listen(Engine, name, listener)
        try:
            yield
        finally:
            for name, listener in listeners.items():
                event.remove(Engine, name, listener)

    @contextmanager
    def paging(self, size: int) -> Iterator[None]:
        """Let the server put at most so many records into a page."""
        usual = sync_api.PAGE_OPS_MAX
        sync_api.PAGE_OPS_MAX = size  # type: ignore[misc]
        try:
            yield
        finally:
            sync_api.PAGE_OPS_MAX = usual  # type: ignore[misc]

    @contextmanager
    def tiling(self, levels: int) -> Iterator[None]:
        """Let the server keep the roots of subtrees of every so many levels, so that a short log has some of each."""
        with ExitStack() as stack:
            for module in (transparency, tiles, log_tiles, log_tree):
                stack.enter_context(patch.object(module, "TILE_LEVELS", levels))
            stack.enter_context(patch.object(log_tree, "TILE_WIDTH", 1 << levels))
            yield

    def _before(self, connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement == "COMMIT":
            self._commit(connection)

    def _commit(self, _connection: Any) -> None:
        self._commits += 1
        self.world.tell("server commits", self._commits)
        if self.world.strikes("server dies before commit", self._commits):
            raise Died

    def _dies_at_file(self, moment: str) -> bool:
        self._file_steps += 1
        self.world.tell("server", moment)
        return self.world.strikes("server dies at a file", self._file_steps)

    def _after(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement == "BEGIN IMMEDIATE":
            is_full = self.world.strikes("server disk full", self._commits)
            cursor.connection.execute(f"PRAGMA max_page_count = {1 if is_full else PAGES_MAX}")
        elif statement == "COMMIT" and self.world.strikes("server dies after commit", self._commits):
            raise Died

    def _call(self, request: Request) -> Answer:
        """Call the web application as a WSGI server does."""
        started: list[tuple[str, list[tuple[str, str]]]] = []
        environ = _environ(request)
        body = b"".join(self.premises.app.wsgi_app(environ, lambda *found: started.append(found[:2])))
        status, headers = started[-1]
        answer = Answer(int(status[:3]), dict(headers), body)
        if answer.status >= 500 and json.loads(body).get("code") not in ("database_busy", "disk_full"):
            raise Broken(f"the server failed: {body.decode(errors='replace')}")
        return answer


def _environ(request: Request) -> dict[str, Any]:
    """Return a request as PEP 3333 hands it to an application."""
    named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    return named | {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": request.headers["Content-Length"],
        "SERVER_NAME": "gongdan.example",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
