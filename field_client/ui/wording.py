"""Times and sizes as a person says them: "in 2 h 10 min", "3 min ago", "1.2 MB"."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from jinja2 import Undefined

from field_client.outbox import parse_instant
from field_client.runner import Progress
from field_client.ui.visit import open_desk
from pages.language import gettext
from pages.wording import spell_bytes, spell_span
from schemas.problems import Fault

MINUTE_MS: Final = 60_000


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
