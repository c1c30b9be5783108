"""Wei's tablet and the office it belongs to, for the tests of the field client."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.field_client.office import Office
from tests.field_client.scope import Tablet, stocked_office


@pytest.fixture
def office() -> Office:
    """An office with one order for Wei."""
    return stocked_office()


@pytest.fixture
def empty_tablet(tmp_path: Path, office: Office) -> Iterator[Tablet]:
    """Wei's tablet before its first sync."""
    tablet = Tablet(tmp_path / "device.sqlite")
    tablet.meet(office)
    yield tablet
    tablet.store.close()


@pytest.fixture
def tablet(empty_tablet: Tablet, office: Office) -> Tablet:
    """Wei's tablet with his order on it."""
    empty_tablet.pull_from(office)
    return empty_tablet
