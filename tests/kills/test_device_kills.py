"""A device dies at every step and at any moment; nothing that it acknowledged is lost, and all arrives once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kills.campaign import Campaign, running_campaign
from tests.kills.plants import PLANTS

KILLS = 120
"""`make kills` makes thousands."""

KILLS_TO_FIND = 40


@pytest.fixture(scope="module")
def campaign(watcher: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    """A server, its office, and devices that are killed."""
    with running_campaign(tmp_path_factory.mktemp("campaign"), watcher, seed=1) as campaign:
        yield campaign


def test_a_device_that_is_killed_loses_and_doubles_nothing(campaign: Campaign) -> None:
    report = campaign.kill(KILLS)

    assert report.faults == []
    assert report.kills.total() == KILLS
    assert report.checked >= KILLS
    assert len(report.kills) > KILLS / 3
    assert report.sets > KILLS / 3
    assert report.files > KILLS / 3


@pytest.mark.parametrize("plant", PLANTS)
def test_a_faulty_device_is_found_by_killing_it(campaign: Campaign, plant: str) -> None:
    campaign.report.faults.clear()

    campaign.raise_device(plant.replace(" ", "-"), KILLS_TO_FIND, plant)

    assert PLANTS[plant][2] in " ".join(campaign.report.faults)
