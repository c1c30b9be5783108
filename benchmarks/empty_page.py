"""The floor of a page: Flask and waitress as the pages use them, an empty page, and one row read from SQLite.

`python -m benchmarks.empty_page PORT FOLDER` serves it.
"""

import sqlite3
import sys
from pathlib import Path

from flask import Flask
from waitress.server import create_server


def make_app(folder: Path) -> Flask:
    """Return an application with one page."""
    app = Flask("empty")
    database = sqlite3.connect(folder / "floor.sqlite", check_same_thread=False)
    database.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, body TEXT)")
    database.execute("INSERT OR REPLACE INTO rows VALUES (1, 'a row')")

    @app.get("/")
    def show() -> str:
        (body,) = database.execute("SELECT body FROM rows WHERE id = 1").fetchone()
        return f"<!doctype html><title>{body}</title>"

    return app


def main() -> None:
    """Serve until the process is ended."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    create_server(make_app(folder), host="127.0.0.1", port=port, threads=8).run()


if __name__ == "__main__":
    main()
