"""Telling whether the door took a change-set in."""

from __future__ import annotations

from schemas.problems import Fault, Refused
from sync.receipt import Receipt


def expect_taken_in(answer: Receipt) -> Receipt:
    """Return a receipt whose set took effect, even if some of it waits for a person.

    Raises Refused with the first cause when nothing took effect: the change that is at fault says more than
    the set as a whole.
    """
    if answer.verdict != "refused":
        return answer
    faults = [verdict.fault for verdict in answer.changes if verdict.fault]
    cause = next((fault for fault in faults if fault.code != "set_refused"), answer.fault or Fault("set_refused"))
    raise Refused(cause.code, **cause.facts)
