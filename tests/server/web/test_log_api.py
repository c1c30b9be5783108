"""Proofs over HTTP lead from an entry, or from an older log, to the checkpoint that the office signs."""

from __future__ import annotations

from server.store.database import reading
from server.store.log import find_at
from sync.chain import Sealed
from sync.transparency import leaf_hash, log_entry, root, verify_consistency, verify_inclusion
from tests.cast import Device
from tests.server.web.conftest import PREFIX, House, problem_of


def test_an_entry_and_an_older_log_are_shown_to_be_in_the_log(house: House, wei: Device) -> None:
    aud = house.sign_in("aud")
    end = aud.get(f"{PREFIX}/log/checkpoint").json
    with reading(house.parts.engine) as connection:
        entry = find_at(connection, house.ours.organisation, 2)
    assert entry is not None
    leaf = leaf_hash(log_entry(Sealed(entry.sealed).digest, entry.receipt))

    shown = aud.get(f"{PREFIX}/log/inclusion?position=2").json
    leaves = aud.get(f"{PREFIX}/log/tile?row=0&number=0").data
    older = house.ask(wei, "GET", "/log/consistency?old_size=2").json

    hashes = [leaves[at : at + 32] for at in range(0, len(leaves), 32)]
    assert (shown["size"], shown["root"]) == (end["size"], end["root"]) == (len(hashes), root(hashes).hex())
    assert verify_inclusion(leaf, 1, shown["size"], [bytes.fromhex(node) for node in shown["path"]], root(hashes))
    path = [bytes.fromhex(node) for node in older["path"]]
    assert verify_consistency(2, root(hashes[:2]), older["size"], bytes.fromhex(older["root"]), path)
    assert aud.get(f"{PREFIX}/log/consistency?old_size=2").json == older


def test_what_the_log_does_not_have_is_refused(house: House) -> None:
    aud = house.sign_in("aud")

    assert problem_of(aud.get(f"{PREFIX}/log/inclusion?position=999999")) == "value_invalid"
    assert problem_of(aud.get(f"{PREFIX}/log/consistency?old_size=999999")) == "value_invalid"
    assert problem_of(aud.get(f"{PREFIX}/log/tile?row=1&number=0")) == "not_found"


def test_a_dossier_is_given_to_whoever_may_export(house: House) -> None:
    path = "/desk/dossiers/export"

    assert house.sign_in("aud").get(f"{path}?number=nowhere").status_code == 404
    assert house.sign_in("aud").get(f"{path}?number=x&files=some").status_code == 422
    assert house.sign_in("aud").get(path).status_code == 422
