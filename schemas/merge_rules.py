"""How two concurrent edits of one field become one value, or a question to a person."""

from enum import Enum


class MergeRule(Enum):
    """What happens when office and field both moved the same field away from the value they had seen.

    Edits of different fields never meet, whatever their rules.
    """

    ASK = "ask"
    """A person decides; the value already on the server stays visible meanwhile and both are kept."""

    LATEST = "latest"
    """The later edit by hybrid clock stands, ties by device id. Never for serials, batches or signed content."""

    EARLIEST = "earliest"
    """Times of what happens once: the earliest time anybody gave stands. A time gives way to no time only for somebody
    who saw it."""

    UNION = "union"
    """A set: what either side added is in, what either side removed is out."""

    OFFICE = "office"
    """Only the server side writes it; a device that tries is refused."""

    FROZEN = "frozen"
    """Set once; a second, different value is a question to a person."""


ASK = MergeRule.ASK
LATEST = MergeRule.LATEST
EARLIEST = MergeRule.EARLIEST
UNION = MergeRule.UNION
OFFICE = MergeRule.OFFICE
FROZEN = MergeRule.FROZEN
