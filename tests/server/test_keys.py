"""The office's keys are made once, kept from others, and survive."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.keys import new_code, new_id, open_office_key, verify_signature
from server.settings import Settings, read_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A server with an empty data folder."""
    return read_settings({"GONGDAN_DATA": str(tmp_path / "data")})


def test_keys_are_made_once_and_found_again(settings: Settings) -> None:
    first, second = open_office_key(settings), open_office_key(settings)

    assert (first.public_key, first.token_secret) == (second.public_key, second.token_secret)
    assert verify_signature(bytes.fromhex(first.public_key), b"message", second.sign(b"message"))


def test_only_the_owner_may_read_them_and_no_draft_is_left(settings: Settings) -> None:
    open_office_key(settings)

    folder = settings.data / "keys"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()} == {
        "office.key": 0o600,
        "tokens.secret": 0o600,
    }


def test_many_that_start_together_get_one_key(settings: Settings) -> None:
    gate, found = threading.Barrier(8), []

    def start() -> None:
        gate.wait()
        found.append(open_office_key(settings).public_key)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8 and len(set(found)) == 1


def test_a_damaged_key_is_not_replaced_in_silence(settings: Settings) -> None:
    open_office_key(settings)
    (settings.data / "keys" / "office.key").write_bytes(b"short")

    with pytest.raises(ValueError, match="damaged"):
        open_office_key(settings)


def test_a_key_is_not_shown_when_it_is_printed(settings: Settings) -> None:
    key = open_office_key(settings)

    assert key.token_secret.hex() not in repr(key) and "token_secret" not in repr(key)


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=70))
def test_what_is_no_signature_never_holds_and_never_fails(key: bytes, message: bytes, signature: bytes) -> None:
    assert verify_signature(key, message, signature) is False


def test_ids_are_uuids_of_version_seven_in_the_order_of_time() -> None:
    ids = [new_id() for _ in range(1000)]

    assert len(set(ids)) == 1000
    assert {(uuid.UUID(made).version, uuid.UUID(made).variant) for made in ids} == {(7, uuid.RFC_4122)}
    assert [made[:13] for made in ids] == sorted(made[:13] for made in ids)


def test_codes_hold_what_can_be_read_out_loud() -> None:
    code = new_code(500)

    assert set(code) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    assert len(set(code)) == 32
