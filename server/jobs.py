"""What time itself brings about: what expired is cleared away, warranties and clocks follow the log, mails come and go.

Every process has the rounds in mind, and whichever comes first does one; that a round is missed or done twice
changes nothing. `gongdan-server tidy` does one of the hourly rounds, for those who prefer a timer of the system's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import tzinfo
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final

from sqlalchemy import Engine

from schemas.problems import Refused
from server.clock import spell_instant, unix_ms
from server.domain.timetable import PLACE_TIME
from server.event_log import EVENTS
from server.keys import OfficeKey
from server.services import gaps, service_clocks, warranty
from server.services.blobs import BlobDesk, clear_uploads, remove_erased
from server.services.checkpoint_keeping import keep_checkpoints, stamp_checkpoints
from server.services.enrolment import remove_expired_codes
from server.services.erasing import Means
from server.services.erasing_again import erase_again
from server.services.erasing_late import name_late
from server.services.invitations import remove_expired_links
from server.services.journal import JOURNAL_DAYS, forget_old_entries
from server.services.log_following import LogPages, read_positions
from server.services.mail_taking import Taker
from server.services.mailbox import MailboxAway, look
from server.services.names import find_organisation
from server.services.notices import Teller
from server.services.office import Office
from server.services.outgoing import send_due
from server.services.timestamps import Authority, NotStamped
from server.settings import Settings
from server.store.blob_files import BlobFiles
from server.store.database import reading
from server.store.ownership import sole

ROUND_EVERY_S: Final = 3600.0
"""What is cleared has been unused for days; an hour more costs nothing."""

RENEW_EVERY_S: Final = 2.0
"""How long warranties and clocks may be behind the log. A look at the end of each log is one short query."""


TELL_EVERY_S: Final = 2.0
"""How long a customer may wait for what is written to him, beside what the mail takes."""


@dataclass(frozen=True, slots=True)
class Tidied:
    """What one round cleared away."""

    uploads: int
    codes: int
    unknown_uploads: int = 0
    incomplete_files: int = 0
    links: int = 0
    journal_entries: int = 0
    checkpoints: int = 0
    """kept, not cleared"""
    erased_files: int = 0
    """whose bytes were left, or had come back"""


@dataclass(slots=True)
class Rounds:
    """Makes a round at once and then every hour, until told to stop."""

    engine: Engine
    files: BlobFiles
    journal_days: int = JOURNAL_DAYS
    key: OfficeKey | None = None
    """Signs the checkpoints that are kept."""
    authority: Authority | None = None
    """Timestamps them."""
    erasures: Path | None = None
    """Where acts of erasing are kept beside the database."""
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Make no further round, and return when the one at work is done."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._erase_again()
                tidied = tidy(self.engine, self.files, self.journal_days, self.key)
            except (Refused, OSError) as error:
                EVENTS.warning("not_tidied", extra={"facts": {"why": str(error)}})
            except Exception:
                # Without its thread the server would go on for months and clear nothing.
                EVENTS.exception("failed")
            else:
                if tidied is not None:
                    EVENTS.info("tidied", extra={"facts": asdict(tidied)})
                    self._stamp()
            self._stopped.wait(ROUND_EVERY_S)

    def _erase_again(self) -> None:
        """Take away once more what a backup has brought back, and see to it that the next one can be told."""
        if self.key is None or self.erasures is None:
            return
        try:
            done = erase_again(Means(self.engine, Office(self.engine, self.key), self.files, self.erasures))
        except (Refused, OSError, ValueError) as error:
            EVENTS.warning("not_erased_again", extra={"facts": {"why": str(error)}})
        else:
            if done:
                EVENTS.warning("erased_again", extra={"facts": {"count": done}})

    def _stamp(self) -> None:
        """Let the newest checkpoints be timestamped; where that fails it is tried again in the next round."""
        if self.authority is None:
            return
        try:
            stamped = stamp_checkpoints(self.engine, self.authority)
        except (NotStamped, Refused) as error:
            EVENTS.warning("not_stamped", extra={"facts": {"why": str(error)}})
        else:
            EVENTS.info("stamped", extra={"facts": {"count": stamped}})


@dataclass(slots=True)
class Followers:
    """Brings warranties and clocks up to date every other second while the logs grow, until told to stop."""

    engine: Engine
    office: Office
    zone: tzinfo = PLACE_TIME
    """In which months are counted: the office's."""
    _followed: dict[str, int] = field(default_factory=dict)
    """organisation -> how far this process has seen to it that somebody looked"""
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="followers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Make no further round, and return when the one at work is done."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def renew(self) -> int:
        """Make one round and return how many records it wrote; none when another process is at it.

        Trouble with one organisation is told in the log and holds up no other. Raises Refused with `database_busy`,
        OSError when a file cannot be written.
        """
        written = 0
        grown = {known: end for known, end in read_positions(self.engine).items() if self._followed.get(known) != end}
        if not grown:
            return 0
        with sole(self.engine, "followers") as is_ours:
            for organisation, end in grown.items() if is_ours else ():
                pages = LogPages(self.engine)
                following = (warranty.renew, service_clocks.renew, partial(gaps.renew, zone=self.zone))
                rounds = (*(partial(renew, pages=pages) for renew in following), name_late)
                outcomes = [self._renew_one(renew, organisation) for renew in rounds]
                written += sum(outcome or 0 for outcome in outcomes)
                if None not in outcomes:
                    # Not the end as it is by then: what came meanwhile is looked at in the next round.
                    self._followed[organisation] = end
        return written

    def _renew_one(self, renew: Callable[[Engine, Office, str], int], organisation: str) -> int | None:
        """Return how many records were written; None when it is to be tried again at once."""
        try:
            return renew(self.engine, self.office, organisation)
        except Refused as refused:
            EVENTS.warning("not_followed", extra={"facts": {"why": str(refused)}})
            return None
        except Exception:
            # A fault of ours: it is tried again when the log grows, not every other second.
            EVENTS.exception("failed", extra={"facts": {"organisation": organisation}})
            return 0

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                written = self.renew()
            except (Refused, OSError) as error:
                EVENTS.warning("not_followed", extra={"facts": {"why": str(error)}})
            except Exception:
                # Without its thread no warranty and no limit would ever move again.
                EVENTS.exception("failed")
            else:
                if written:
                    EVENTS.info("followed", extra={"facts": {"count": written}})
            self._stopped.wait(RENEW_EVERY_S)


@dataclass(slots=True)
class Correspondence:
    """Looks into the mailbox, writes what the log brings about, and sends what waits, until told to stop."""

    engine: Engine
    office: Office
    files: BlobFiles
    settings: Settings
    _organisation: str = ""
    _followed: int = -1
    """how far this process has seen to it that somebody was told"""
    _looked_at: float = float("-inf")
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="correspondence", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Make no further round, and return when the one at work is done."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> dict[str, int]:
        """Look into the mailbox once and return how many mails became what; none where another process is at it.

        Raises MailboxAway, or Refused as taking in does.
        """
        mail = self.settings.mail
        if mail.mailbox is None:
            return {}
        organisation = self._find_organisation()
        with sole(self.engine, "mailbox") as is_ours:
            if not is_ours:
                return {}
            limits = (self.settings.blob_bytes_max, self.settings.upload_hours)
            desk = BlobDesk(self.engine, self.files, *limits, quotas=self.settings.upload_quotas)
            return look(Taker(self.engine, self.office, desk, organisation, mail.sender), mail.mailbox).outcomes

    def tell(self) -> int:
        """Write what the log brings about; return how many notices. Raises Refused as transactions do.

        Also where nothing can be sent: who is told later is not told of what was before.
        """
        organisation, settings = self._find_organisation(), self.settings
        end = read_positions(self.engine)[organisation]
        if self._followed == end:
            return 0
        teller = Teller(self.engine, self.office.key, settings.mail, settings.base_url, organisation, settings.zone)
        written = teller.follow()
        self._followed = end
        return written

    def send(self) -> int:
        """Send what is due; return how much went. Raises Refused as transactions do."""
        return send_due(self.engine, self.office.key, self.settings.mail, self._find_organisation()).sent

    def _find_organisation(self) -> str:
        """Return whose customers these are: address, mailbox and webhooks are one company's."""
        if not self._organisation:
            with reading(self.engine) as connection:
                self._organisation = find_organisation(connection, self.settings.mail.organisation)
        return self._organisation

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._try("told", self.tell)
            self._try("sent", self.send)
            if monotonic() - self._looked_at >= self.settings.mail.every_s:
                self._looked_at = monotonic()
                self._try("mails_taken", self.look)
            self._stopped.wait(TELL_EVERY_S)

    def _try(self, event: str, work: Callable[[], int | dict[str, int]]) -> None:
        """Do one thing; what goes wrong with it is told in the log and holds up nothing else."""
        try:
            done = work()
        except (Refused, OSError, MailboxAway) as error:
            # A server of several companies, or of none yet, has nobody to write for until one is named.
            if isinstance(error, Refused) and error.code == "not_found" and not self.settings.mail.is_used:
                return
            EVENTS.warning("correspondence_delayed", extra={"facts": {"at": event, "why": str(error)}})
        except Exception:
            # One mail or notice that nobody foresaw must not keep all others from going out.
            EVENTS.exception("failed")
        else:
            if done:
                EVENTS.info(event, extra={"facts": done if isinstance(done, dict) else {"count": done}})


def tidy(
    engine: Engine, files: BlobFiles, journal_days: int = JOURNAL_DAYS, key: OfficeKey | None = None
) -> Tidied | None:
    """Make one round and return what was cleared away and kept; None when somebody else is at it.

    Raises Refused with `database_busy` or `disk_full`, OSError when a file cannot be deleted.
    """
    with sole(engine, "rounds") as is_ours:
        if not is_ours:
            return None
        now_ms = unix_ms()
        cleared = clear_uploads(engine, files, now_ms)
        removed = remove_erased(engine, files)
        codes = remove_expired_codes(engine, spell_instant(now_ms))
        links = remove_expired_links(engine, spell_instant(now_ms))
        forgotten = forget_old_entries(engine, journal_days, now_ms)
        kept = keep_checkpoints(engine, key) if key is not None else 0
        return Tidied(cleared.expired, codes, cleared.unknown, cleared.incomplete, links, forgotten, kept, removed)
