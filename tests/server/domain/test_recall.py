"""What became of a recalled part, told from what is recorded of it."""

from __future__ import annotations

import pytest

from schemas.recall import HIT, Covered
from server.domain.recall import LINE_STATES, SETTLED, Fitting, Whereabouts, sum_up, tell_state

UNCLEAR = Covered("unclear", "no_batch")
NOWHERE = Whereabouts()
STANDING = Fitting("f", "m", "p", "B1", "S1", "2026-01-01T00:00:00Z", None, None, 1, "", "")
REMOVED = STANDING._replace(removed_at="2026-02-01T00:00:00Z", removal="r")


@pytest.mark.parametrize(
    ("fitting", "covered", "action", "order", "where", "state"),
    [
        (STANDING, HIT, "replace", None, NOWHERE, "open"),
        (STANDING, HIT, "replace", "cancelled", NOWHERE, "open"),
        (STANDING, HIT, "replace", "received", NOWHERE, "ordered"),
        (STANDING, HIT, "stop_use", "sent_back", NOWHERE, "ordered"),
        (STANDING, HIT, "replace", "finished", NOWHERE, "still_in"),
        (STANDING, HIT, "inspect", "finished", NOWHERE, "done"),
        (STANDING, UNCLEAR, "replace", None, NOWHERE, "unclear"),
        (STANDING, UNCLEAR, "replace", "assigned", NOWHERE, "ordered"),
        (STANDING, UNCLEAR, "replace", "closed", NOWHERE, "done"),
        (REMOVED, HIT, "replace", "closed", NOWHERE, "removed"),
        (REMOVED, HIT, "replace", None, Whereabouts("customer"), "removed"),
        (REMOVED, HIT, "replace", None, Whereabouts("scrapped"), "back"),
        (REMOVED, HIT, "replace", None, Whereabouts("unknown", is_found=True), "back"),
        (REMOVED, UNCLEAR, "replace", None, Whereabouts("unknown"), "unclear"),
        (REMOVED, UNCLEAR, "replace", None, Whereabouts("returned"), "back"),
    ],
)
def test_a_part_waits_until_it_is_accounted_for(
    fitting: Fitting, covered: Covered, action: str, order: str | None, where: Whereabouts, state: str
) -> None:
    assert tell_state(fitting, covered, action, order, where) == state


def test_progress_counts_parts_and_machines() -> None:
    progress = sum_up([("m1", "open"), ("m1", "back"), ("m2", "done"), ("m3", "unclear")], 4)

    assert (progress.waiting, progress.machines, progress.waiting_machines, progress.stock) == (2, 3, 2, 4)
    assert progress.share == 50 and set(progress.parts) == set(LINE_STATES) > SETTLED
    assert sum_up([], 0).share == 100
