"""A customer asks to be forgotten, with real processes: afterwards no byte of server or device tells of her."""

from __future__ import annotations

from pathlib import Path

from field_client.keys import open_keyring
from field_client.store import Store
from scripts.demo_stage import Stage
from tests.journeys.steps import begin_work

NAME, PHONE = "Wang Jianguo", "138-0000-4711"


def read_device(stage: Stage) -> bytes:
    """Return all that the device's enciphered database holds."""
    sealed = (stage.folder / "wei" / "keyring.json").read_bytes()
    store = Store(stage.folder / "wei" / "device.sqlite", open_keyring(sealed, "280417").database_key)
    try:
        tables = [name for (name,) in store.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return b"".join(repr(row).encode() for table in tables for row in store.rows(f'SELECT * FROM "{table}"'))
    finally:
        store.close()


def files_with(folder: Path, *words: str) -> list[str]:
    """Return the files that hold one of some words."""
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(word.encode() in path.read_bytes() for word in words)
    ]


def test_who_asks_to_be_forgotten_is_nowhere_and_the_log_holds(stage: Stage) -> None:
    begin_work(stage, f"contact={NAME}", f"phone={PHONE}", symptom=f"noise, says {NAME}")
    stage.device("sign", "--absent", "--reason", "not there", "--diagnosis", "bearing")
    stage.device("sync")
    assert NAME.encode() in read_device(stage) and files_with(stage.folder / "server", NAME)

    told = stage.office("erase", "--by", "gao", "--word", NAME, "--word", PHONE, "--reference", "DSR-7", "--yes")
    stage.device("sync")
    stage.office("verify-log")
    stage.office("replay")
    stage.stop_server()

    assert NAME in told and "DSR-7" in stage.office("erasures")
    assert files_with(stage.folder / "server", NAME, PHONE) == []
    held = read_device(stage)
    assert NAME.encode() not in held and PHONE.encode() not in held and b"erased-" in held
    assert files_with(stage.folder / "wei", NAME, PHONE) == []
