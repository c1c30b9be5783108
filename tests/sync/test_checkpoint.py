"""Checkpoints are signed notes that others can read, and nothing else passes for one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from sync.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

ORGANISATION = "01933e5c-0000-7000-8000-0000000000b1"
OFFICE = SigningKey(bytes(range(32)))
PUBLIC = bytes(OFFICE.verify_key)


def sign(text: bytes) -> bytes:
    return OFFICE.sign(text).signature


def verify(public_key: bytes, text: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(public_key).verify(text, signature)
    except BadSignatureError:
        return False
    return True


def read(note: str, organisation: str = ORGANISATION, key: bytes = PUBLIC) -> Checkpoint | None:
    return read_checkpoint(note, organisation, key, verify)


NOTE = write_checkpoint(Checkpoint(ORGANISATION, 7, bytes(32)), PUBLIC, sign)


@given(st.integers(0, 10**15), st.binary(min_size=32, max_size=32))
def test_what_was_written_is_read(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(ORGANISATION, size, root)

    assert read(write_checkpoint(checkpoint, PUBLIC, sign)) == checkpoint
    assert checkpoint.witness == f"{size} {root.hex()}"


def test_the_keys_id_is_the_one_others_work_out() -> None:
    """The example of golang.org/x/mod/sumdb/note: this name and key have the id c74f20a3."""
    kind_and_key = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = b"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    line = base64.b64decode(
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    )

    note = write_checkpoint(Checkpoint(ORGANISATION, 7, bytes(32)), kind_and_key[1:], sign)

    assert line[:4].hex() == "c74f20a3" and verify(kind_and_key[1:], text, line[4:])
    assert base64.b64decode(note.split(" ")[-1])[:4] != line[:4]


@given(st.integers(0, len(NOTE) - 1), st.characters(codec="utf-8"))
def test_a_note_with_another_character_is_none(place: int, character: str) -> None:
    altered = NOTE[:place] + character + NOTE[place + 1 :]

    assert altered == NOTE or read(altered) is None


@pytest.mark.parametrize("note", ["", "\n", NOTE[:-1], f"{NOTE}\n", NOTE * 2, NOTE.replace("7\n", "07\n"), "x" * 501])
def test_what_is_no_note_is_none(note: str) -> None:
    assert read(note) is None


def test_another_log_or_key_is_none() -> None:
    other = SigningKey(bytes(32))

    assert read(NOTE, organisation=ORGANISATION[:-1] + "2") is None
    assert read(NOTE, key=bytes(other.verify_key)) is None
