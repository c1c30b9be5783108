"""Several releases at once: clients older and newer than the server, and lenses between them.

Release 1 of this story spells `remedy` as `remedy_text`; the lens from 1 to 2 renames it. Release 3 changes no value:
what matters of it is that a server of release 2 does not know it and holds its sets until it is upgraded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

from schemas.upgrades import LENSES, SCHEMA_VERSION
from server import intake
from tests.simulation.world import World

RENAMED: Final = "remedy"
OLD_NAME: Final = "remedy_text"
NEWEST: Final = 3


def rename_remedy(_kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return values of release 1 as release 2 spells them."""
    return {RENAMED if name == OLD_NAME else name: value for name, value in values.items()}


class Releases:
    """Which release the server runs, and which the devices do; all the one there is, unless the weather is mixed."""

    def __init__(self, world: World) -> None:
        """Begin with the server at release 2 in mixed weather."""
        self.world = world
        self.is_mixed = "new release" in world.weather.shares
        self.server = 2 if self.is_mixed else SCHEMA_VERSION

    def draw_client(self, name: str) -> int:
        """Return the release a device comes with."""
        return self.world.draw("release", name).choice([1, 2, 2, 3]) if self.is_mixed else SCHEMA_VERSION

    def next_client(self, release: int) -> int:
        """Return the release after a device's."""
        return min(release + 1, NEWEST) if self.is_mixed else release

    def upgrade_server(self) -> None:
        """Bring the server to the newest release."""
        if self.is_mixed and self.server < NEWEST:
            self.world.tell("server is upgraded")
            self.server = NEWEST
            intake.SCHEMA_VERSION = NEWEST  # type: ignore[misc]

    def spell_as_newest(self, version: int, values: dict[str, Any]) -> dict[str, Any]:
        """Return values as the newest release spells them: the auditor's own words for the lens."""
        if self.is_mixed and version == 1 and OLD_NAME in values:
            return {name: value for name, value in values.items() if name != OLD_NAME} | {RENAMED: values[OLD_NAME]}
        return values

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Let the server be of its release, with lenses from the older ones."""
        lenses = {1: rename_remedy, 2: lambda _kind, values: values} if self.is_mixed else {}
        with patch.dict(LENSES, lenses), patch.object(intake, "SCHEMA_VERSION", self.server):
            yield
