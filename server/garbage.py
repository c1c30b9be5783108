"""How often Python looks for cyclic garbage in a process of the server."""

from __future__ import annotations

import gc
from typing import Final

GARBAGE_OBJECTS: Final = 50_000
"""Objects made, less those freed, between two looks of the collector: about 10 MB."""


def spare_the_collector() -> None:
    """Let the collector of cyclic garbage pass over what stays for ever, and look less often at what does not.

    A group of change-sets makes tens of thousands of objects that live until its commit; at Python's own setting
    the collector walks through all of them, and the libraries, again and again: a tenth of the CPU of a bulk push.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)
