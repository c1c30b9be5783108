"""Telling customers of a recall by mail, each address once, and again of what was added.

Source: handbook C2.4 (every change in advance).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine

from schemas.problems import Refused
from schemas.recall import ACTION_LABELS
from server.domain.catalogue import title_of
from server.domain.recall import SETTLED
from server.domain.request_match import fold_email
from server.services.outgoing import queue_mail
from server.services.recalls_read import Affected, KnownRecall, Line, find_recall, read_affected
from server.store import outbox, records
from server.store.database import transact

MACHINES_NAMED = 30
"""Of one customer in one letter; of the others their number is told."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What went to a customer: the address, and how far it has come: ``waiting``, ``sending``, ``sent``, ``failed``."""

    recipient: str
    state: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Written:
    """What one act of writing did: how many letters, and customers without an address that can be written to."""

    letters: int
    unreachable: int


def list_letters(connection: Connection, organisation: str, recall: str) -> dict[str, Letter]:
    """Return what went out about a recall, by address."""
    rows = outbox.list_thread(connection, organisation, recall)
    return {row["recipient"]: Letter(row["recipient"], row["state"], row["created_at"]) for row in rows}


def write_letters(engine: Engine, organisation: str, recall: str) -> Written:
    """Let a letter go to every customer with a part that waits and of which he was not told; return what was done.

    Who was told hears again only of what was added to the recall since. Raises Refused with `not_found`, or
    `recall_ended` when the recall is not open.
    """

    def work(connection: Connection) -> Written:
        known = find_recall(connection, organisation, recall)
        if known.body["state"] != "open":
            raise Refused("recall_ended", number=known.body["number"], state=known.body["state"])
        affected = read_affected(connection, organisation, known)
        told = list_letters(connection, organisation, recall)
        letters = unreachable = 0
        for customer, lines in _waiting_by_customer(affected).items():
            found = records.body_of(connection, organisation, customer)
            address = fold_email((found[1] if found else {}).get("email") or "")
            untold = [line for line in lines if not _is_told(line, told.get(address))]
            if not untold:
                continue
            bodies = records.bodies_of(connection, organisation, {line.fitting.machine for line in untold})
            machines = sorted({title_of(*body) for body in bodies.values()})
            subject, text = spell_letter(known, machines)
            is_queued = bool(address) and queue_mail(
                connection, organisation, address, subject, text, recall, known.end
            )
            letters, unreachable = letters + is_queued, unreachable + (not is_queued)
        return Written(letters, unreachable)

    return transact(engine, work)


def spell_letter(known: KnownRecall, machines: Sequence[str]) -> tuple[str, str]:
    """Return subject and text of a letter, in both languages, about some machines."""
    body: Mapping[str, Any] = known.body
    zh, en = ACTION_LABELS[body["action"]]
    named = "\n".join(f"  {serial}" for serial in machines[:MACHINES_NAMED])
    left = len(machines) - MACHINES_NAMED
    more = f"\n  … (+{left})" if left > 0 else ""
    subject = f"[{body['number']}] 备件召回通知 / Recall of a part: {body['name']}"
    text = (
        f"您的以下设备装有被召回的备件，我们会与您联系安排处理（{zh}）：\n"
        f"Your machines below hold a part that is recalled; we will call you to arrange what is to be done ({en}):\n\n"
        f"{named}{more}\n\n原因 / Reason: {body['reason']}\n"
    )
    return subject, text + (f"\n{body['instructions']}\n" if body.get("instructions") else "")


def _is_told(line: Line, letter: Letter | None) -> bool:
    """Tell whether a letter that went out was written when the recall named a part already."""
    return letter is not None and (line.named_at is None or line.named_at <= letter.created_at)


def _waiting_by_customer(affected: Affected) -> dict[str, list[Line]]:
    """Return what waits at each customer for sure; what only cannot be excluded alarms nobody."""
    found: dict[str, list[Line]] = {}
    for line in affected.lines:
        if line.customer and line.covered.cover == "hit" and line.state not in SETTLED:
            found.setdefault(line.customer, []).append(line)
    return dict(sorted(found.items()))
