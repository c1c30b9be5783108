"""Checkpoints are timestamped by a real authority, OpenSSL's; what is no timestamp of theirs is not kept."""

from __future__ import annotations

import subprocess
import threading
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from server.keys import OfficeKey
from server.services.blobs import BlobDesk
from server.services.checkpoint_keeping import keep_checkpoints, stamp_checkpoints
from server.services.dossier import build_dossier
from server.services.dossier_archive import write_archive
from server.services.dossier_entries import Subject
from server.services.office import Office
from server.services.timestamps import Authority, NotStamped, open_authority
from server.settings import read_settings
from server.store.checkpoints import find_newest
from server.store.database import open_engine, reading
from server.store.file_storage import open_files
from server.store.migrate import upgrade
from tests.server.builders import Firm, fitted, open_firm
from verifier.archive import read_archive
from verifier.dossier import Dossier
from verifier.findings import Outcome

CONFIG = """
[tsa]
default_tsa = made_up
[made_up]
serial = serial
default_policy = 1.2.3.4.1
digests = sha256
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
signer_digest = sha256
[stamping]
extendedKeyUsage = critical,timeStamping
keyUsage = critical,digitalSignature
"""


class Stamper:
    """OpenSSL as a timestamping authority behind HTTP."""

    def __init__(self, folder: Path) -> None:
        """Make its keys and certificates."""
        self.folder, self.answer = folder, b""
        (folder / "tsa.cnf").write_text(CONFIG)
        (folder / "serial").write_text("01\n")
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        self.run("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Root", "-days", "2")
        self.run("req", *new, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Stamper")
        signed = (
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-extfile",
            "tsa.cnf",
            "-extensions",
            "stamping",
        )
        self.run("x509", "-req", "-in", "tsa.csr", *signed, "-out", "tsa.pem", "-days", "2")

    def run(self, *words: str) -> str:
        """Run OpenSSL in the folder."""
        done = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def reply(self, query: bytes) -> bytes:
        """Answer a query."""
        (self.folder / "query").write_bytes(query)
        keys = ("-inkey", "tsa.key", "-signer", "tsa.pem")
        self.run("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", *keys, "-out", "reply")
        return (self.folder / "reply").read_bytes()


@pytest.fixture(scope="module")
def stamper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stamper]:
    """An authority that answers on a port of this machine."""
    stamper = Stamper(tmp_path_factory.mktemp("tsa"))

    class Desk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            reply = stamper.answer or stamper.reply(query)
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    stamper.url = f"http://127.0.0.1:{server.server_port}/tsa"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield stamper
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def authority(stamper: Stamper) -> Authority:
    """The authority as the settings name it."""
    stamper.answer = b""
    settings = read_settings({"GONGDAN_TSA_URL": stamper.url, "GONGDAN_TSA_ROOTS": str(stamper.folder / "ca.pem")})
    opened = open_authority(settings.authority)
    assert opened is not None
    return opened


@pytest.fixture
def firm(tmp_path: Path, office_key: OfficeKey) -> Iterator[Firm]:
    """A company in a database of its own: whoever stamps goes through all companies."""
    engine = open_engine(f"sqlite:///{tmp_path / 'stamped.sqlite'}")
    upgrade(engine)
    yield open_firm(engine, Office(engine, office_key))
    engine.dispose()


def test_a_checkpoint_is_timestamped_and_a_dossier_shows_it(
    firm: Firm, office_key: OfficeKey, authority: Authority, stamper: Stamper, tmp_path: Path
) -> None:
    keep_checkpoints(firm.engine, office_key)
    stamp_checkpoints(firm.engine, authority)
    firm.send(firm.wei, fitted(firm.order, firm.company.machine, "B-1"))
    blobs = BlobDesk(firm.engine, open_files(read_settings({"GONGDAN_DATA": str(tmp_path)})), 1_000_000, 24)
    files = read_archive(build_dossier(blobs, office_key, firm.id, Subject("serial", "B-1")).data)

    for name in ("checkpoint", "reply.tsr"):
        (stamper.folder / name).write_bytes(files[f"timestamp/{name}"])
    checked = stamper.run("ts", "-verify", "-in", "reply.tsr", "-data", "checkpoint", "-CAfile", "ca.pem")
    assert "Verification: OK" in checked
    assert stamp_checkpoints(firm.engine, authority) == 0
    good, wrong = Dossier(Outcome("dossier")), Dossier(Outcome("dossier"))
    good.read(write_archive(files))
    assert good.outcome.holds and good.stamped_size > 0
    wrong.read(write_archive(files | {"timestamp/reply.tsr": files["timestamp/reply.tsr"][:50]}))
    assert {"timestamp_wrong", "file_differs"} == {found.code for found in wrong.outcome.findings}


def test_what_is_no_timestamp_of_the_note_is_not_kept(
    firm: Firm, office_key: OfficeKey, authority: Authority, stamper: Stamper
) -> None:
    keep_checkpoints(firm.engine, office_key)
    other = b64decode(authority.stamp("another note"))
    for stamper.answer in (b"no timestamp", other, b"x" * 70_000):
        with pytest.raises(NotStamped):
            authority.stamp("a note")
    away = Authority("http://127.0.0.1:1/", authority.roots)
    with pytest.raises(NotStamped):
        away.stamp("a note")
    with reading(firm.engine) as connection:
        kept = find_newest(connection, firm.id)
    assert kept is not None and kept.timestamp == ""


def test_a_url_needs_the_certificates_to_believe() -> None:
    for values in ({"GONGDAN_TSA_URL": "http://tsa"}, {"GONGDAN_TSA_ROOTS": "x"}, {"GONGDAN_TSA_URL": "tsa"}):
        with pytest.raises(ValueError, match="GONGDAN_TSA_URL"):
            read_settings(values)
    assert open_authority(read_settings({}).authority) is None
