"""What is typed and not yet done stays on the device."""

import pytest

from field_client.drafts import (
    DRAFT_BYTES_MAX,
    DRAFTS_MAX,
    discard_draft,
    list_drafts,
    read_draft,
    restore_draft,
    save_draft,
)
from schemas.problems import Refused
from tests.field_client.scope import Tablet

NOW = "2026-11-21T08:00:00.000Z"


def test_the_last_state_of_a_form_is_kept(tablet: Tablet) -> None:
    save_draft(tablet.store, "order:1:findings", {"remedy": ["换"]}, NOW)
    save_draft(tablet.store, "order:1:findings", {"remedy": ["更换"], "result": ["solved"]}, NOW)

    assert read_draft(tablet.store, "order:1:findings") == {"remedy": ["更换"], "result": ["solved"]}
    assert read_draft(tablet.store, "order:2:findings") == {}
    assert list_drafts(tablet.store) == ["order:1:findings"]


def test_a_draft_put_away_can_be_brought_back(tablet: Tablet) -> None:
    save_draft(tablet.store, "a", {"x": ["1"]}, NOW)

    assert discard_draft(tablet.store, "a", NOW)
    assert not discard_draft(tablet.store, "a", NOW)
    assert read_draft(tablet.store, "a") == {}
    assert restore_draft(tablet.store, "a")
    assert read_draft(tablet.store, "a") == {"x": ["1"]}
    assert not restore_draft(tablet.store, "b")


def test_typing_again_after_putting_away_begins_anew(tablet: Tablet) -> None:
    save_draft(tablet.store, "a", {"x": ["1"]}, NOW)
    discard_draft(tablet.store, "a", NOW)
    save_draft(tablet.store, "a", {"x": ["2"]}, NOW)

    assert read_draft(tablet.store, "a") == {"x": ["2"]}


def test_a_form_that_is_too_long_is_refused_and_the_last_one_stays(tablet: Tablet) -> None:
    save_draft(tablet.store, "a", {"x": ["1"]}, NOW)

    with pytest.raises(Refused, match="draft_too_large"):
        save_draft(tablet.store, "a", {"x": ["1" * DRAFT_BYTES_MAX]}, NOW)

    assert read_draft(tablet.store, "a") == {"x": ["1"]}


def test_what_was_put_away_long_ago_goes_and_what_stands_stays(tablet: Tablet) -> None:
    save_draft(tablet.store, "stays", {"x": ["1"]}, NOW)
    for number in range(DRAFTS_MAX + 3):
        save_draft(tablet.store, f"k{number}", {"x": ["1"]}, NOW)
        discard_draft(tablet.store, f"k{number}", f"2026-11-21T08:00:{number // 60:02d}.{number % 60:03d}Z")
    save_draft(tablet.store, "last", {"x": ["1"]}, NOW)

    assert not restore_draft(tablet.store, "k0")
    assert restore_draft(tablet.store, f"k{DRAFTS_MAX + 2}")
    assert read_draft(tablet.store, "stays") == {"x": ["1"]}
