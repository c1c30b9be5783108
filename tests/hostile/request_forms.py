"""How the tests spell an honest request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class Form(dict[str, str]):
    """The fields of a form of our pages, as a browser sends it that says where it comes from."""


@dataclass(frozen=True)
class Request:
    """What an honest request to a route looks like; names in angle brackets stand for ids of our company."""

    path: str
    body: Any = None
    """A text or dictionary for JSON, bytes as they are, or a Form."""
    headers: dict[str, str] = field(default_factory=dict)
    names_ours: bool = False
    """It names something of our company, which to anybody else is not there."""
