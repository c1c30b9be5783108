"""Times and sizes as a person says them: "in 2 h 10 min", "3 min ago", "1.2 MB"."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from jinja2 import Undefined

from field_client.outbox import parse_instant
from field_client.runner import Progress
from field_client.ui.language import gettext, ngettext
from field_client.ui.visit import open_desk
from schemas.problems import Fault

MINUTE_MS: Final = 60_000
HOUR_MIN: Final = 60
DAY_MIN: Final = 24 * 60


def spell_span(minutes: int) -> str:
    """Return a length of time in its two largest units."""
    if minutes >= 2 * DAY_MIN:
        return ngettext("%(num)s day", "%(num)s days", minutes // DAY_MIN)
    if minutes >= HOUR_MIN:
        hours, rest = divmod(minutes, HOUR_MIN)
        return gettext("%(hours)s h %(rest)s min", hours=hours, rest=rest)
    return gettext("%(minutes)s min", minutes=minutes)


def spell_left(instant: str) -> str:
    """Return how long it is until a limit, or by how much it has passed."""
    left = (parse_instant(instant) - parse_instant(open_desk().bench.now())) // MINUTE_MS
    span = spell_span(abs(left))
    return gettext("%(span)s left", span=span) if left >= 0 else gettext("%(span)s over", span=span)


def spell_ago(instant: str | Undefined | None) -> str:
    """Return how long ago something was by the device's own clock."""
    if not instant:
        return gettext("never")
    minutes = (open_desk().outbox.now() - parse_instant(instant)) // MINUTE_MS
    return gettext("just now") if minutes < 1 else gettext("%(span)s ago", span=spell_span(minutes))


def spell_moment(instant: str | Undefined | None) -> str:
    """Return a moment in the device's own zone: the time alone today, else with the day; a dash where there is none.

    A template finds no field at all (Undefined) where a record was made without it.
    """
    if not instant:
        return "—"
    at, today = datetime.fromisoformat(instant).astimezone(), datetime.fromisoformat(open_desk().bench.now())
    return f"{at:%H:%M}" if at.date() == today.astimezone().date() else f"{at:%m-%d %H:%M}"


def spell_bytes(count: int) -> str:
    """Return a number of bytes in the unit that suits it."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def spell_price(cents: int) -> str:
    """Return a price in yuan."""
    return f"¥{cents / 100:,.2f}"


def name_intent(intent: str) -> str:
    """Return what a person did, by the intent of his change-set; one that is unknown here is shown as it is."""
    return {
        "order.travel": gettext("Set out for the order"),
        "order.arrive": gettext("Arrived on site"),
        "order.hold": gettext("Order put on hold"),
        "order.put_back": gettext("Order planned again"),
        "order.undo": gettext("Act taken back"),
        "order.start": gettext("Work started"),
        "order.finish": gettext("Work finished"),
        "order.create": gettext("Order created"),
        "request.create": gettext("Request taken down"),
        "return.pack": gettext("Return packed"),
        "training.record": gettext("Training recorded"),
        "training.sign": gettext("Training signed"),
        "order.findings": gettext("Findings recorded"),
        "order.sign": gettext("Sheet signed"),
        "check.record": gettext("Check recorded"),
        "part.fit": gettext("Part fitted"),
        "part.choose": gettext("Customer's choice of part recorded"),
        "stock.move": gettext("Van stock moved"),
        "photo.add": gettext("Photo taken"),
        "photo.remark": gettext("Photo marked"),
        "fact.withdraw": gettext("Entry withdrawn"),
        "fact.bring_back": gettext("Entry brought back"),
    }.get(intent, intent)


def advise(fault: Fault) -> str:
    """Return what a person does about a refusal."""
    return {
        "never": gettext(
            "It stays recorded here and at the office. Look at the order and record it again as it should be."
        ),
        "later": gettext("It is sent again by itself."),
        "after_pull": gettext("Look at the order as it stands and decide again."),
        "ask_person": gettext("Call the dispatcher. What you recorded is kept."),
    }[fault.problem.retry]


def spell_progress(progress: Progress | None) -> str:
    """Return how far a sync is, in entries, records or bytes."""
    if progress is None:
        return gettext("Reaching the server …")
    spell = spell_bytes if progress.step in ("files", "fetch") else "{:,}".format
    done, of = spell(progress.done), "" if progress.of is None else spell(progress.of)
    step = {
        "push": gettext("Entries sent"),
        "pull": gettext("Changes received"),
        "repair": gettext("Records put right"),
        "files": gettext("Files sent"),
        "fetch": gettext("Manuals received"),
    }[progress.step]
    return f"{step}: {done} / {of}" if of else f"{step}: {done}"
