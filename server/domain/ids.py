"""What can name a record: devices hand in anything, also where an id belongs."""

from __future__ import annotations

import re
from typing import Final, TypeGuard

from schemas.base import UUID_PATTERN

_ID: Final = re.compile(UUID_PATTERN)


def is_id(value: object) -> TypeGuard[str]:
    """Tell whether a value can name a record; a database may not even be able to hold it otherwise."""
    return isinstance(value, str) and _ID.match(value) is not None
