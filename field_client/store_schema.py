"""The tables of the device's database.

Rule 1: `base` is what the server last said, byte for byte; `local` is `base` with the device's own unsettled
        changes, or NULL where there are none. What a person sees is `local`, else `base`.
Rule 2: `digest` belongs to `base`; the checksum of the scope never knows of local changes.
Rule 3: rows of `outbox` are never altered but for their state, position and receipt, and for openings that the office
        has erased (sync/openings.py): what was signed stays as it is.
Rule 4: `incoming` holds the pages of one pull until the last has come.
Rule 5: `drafts` are what a person has typed and not yet done; they never leave the device.
Rule 6: `erased_files` names the files that the office has erased; what it names is dropped and never sent again.
"""

from typing import Final

TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS records (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    base TEXT, local TEXT, digest BLOB, parked INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS records_by_kind ON records (kind);
CREATE INDEX IF NOT EXISTS records_parked ON records (parked) WHERE parked = 1;

CREATE TABLE IF NOT EXISTS lookups (
    kind TEXT, field TEXT, value TEXT, id TEXT, PRIMARY KEY (kind, field, value, id)) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS stock (
    place TEXT, part TEXT, batch TEXT, serial TEXT, quantity INTEGER NOT NULL,
    PRIMARY KEY (place, part, batch, serial)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS stock_empty ON stock (quantity) WHERE quantity = 0;

CREATE TABLE IF NOT EXISTS downloads (
    sha256 TEXT, offset INTEGER, piece BLOB NOT NULL, PRIMARY KEY (sha256, offset));

CREATE TABLE IF NOT EXISTS outbox (
    seq INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, line BLOB NOT NULL, state TEXT NOT NULL,
    intent TEXT NOT NULL, captured_at TEXT NOT NULL, position INTEGER, receipt TEXT);
CREATE INDEX IF NOT EXISTS outbox_by_state ON outbox (state, seq);
CREATE INDEX IF NOT EXISTS outbox_requests ON outbox (intent, seq) WHERE intent = 'request.create';

CREATE TABLE IF NOT EXISTS edits (id TEXT, seq INTEGER, PRIMARY KEY (id, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS edits_by_seq ON edits (seq);

CREATE TABLE IF NOT EXISTS incoming (
    n INTEGER PRIMARY KEY, name TEXT NOT NULL, id TEXT NOT NULL, kind TEXT, body TEXT, digest BLOB);

CREATE TABLE IF NOT EXISTS blobs (
    sha256 TEXT PRIMARY KEY, size_bytes INTEGER NOT NULL, rank INTEGER NOT NULL, state TEXT NOT NULL,
    upload_url TEXT, offset INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS erased_files (sha256 TEXT PRIMARY KEY, erased_at TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS drafts (
    key TEXT PRIMARY KEY, body TEXT NOT NULL, changed_at TEXT NOT NULL, discarded_at TEXT) WITHOUT ROWID;
"""
