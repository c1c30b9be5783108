"""The device's keys open with the PIN alone, survive its change, and slow down whoever guesses."""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_client import keys
from field_client.keys import Keyring, WrongPins
from field_client.problems import MediaProblem

WEIS_PIN = "246810"
MALLORYS_GUESS = "000000"
NOON = 1_795_000_000
NONCE = bytes(keys.FILE_NONCE_BYTES)


@pytest.fixture(scope="module")
def sealed() -> bytes:
    return keys.create_keyring(WEIS_PIN)[1]


@pytest.fixture
def keyring_file(tmp_path: Path, sealed: bytes) -> Path:
    path = tmp_path / "keyring.json"
    keys.save_keyring(path, sealed)
    return path


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(MediaProblem) as refusal:
        act()
    return refusal.value.code


def test_the_pin_opens_the_same_keys_again() -> None:
    made, sealed = keys.create_keyring(WEIS_PIN)

    opened = keys.open_keyring(sealed, WEIS_PIN)

    assert opened.public_key == made.public_key
    assert opened.database_key == made.database_key
    assert opened.open_chunk(NONCE, 0, True, made.seal_chunk(NONCE, 0, True, b"x", b""), b"") == b"x"


def test_a_wrong_pin_opens_nothing(sealed: bytes) -> None:
    assert code_of(lambda: keys.open_keyring(sealed, MALLORYS_GUESS)) == "pin_wrong"


def test_full_width_digits_are_the_same_pin(sealed: bytes) -> None:
    assert keys.open_keyring(sealed, "２４６８１０").public_key == keys.open_keyring(sealed, WEIS_PIN).public_key


def test_every_device_has_its_own_keys() -> None:
    first, second = Keyring(bytes(32)), Keyring(bytes([1]) * 32)

    assert first.public_key != second.public_key
    assert len({first.database_key, second.database_key, first.public_key.hex()}) == 3


def test_a_changed_pin_opens_the_same_keys_and_the_old_one_does_not(sealed: bytes) -> None:
    changed = keys.change_pin(sealed, WEIS_PIN, "1357911")

    assert keys.open_keyring(changed, "1357911").public_key == keys.open_keyring(sealed, WEIS_PIN).public_key
    assert code_of(lambda: keys.open_keyring(changed, WEIS_PIN)) == "pin_wrong"


@pytest.mark.parametrize("pin", ["", "12345", "x" * 65])
def test_a_pin_too_short_or_too_long_is_refused(pin: str) -> None:
    assert code_of(lambda: keys.create_keyring(pin)) == "value_invalid"


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: b"[]",
        lambda text: b"\xff\xfe",
        lambda text: text.replace(b"argon2id", b"scrypt"),
        lambda text: text.replace(b'"memory_kib": 65536', b'"memory_kib": 99999999'),
        lambda text: text.replace(b'"time_cost": 3', b'"time_cost": "3"'),
        lambda text: text.replace(b'"wrapped": "', b'"wrapped": "zz'),
    ],
)
def test_a_damaged_keyring_is_named_as_such(sealed: bytes, damage: Callable[[bytes], bytes]) -> None:
    assert code_of(lambda: keys.open_keyring(damage(sealed), WEIS_PIN)) == "keyring_damaged"


def test_neither_the_pin_nor_a_key_is_written_down(sealed: bytes) -> None:
    opened = keys.open_keyring(sealed, WEIS_PIN)

    assert WEIS_PIN.encode() not in sealed
    assert opened.database_key.encode() not in sealed
    assert json.loads(sealed)["kdf"]["memory_kib"] == keys.ARGON2_MEMORY_KIB


def test_a_signature_is_the_devices_over_that_message_only() -> None:
    wei, lin = Keyring(bytes(32)), Keyring(bytes([1]) * 32)
    signature = wei.sign(b"part fitted")

    assert keys.verify(wei.public_key, b"part fitted", signature)
    assert not keys.verify(wei.public_key, b"part removed", signature)
    assert not keys.verify(lin.public_key, b"part fitted", signature)
    assert not keys.verify(b"short", b"part fitted", signature)
    assert not keys.verify(wei.public_key, b"part fitted", signature[:-1])


@given(
    plain=st.binary(max_size=300), number=st.integers(0, 2**32 - 1), last=st.booleans(), bound=st.binary(max_size=40)
)
def test_a_chunk_opens_only_where_it_was_sealed(plain: bytes, number: int, last: bool, bound: bytes) -> None:
    keyring = Keyring(bytes(32))
    chunk = keyring.seal_chunk(NONCE, number, last, plain, bound)

    assert keyring.open_chunk(NONCE, number, last, chunk, bound) == plain
    elsewhere = [
        (NONCE, (number + 1) % 2**32, last, chunk, bound),
        (NONCE, number, not last, chunk, bound),
        (NONCE, number, last, chunk, bound + b"."),
        (NONCE[:-1] + b"\1", number, last, chunk, bound),
        (NONCE, number, last, chunk[:-1] + bytes([chunk[-1] ^ 1]), bound),
    ]
    for arguments in elsewhere:
        with pytest.raises(ValueError, match="not what was sealed"):
            keyring.open_chunk(*arguments)


def test_a_few_slips_cost_nothing_and_then_each_costs_twice_as_much() -> None:
    waits = [WrongPins(count, NOON).find_wait_s(NOON) for count in range(12)]

    assert waits == [0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert WrongPins(3, NOON).find_wait_s(NOON + 29) == 1
    assert WrongPins(3, NOON).find_wait_s(NOON + 30) == 0


def test_a_clock_set_back_does_not_lock_the_device_for_longer() -> None:
    assert WrongPins(3, NOON).find_wait_s(NOON - 3 * 86_400) == 30


def test_wrong_pins_are_counted_in_the_file_and_even_the_right_one_waits(keyring_file: Path) -> None:
    for _ in range(3):
        assert code_of(lambda: keys.unlock(keyring_file, MALLORYS_GUESS, NOON)) == "pin_wrong"

    with pytest.raises(MediaProblem) as refusal:
        keys.unlock(keyring_file, WEIS_PIN, NOON + 10)

    assert refusal.value.code == "too_many_attempts"
    assert refusal.value.fault.facts == {"seconds": 20}


def test_the_right_pin_clears_the_count(keyring_file: Path) -> None:
    assert code_of(lambda: keys.unlock(keyring_file, MALLORYS_GUESS, NOON)) == "pin_wrong"
    assert keys.count_wrong_pins(keyring_file.read_bytes()) == WrongPins(1, NOON)

    keys.unlock(keyring_file, WEIS_PIN, NOON)

    assert keys.count_wrong_pins(keyring_file.read_bytes()).count == 0


def test_a_keyring_file_is_its_owners_alone_and_leaves_nothing_beside(keyring_file: Path) -> None:
    assert keyring_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in keyring_file.parent.iterdir()] == ["keyring.json"]


@pytest.mark.parametrize("act", ["unlock", "save"])
def test_what_a_killed_process_left_beside_the_keyring_is_destroyed(
    keyring_file: Path, sealed: bytes, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed, pytest.raises(SystemExit):
        killed.setattr(Path, "replace", sys.exit)
        keys.save_keyring(keyring_file, sealed)
    (draft,) = keyring_file.parent.glob(".*")
    draft.rename(draft.with_suffix(".1"))
    held = keyring_file.parent / "copy"
    held.hardlink_to(draft.with_suffix(".1"))

    if act == "unlock":
        keys.unlock(keyring_file, WEIS_PIN, NOON)
    else:
        keys.save_keyring(keyring_file, sealed)

    assert list(keyring_file.parent.glob(".*")) == []
    assert held.read_bytes() != sealed and len(held.read_bytes()) == len(sealed)
    keys.unlock(keyring_file, WEIS_PIN, NOON)


def test_processes_that_save_a_keyring_at_once_leave_one_whole(keyring_file: Path, sealed: bytes) -> None:
    with ProcessPoolExecutor(4) as pool:
        assert list(pool.map(keys.save_keyring, [keyring_file] * 40, [sealed] * 40)) == [None] * 40

    assert keyring_file.read_bytes() == sealed
    assert [path.name for path in keyring_file.parent.iterdir()] == ["keyring.json"]


def test_an_erased_keyring_is_gone(keyring_file: Path) -> None:
    keys.erase_keyring(keyring_file)
    keys.erase_keyring(keyring_file)

    assert code_of(lambda: keys.unlock(keyring_file, WEIS_PIN, NOON)) == "not_enrolled"
