"""Spans, sizes and prices as a person says them, and what people do by the intents of their change-sets."""

from __future__ import annotations

from typing import Final

from pages.language import gettext, ngettext

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


def spell_bytes(count: int) -> str:
    """Return a number of bytes in the unit that suits it."""
    if count < 1000:
        return f"{count} B"
    if count < 1_000_000:
        return f"{count / 1000:.0f} kB"
    return f"{count / 1_000_000:.1f} MB" if count < 1_000_000_000 else f"{count / 1_000_000_000:.1f} GB"


def spell_price(cents: int) -> str:
    """Return a price in yuan."""
    return f"¥{cents / 100:,.2f}"


def name_intent(intent: str) -> str:
    """Return what a person did, by the intent of his change-set; one that is unknown here is shown as it is."""
    return (_name_acts_on_site() | _name_acts_of_office()).get(intent, intent)


def _name_acts_on_site() -> dict[str, str]:
    """Return what engineers do, by intent."""
    return {
        "order.travel": gettext("Set out for the order"),
        "order.arrive": gettext("Arrived on site"),
        "order.hold": gettext("Order put on hold"),
        "order.escalate": gettext("Other support asked for"),
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
        "stock.move": gettext("Stock moved"),
        "photo.add": gettext("Photo taken"),
        "photo.remark": gettext("Photo marked"),
        "fact.withdraw": gettext("Entry withdrawn"),
        "fact.bring_back": gettext("Entry brought back"),
    }


def _name_acts_of_office() -> dict[str, str]:
    """Return what the office does, by intent."""
    return {
        "order.move": gettext("State changed"),
        "order.report": gettext("Findings recorded"),
        "order.update": gettext("Order changed"),
        "order.assign": gettext("Order assigned"),
        "order.unassign": gettext("Assignment taken back"),
        "order.plan": gettext("Visit planned"),
        "order.plan.undo": gettext("Change of the plan taken back"),
        "order.reschedule": gettext("Visit moved"),
        "order.close": gettext("Work accepted"),
        "order.cancel": gettext("Order cancelled"),
        "request.order": gettext("Order made of a request"),
        "review.settle": gettext("Open question settled"),
        "order.pause": gettext("Clock paused"),
        "order.resume": gettext("Clock goes on"),
        "clocks.renew": gettext("Time limits worked out"),
        "warranty.renew": gettext("Warranty worked out"),
        "review.ask": gettext("Engineer asked"),
        "review.postpone": gettext("Decision put off"),
        "review.undo": gettext("Decision taken back"),
        "request.take_in": gettext("Request taken in"),
        "request.add": gettext("Request added to"),
        "request.update": gettext("Request changed"),
        "request.take_up_again": gettext("Request taken up again"),
        "request.duplicate": gettext("Request found to be a duplicate"),
        "request.rate": gettext("Service rated"),
        "stock.receive": gettext("Delivery taken in"),
        "stock.refurbish": gettext("Refurbished parts put on the shelf"),
        "stock.reverse": gettext("Stock move put right"),
        "stock.level": gettext("Stock levels set"),
        "stock.count": gettext("Stock counted"),
        "stock.count_late": gettext("Late moves settled with a count"),
        "demo.create": gettext("Demo data written"),
        "inquiry.answer": gettext("Question of the office answered"),
    }
