"""What becomes of one mail: a request, an addition to one, or nothing, exactly once.

Rule 1: a mail is known by its Message-ID; that it was taken is written in the transaction that takes it.
Rule 2: it belongs to a request when it answers a mail of ours or one that was taken in; a number in its subject counts
        only from the address that the request came from, since numbers can be guessed.
Rule 3: no mail stops those behind it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import Connection, Engine

from schemas.problems import Refused
from schemas.request import NOTES_MOST
from server.clock import utc_now
from server.domain.request_match import fold_email
from server.domain.trace import fold
from server.event_log import EVENTS
from server.keys import OfficeKey
from server.services import requests as request_service
from server.services.blobs import BlobDesk
from server.services.mail_reading import Mail, lines_of
from server.services.office import Office
from server.services.request_files import keep_bytes
from server.services.requests import NewNote
from server.store import board, outbox, records, requests, watermarks
from server.store.database import reading, transact
from server.store.devices import read_organisation

SYMPTOM_MOST: Final = 4000
WORDS_MOST: Final = 8000
UNREADABLE: Final = {
    "zh": "（邮件无法读取或太大，请联系发件人。{why}）",
    "en": "(The mail could not be read or is too large; ask its sender. {why})",
}

_NUMBER: Final = re.compile(rf"{request_service.NUMBER_PREFIX}\d{{6,11}}").findall
_OURS: Final = re.compile(r"<([0-9a-f]{32})\.([0-9a-f]{12})@").match
_LIKE_OURS: Final = re.compile(r"<[0-9a-f.]{45}@[^>]{1,80}>").findall
_SERIAL: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{4,59}").findall


@dataclass(frozen=True, slots=True)
class Taker:
    """Takes the mails of one mailbox in for one organisation."""

    engine: Engine
    office: Office
    blobs: BlobDesk
    organisation: str
    sender: str
    """the address our own mails come from"""

    def take(self, mail: Mail, mark: tuple[str, int]) -> str:
        """Take a mail in and return what it became: ``request``, ``addition``, ``automatic``, ``own``, ``known``.

        `mark` is the watermark that moves with it. Raises Refused with `database_busy`, `disk_full` or
        `file_storage_away`: then nothing was taken, and it is tried again.
        """
        with reading(self.engine) as connection:
            known = requests.find_mail(connection, self.organisation, mail.digest)
            actor = read_organisation(connection, self.organisation).office_person
            thread = None if known else self._find_thread(connection, mail)
        if known:
            return self._pass(mail, "known", mark)
        if self._settle_own(mail):
            return self._pass(mail, "own", mark)
        if mail.is_automatic or not mail.sender or fold_email(mail.sender) == fold_email(self.sender):
            self._note_bounce(mail)
            return self._pass(mail, "automatic", mark)
        try:
            return self._take(mail, mark, actor, thread)
        except Refused as refused:
            if refused.fault.problem.retry == "later":
                raise
            # A mail that nothing can be made of must not be met again for ever, nor hold up the next.
            EVENTS.error("mail_not_taken", extra={"facts": {"why": refused.code, "digest": mail.digest}})
            return self._pass(mail, "refused", mark)

    def _take(self, mail: Mail, mark: tuple[str, int], actor: str, thread: str | None) -> str:
        text = mail.text if not mail.problem else UNREADABLE[mail.language].format(why=mail.problem)
        notes = self._keep_files(mail)
        if thread is not None and self._has_room(thread, len(notes) + 1):
            own = "\n".join(lines_of(text)).strip() or text
            words = NewNote(own[:WORDS_MOST] or mail.subject or None, channel="email")
            beside = partial(self._keep, mail=mail, outcome="addition", mark=mark)
            add = (self.engine, self.office, self.organisation, actor, thread)
            request_service.add_notes(*add, [words, *notes], lambda c, r: beside(c, request=r))
            return "addition"
        given = {
            "channel": "email",
            "language": mail.language,
            "contact": mail.sender_name or None,
            "email": mail.sender,
            "symptom": "\n".join(filter(None, (mail.subject, text)))[:SYMPTOM_MOST],
            "machine_id": self._find_machine(f"{mail.subject}\n{text[:SYMPTOM_MOST]}"),
        }
        if len(text) > SYMPTOM_MOST:
            notes = [NewNote(text[:WORDS_MOST], channel="email"), *notes]
        beside = partial(self._keep, mail=mail, outcome="request", mark=mark)
        take_in = (self.engine, self.office, self.organisation, actor, given, notes)
        request_service.take_in(*take_in, beside=lambda c, r: beside(c, request=r))
        return "request"

    def _keep(
        self, connection: Connection, *, request: str | None, mail: Mail, outcome: str, mark: tuple[str, int]
    ) -> None:
        now = utc_now()
        message_id = mail.message_id[:300] if mail.message_id else None
        requests.keep_mail(connection, self.organisation, mail.digest, request, outcome, message_id, now)
        watermarks.keep_mark(connection, self.organisation, *mark)

    def _pass(self, mail: Mail, outcome: str, mark: tuple[str, int]) -> str:
        def work(connection: Connection) -> None:
            if requests.find_mail(connection, self.organisation, mail.digest) is None:
                self._keep(connection, request=None, mail=mail, outcome=outcome, mark=mark)
            watermarks.keep_mark(connection, self.organisation, *mark)

        transact(self.engine, work, is_repeatable=True)
        return outcome

    def _keep_files(self, mail: Mail) -> list[NewNote]:
        notes = []
        for file in mail.files:
            sha256 = self._keep_file(file.data)
            named = (file.name, file.media_type, len(file.data))
            notes.append(NewNote(None, sha256, *named, channel="email"))
        return notes

    def _keep_file(self, data: bytes) -> str:
        """Store a file and return its SHA-256; one that was erased is only named, and holds no mail up."""
        try:
            return keep_bytes(self.engine, self.blobs, self.organisation, data)
        except Refused as refused:
            if refused.code != "file_erased":
                raise
            return hashlib.sha256(data).hexdigest()

    def _has_room(self, request: str, more: int) -> bool:
        with reading(self.engine) as connection:
            there = len(board.list_followers(connection, self.organisation, request, NOTES_MOST))
        return there + more <= NOTES_MOST

    def _find_thread(self, connection: Connection, mail: Mail) -> str | None:
        for named in reversed(mail.references):
            ours = read_message_id(self.office.key, named)
            row = outbox.find(connection, self.organisation, ours) if ours else None
            if row is not None and row["thread"]:
                return str(row["thread"])
            digest = hashlib.sha256(named.encode("utf-8", "replace")).hexdigest()
            theirs = requests.find_mail(connection, self.organisation, digest)
            if theirs is not None and theirs[0]:
                return theirs[0]
        for number in _NUMBER(mail.subject)[:3]:
            request = requests.find_by_number(connection, self.organisation, number)
            found = records.body_of(connection, self.organisation, request) if request else None
            if found and fold_email(found[1].get("email") or "") == fold_email(mail.sender):
                return request
        return None

    def _find_machine(self, text: str) -> str | None:
        """Return the machine whose serial number a text names, when it is exactly one."""
        words = {fold(word) for word in _SERIAL(text) if any(sign.isdigit() for sign in word)}
        if not words:
            return None
        with reading(self.engine) as connection:
            machines = records.bodies_of_kind(connection, self.organisation, "machine")
            named = [machine for machine, body in machines if fold(body["serial"]) in words]
        return named[0] if len(named) == 1 else None

    def _settle_own(self, mail: Mail) -> bool:
        """Tell whether a mail is the copy of one of ours: the relay has taken it, whatever we heard of it."""
        ours = read_message_id(self.office.key, mail.message_id or "")
        if ours is None:
            return False

        def work(connection: Connection) -> None:
            row = outbox.find(connection, self.organisation, ours)
            if row is not None and row["state"] in ("waiting", "sending"):
                outbox.settle(connection, self.organisation, ours, "sent", utc_now())

        transact(self.engine, work, is_repeatable=True)
        return True

    def _note_bounce(self, mail: Mail) -> None:
        """Note that a mail of ours did not arrive, where a report names it (RFC 3464)."""
        if not mail.is_bounce:
            return
        told = "\n".join((*mail.references, mail.text, *(_head_of(file.data) for file in mail.files)))
        named = {read_message_id(self.office.key, spelled) for spelled in _LIKE_OURS(told)}

        def work(connection: Connection) -> None:
            for ours in sorted(filter(None, named)):
                if outbox.find(connection, self.organisation, ours) is not None:
                    outbox.settle(connection, self.organisation, ours, "failed", utc_now(), "bounced")

        transact(self.engine, work, is_repeatable=True)


def spell_message_id(key: OfficeKey, outgoing: str, domain: str) -> str:
    """Return the Message-ID of a mail of ours: nobody else can make one, and a second sending has the same."""
    return f"<{uuid.UUID(outgoing).hex}.{_seal(key, outgoing)}@{domain}>"


def read_message_id(key: OfficeKey, spelled: str) -> str | None:
    """Return which mail of ours a Message-ID names, None when it is no mail of ours."""
    found = _OURS(spelled)
    outgoing = str(uuid.UUID(found[1])) if found else ""
    return outgoing if found and hmac.compare_digest(found[2], _seal(key, outgoing)) else None


def _seal(key: OfficeKey, outgoing: str) -> str:
    return hmac.new(key.token_secret, f"mail\n{outgoing}".encode(), hashlib.sha256).hexdigest()[:12]


def _head_of(data: bytes) -> str:
    return data[:20_000].decode("latin-1")
