"""Personal values stay out of what is signed: the payload holds a commitment to each, the line carries what opens it.

Rule 1: where a field is declared personal, the payload has ``{"~": hash}`` in place of the value. The hash is the
        SHA-256 of ``gongdan-opening``, a line break, the salt (32 hexadecimal digits), a line break and the value's
        canonical JSON. Where the items of a list are declared personal, each item is committed to by itself.
Rule 2: the openings follow the payload behind a tab: canonical JSON {hash: [salt, value]}. Neither the signature nor
        the digest covers them, so that one can be taken away without touching chain, receipts or log.
Rule 3: an opening that was erased is ``{"erased": stand-in}``. Equal values of a field of a record have the same
        stand-in, so that every later decision comes out alike.
Rule 4: every commitment has its own opening and every opening its commitment; else the line is refused.

Source: RFC 9901 (SD-JWT) section 7.1 for what is checked; the salt has 128 bits as its section 9.3 asks.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from schemas import Kind, kind_of
from schemas.base import STAND_IN_PATTERN
from schemas.problems import Refused
from sync import canonical, chain, codec
from sync.chain import Sealed
from sync.changeset import CHANGE_SET_BYTES_MAX, Change, ChangeSet
from sync.codec import ReadCanonical

OPENINGS_BYTES_MAX: Final = CHANGE_SET_BYTES_MAX
"""What was said of persons in the largest set: a job sheet of 60,000 characters, or 200 customers of an import."""

SALT_BYTES: Final = 16
SEAL: Final = "~"
"""The only member of a commitment."""

_DOMAIN: Final = b"gongdan-opening\n"
_MARK: Final = b'{"~":"'
_HASH: Final = re.compile(r"[0-9a-f]{64}\Z").match
_SALT: Final = re.compile(r"[0-9a-f]{32}\Z").match
_STAND_IN: Final = re.compile(STAND_IN_PATTERN).match
_NOTES: Final = frozenset({"erased", "fault", "sha256"})

Chance = Callable[[int], bytes]
"""how many bytes -> as many that nobody can guess"""

Spell = Callable[[Any], bytes]
"""value -> its canonical JSON"""

Opening = Any
"""[salt, value], or {"erased": stand-in} with what was known of the value when it was erased"""

Notes = Mapping[str, str]

_CLOSED: Final = object()
_NOTHING: Final = frozenset[str]()


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A set with its values in place.

    `erased` tells of which fields, by index of the change and name, a value is gone, and what is still known of it:
    ``fault`` is what the schema had against it, ``sha256`` the hash of a job sheet's content that was not as it said.
    """

    changeset: ChangeSet
    erased: Mapping[tuple[int, str], Notes] = field(default_factory=dict)

    def faults_of(self, index: int) -> dict[str, str]:
        """Return what the schema had against the erased values of a change, by field."""
        return {name: notes["fault"] for (at, name), notes in self.erased.items() if at == index and "fault" in notes}


def spell_canonically(value: Any) -> bytes:
    """Return the canonical JSON of a value."""
    return canonical.dump(value).encode("utf-8")


def commit(value: Any, salt: str, spell: Spell = spell_canonically) -> str:
    """Return the hash that commits to a value (rule 1)."""
    return hashlib.sha256(_DOMAIN + salt.encode("ascii") + b"\n" + spell(value)).hexdigest()


def is_stand_in(value: Any) -> bool:
    """Tell whether a value is what stands for an erased text."""
    return isinstance(value, str) and _STAND_IN(value) is not None


def seal(changeset: ChangeSet, sign: chain.Sign, chance: Chance, spell: Spell = spell_canonically) -> Sealed:
    """Sign a set, with commitments in place of what tells of persons, and return it with its openings.

    Raises Refused with `change_set_too_large`.
    """
    hidden, openings = hide(changeset, chance, spell)
    payload = codec.encode(hidden)
    spelled = spell(openings) if openings else None
    if max(len(payload), len(spelled or b"")) > CHANGE_SET_BYTES_MAX:
        raise Refused("change_set_too_large", limit=CHANGE_SET_BYTES_MAX)
    return chain.seal(payload, sign, spelled)


def hide(
    changeset: ChangeSet, chance: Chance, spell: Spell = spell_canonically
) -> tuple[ChangeSet, dict[str, Opening]]:
    """Return a set with commitments in place of what tells of persons, and the openings."""
    openings: dict[str, Opening] = {}

    def close(value: Any) -> Any:
        if value is None:
            return None
        salt = chance(SALT_BYTES).hex()
        digest = commit(value, salt, spell)
        openings[digest] = [salt, value]
        return {SEAL: digest}

    changes = tuple(
        Change(c.kind, c.id, c.op, _close_values(c.kind, c.set, close), _close_values(c.kind, c.was, close))
        for c in changeset.changes
    )
    return (replace(changeset, changes=changes), openings) if openings else (changeset, openings)


def read(sealed: Sealed, read_canonical: ReadCanonical = codec.read_nothing) -> ChangeSet:
    """Return a set with its values in place; raises Refused as `unseal` does."""
    return unseal(sealed, read_canonical).changeset


def unseal(
    sealed: Sealed,
    read_canonical: ReadCanonical = codec.read_nothing,
    spell: Spell = spell_canonically,
    *,
    at_door: bool = False,
) -> Unsealed:
    """Read a set and check its openings; its signature is judged elsewhere.

    `at_door` refuses what nobody writes who begins today: personal values as they are, and erased ones with more than
    a stand-in. Raises Refused with what `codec.decode` raises, `openings_differ`, `commitment_misplaced` or
    `personal_in_plain`.
    """
    changeset = codec.decode(sealed.payload, read_canonical)
    if sealed.openings is None and _MARK not in sealed.payload:
        if at_door:
            _refuse_plain(changeset)
        return Unsealed(changeset)
    openings = _read_openings(sealed.openings, read_canonical)
    for digest, opening in openings.items():
        _check_opening(digest, opening, spell, at_door)
    placing = _Placing(openings, at_door)
    placing.place(changeset)
    if openings:
        raise Refused("openings_differ")
    return Unsealed(changeset, placing.erased)


def read_again(sealed: Sealed, load: Callable[[bytes], Any]) -> Unsealed:
    """Return what `unseal` returned for a line before; `load` reads JSON."""
    changeset = codec.decode_again(sealed.payload, load)
    if sealed.openings is None:
        return Unsealed(changeset)
    placing = _Placing(load(sealed.openings), at_door=False)
    placing.place(changeset)
    return Unsealed(changeset, placing.erased)


def openings_of(sealed: Sealed, load: Callable[[bytes], Any] = canonical.load) -> dict[str, Opening]:
    """Return the openings of a line that was read before."""
    found: dict[str, Opening] = load(sealed.openings) if sealed.openings is not None else {}
    return found


def is_erased(opening: Opening) -> bool:
    """Tell whether an opening was erased."""
    return isinstance(opening, dict)


def replace_openings(sealed: Sealed, stand_ins: Mapping[str, Opening]) -> Sealed:
    """Return the same signed set with some openings replaced; those that it does not have are passed over."""
    openings = openings_of(sealed)
    moved = {digest: opening for digest, opening in stand_ins.items() if digest in openings}
    if not moved:
        return sealed
    return Sealed(sealed.signed + b"\t" + spell_canonically(openings | moved))


def commitments(changeset: ChangeSet) -> Iterator[tuple[Change, str, str, int | None, str]]:
    """Yield where a set, as it is signed, has commitments: change, side (``set`` or ``was``), field, item and hash."""
    for change in changeset.changes:
        for side, values in (("set", change.set), ("was", change.was)):
            for name, value in values.items():
                if (digest := _digest_in(value)) is not None:
                    yield change, side, name, None, digest
                elif isinstance(value, list):
                    for index, item in enumerate(value):
                        if (digest := _digest_in(item)) is not None:
                            yield change, side, name, index, digest


def _close_values(kind_name: str, values: Mapping[str, Any], close: Callable[[Any], Any]) -> Mapping[str, Any]:
    kind = kind_of(kind_name)
    if kind is None or kind.personal.isdisjoint(values):
        return values
    closed = dict(values)
    # In one order: salts are drawn one by one, and a seed that is repeated must give each value the same.
    for name in sorted(kind.personal & values.keys()):
        value = values[name]
        by_item = name in kind.personal_lists and isinstance(value, list)
        closed[name] = [close(item) for item in value] if by_item else close(value)
    return closed


def _refuse_plain(changeset: ChangeSet) -> None:
    for change in changeset.changes:
        kind = kind_of(change.kind)
        if kind is not None:
            for values in (change.set, change.was):
                for name in kind.personal & values.keys():
                    if values[name] is not None and values[name] != []:
                        raise Refused("personal_in_plain", field=name)


def _read_openings(spelled: bytes | None, read_canonical: ReadCanonical) -> dict[str, Opening]:
    if spelled is None:
        raise Refused("openings_differ")
    if len(spelled) > OPENINGS_BYTES_MAX:
        raise Refused("change_set_too_large", limit=OPENINGS_BYTES_MAX)
    document = read_canonical(spelled)
    if document is None:
        document = codec.read_canonically(spelled)
    if not isinstance(document, dict) or not document:
        raise Refused("malformed", detail="openings are one object with at least one member")
    return document


def _check_opening(digest: str, opening: Opening, spell: Spell, at_door: bool) -> None:
    """Raise Refused unless an opening has its form and opens what it is named by."""
    if type(opening) is dict:
        _check_erased(opening, at_door)
        return
    if type(opening) is not list or len(opening) != 2 or type(opening[0]) is not str or not _SALT(opening[0]):
        raise Refused("malformed", detail="an opening is a salt of 32 hex digits and a value")
    value = opening[1]
    if type(value) is not str and canonical.depth(value) > canonical.DEPTH_MAX:
        raise Refused("malformed", detail="nested too deeply")
    if value is None or (type(value) is not str and _is_closed(value)) or commit(value, opening[0], spell) != digest:
        raise Refused("openings_differ")


def _check_erased(opening: Mapping[str, Any], at_door: bool) -> None:
    if "erased" not in opening or not opening.keys() <= _NOTES:
        raise Refused("malformed", detail="an erased opening has the member 'erased'")
    # Whoever hands a set in may say that a value was erased, but not what is to stand there instead.
    if at_door and (len(opening) > 1 or not is_stand_in(opening["erased"])):
        raise Refused("malformed", detail="an erased opening has a stand-in")


def _digest_in(value: Any) -> str | None:
    """Return the hash of a commitment, None for any other value."""
    if type(value) is not dict or len(value) != 1:
        return None
    digest = value.get(SEAL)
    return digest if isinstance(digest, str) and _HASH(digest) else None


def _is_closed(value: Any) -> bool:
    """Tell whether a value is itself a commitment, or a list with one: what is opened is not opened further."""
    return _digest_in(value) is not None or (
        type(value) is list and any(_digest_in(item) is not None for item in value)
    )


class _Placing:
    """Puts values in the place of their commitments, and takes note of those that were erased.

    What it is given has just been read and belongs to nobody yet: it is changed where it lies.
    """

    def __init__(self, openings: dict[str, Opening], at_door: bool) -> None:
        self.openings, self.at_door = openings, at_door
        self.erased: dict[tuple[int, str], dict[str, str]] = {}

    def place(self, changeset: ChangeSet) -> None:
        """Put the values into a set; the openings that were used are gone."""
        for index, change in enumerate(changeset.changes):
            kind = kind_of(change.kind)
            for values, at in ((change.set, index), (change.was, None)):
                if values:
                    self._place_side(kind, cast("dict[str, Any]", values), at)

    def _place_side(self, kind: Kind | None, values: dict[str, Any], index: int | None) -> None:
        personal = _NOTHING if kind is None else kind.personal
        for name, value in values.items():
            if value is None or (name not in personal and type(value) is not dict and type(value) is not list):
                continue
            if kind is not None and name not in personal and name in kind.rules:
                if _digest_in(value) is not None:
                    raise Refused("commitment_misplaced", field=name)
                continue
            found = self._open(value, None if index is None else (index, name))
            if found is not _CLOSED:
                values[name] = found
            elif self.at_door and name in personal and value != []:
                raise Refused("personal_in_plain", field=name)

    def _open(self, value: Any, place: tuple[int, str] | None) -> Any:
        """Return the value that a commitment, or a list of them, stands for; _CLOSED when it is none."""
        if type(value) is dict:
            digest = value.get(SEAL)
            return self._take(digest, place) if len(value) == 1 and type(digest) is str else _CLOSED
        if type(value) is list and all(_digest_in(item) is not None for item in value):
            return [self._open(item, place) for item in value]
        return _CLOSED

    def _take(self, digest: str, place: tuple[int, str] | None) -> Any:
        opening = self.openings.pop(digest, None)
        if opening is None:
            if _HASH(digest) is None:
                return _CLOSED
            raise Refused("openings_differ")
        if type(opening) is list:
            return opening[1]
        if place is not None:
            notes = {name: str(note) for name, note in opening.items() if name != "erased"}
            self.erased.setdefault(place, {}).update(notes)
        return opening["erased"]
