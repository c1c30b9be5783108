"""Devices push and pull over HTTP, on both databases."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from schemas.base import WHOLE_NUMBER_MAX
from server.keys import new_id
from server.web.access import PUSH_BODY_BYTES_MAX
from sync import receipt, zstd
from sync.changeset import Change
from sync.session import PUSH_SETS_MAX, Cursor, Outgoing, PullSession, PushSession
from tests.cast import Device, accept, order_body
from tests.server.web.conftest import House, close, make_house, make_settings, problem_of


@pytest.fixture(params=["sqlite", "postgresql"])
def any_house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A server on either database."""
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else ""
    house = make_house(make_settings(tmp_path / "data", url))
    yield house
    close(house)


def start_work(house: House) -> Change:
    """Return the change by which Wei starts work on his order."""
    return Change("work_order", house.ours.order, "update", {"status": "in_progress"}, {"status": "assigned"})


def verdicts(answer: TestResponse) -> list[str]:
    """Return the verdict of each receipt of an answer."""
    return [receipt.load(line).verdict for line in answer.data.splitlines()]


def push(house: House, device: Device, *lines: bytes) -> TestResponse:
    """Push sealed lines."""
    return house.ask(device, "POST", "/push", b"".join(line + b"\n" for line in lines))


def test_a_push_and_a_pull_bring_both_sides_together(any_house: House) -> None:
    house = any_house
    wei = house.device_of(house.ours, house.ours.wei)
    line = wei.seal("work.start", start_work(house))
    session = PushSession(iter([Outgoing(wei.prev, line)]))

    answer = house.ask(wei, "POST", "/push", session.next_body() or b"")
    pull = PullSession(Cursor())
    page = house.ask(wei, "GET", "/pull?since=0&epoch=")
    head, ops = pull.receive(page.data.splitlines())

    assert [found.verdict for found in session.receive(answer.data)] == ["applied"]
    order = next(op for op in ops if op.id == house.ours.order)
    assert order.values is not None and order.values["status"] == "in_progress"
    assert head.after is None and head.witness


def test_a_push_sent_twice_gets_the_same_receipt(any_house: House) -> None:
    wei = any_house.device_of(any_house.ours, any_house.ours.wei)
    line = wei.seal("work.start", start_work(any_house))

    first, second = push(any_house, wei, line), push(any_house, wei, line)

    assert first.data == second.data
    assert verdicts(first) == ["applied"]


@pytest.mark.parametrize("address", ["/orders/%00", "/orders?after=%00%20x", "/trace?number=%00", "/pull?after=1.%00"])
def test_a_nul_in_an_address_is_refused(any_house: House, address: str) -> None:
    client = any_house.sign_in("dana")

    assert problem_of(client.get(f"/api/v1{address}")) == "malformed"


def test_a_pull_with_nothing_new_is_one_short_line(house: House, wei: Device) -> None:
    head = json.loads(house.ask(wei, "GET", "/pull?since=0&epoch=").data.splitlines()[0])

    answer = house.ask(wei, "GET", f"/pull?since={head['until']}&epoch={head['epoch']}")

    assert json.loads(answer.data)["ops"] == 0
    assert len(answer.data) < 600
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(("accepted", "coding"), [("gzip, zstd", "zstd"), ("gzip", "gzip"), ("zstd;q=0, gzip", "gzip")])
def test_a_page_is_packed_as_the_device_can_read_it(house: House, wei: Device, accepted: str, coding: str) -> None:
    plain = house.ask(wei, "GET", "/pull?since=0&epoch=")

    packed = house.ask(wei, "GET", "/pull?since=0&epoch=", headers={"Accept-Encoding": accepted})
    unpack = {"gzip": gzip.decompress, "zstd": zstd.decompress}

    assert packed.headers["Content-Encoding"] == coding
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data)
    assert unpack[coding](packed.data).splitlines()[1:] == plain.data.splitlines()[1:]


def test_a_device_that_followed_another_epoch_is_told_the_new_one(house: House, wei: Device) -> None:
    epoch = json.loads(house.ask(wei, "GET", "/pull?since=0&epoch=").data.splitlines()[0])["epoch"]

    answer = house.ask(wei, "GET", f"/pull?since=0&epoch={new_id()}")

    assert problem_of(answer) == "feed_epoch_changed"
    assert answer.json["epoch"] == epoch


@pytest.mark.parametrize("since", ["-1", "1.5", "x", "", "²", str(WHOLE_NUMBER_MAX + 1), "9" * 400])
def test_a_position_that_is_no_number_is_refused(house: House, wei: Device, since: str) -> None:
    answer = house.ask(wei, "GET", f"/pull?since={quote(since)}")

    assert problem_of(answer) == "value_invalid"
    assert answer.json["field"] == "since"


@pytest.mark.parametrize("after", ["x", "1", "99999999999999999999.x", "0.0"])
def test_an_unreadable_page_token_does_no_harm(house: House, wei: Device, after: str) -> None:
    answer = house.ask(wei, "GET", f"/pull?since=0&epoch=&after={after}")

    assert answer.status_code == 200 or problem_of(answer) == "malformed"


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_packed_push_is_taken_in(house: House, wei: Device, coding: str) -> None:
    body = wei.seal("work.start", start_work(house)) + b"\n"
    packed = gzip.compress(body) if coding == "gzip" else zstd.compress(body)

    answer = house.ask(wei, "POST", "/push", packed, headers={"Content-Encoding": coding})

    assert verdicts(answer) == ["applied"]


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_decompression_bomb_is_refused(house: House, wei: Device, coding: str) -> None:
    bomb = b"0" * (PUSH_BODY_BYTES_MAX + 1)
    packed = gzip.compress(bomb) if coding == "gzip" else zstd.compress(bomb)
    assert len(packed) < 5000

    answer = house.ask(wei, "POST", "/push", packed, headers={"Content-Encoding": coding})

    assert problem_of(answer) == "decompression_bomb"


def test_a_zstd_body_that_understates_its_size_is_refused(house: House, wei: Device) -> None:
    frame = bytearray(zstd.compress(b"0" * 1000))
    assert frame[4] & 0xE0 == 0x60, "a single segment with two bytes of content size"
    frame[5:7] = b"\x00\x00"

    answer = house.ask(wei, "POST", "/push", bytes(frame), headers={"Content-Encoding": "zstd"})

    assert problem_of(answer) == "malformed"


def test_a_zstd_body_without_its_size_is_refused(house: House, wei: Device) -> None:
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.content_size_flag: 0})

    answer = house.ask(
        wei, "POST", "/push", packer.compress(b"0" * 99, packer.FLUSH_FRAME), headers={"Content-Encoding": "zstd"}
    )

    assert problem_of(answer) == "malformed"


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_a_packed_body_with_something_behind_it_is_refused(
    house: House, wei: Device, pack: Callable[[bytes], bytes]
) -> None:
    coding = "gzip" if pack is gzip.compress else "zstd"

    answer = house.ask(wei, "POST", "/push", pack(b"a line\n") + b"more", headers={"Content-Encoding": coding})

    assert problem_of(answer) == "malformed"


@pytest.mark.parametrize("coding", ["gzip", "zstd", "br"])
@pytest.mark.parametrize("cut", [0, 10, -1])
def test_a_body_that_cannot_be_unpacked_is_refused(house: House, wei: Device, coding: str, cut: int) -> None:
    packed = {"gzip": gzip.compress, "zstd": zstd.compress, "br": bytes}[coding](b"some bytes to be packed")

    answer = house.ask(wei, "POST", "/push", packed[:cut], headers={"Content-Encoding": coding})

    assert problem_of(answer) == "malformed"


def test_a_body_over_the_limit_is_refused_unread(house: House, wei: Device) -> None:
    answer = house.ask(wei, "POST", "/push", b"0" * (PUSH_BODY_BYTES_MAX + 1))

    assert problem_of(answer) == "body_too_large"
    assert answer.json["limit"] == PUSH_BODY_BYTES_MAX


@pytest.mark.parametrize("body", [b"", b"\n", b"no line break", b"a\n\nb\n", b"a\n" * (PUSH_SETS_MAX + 1)])
def test_a_push_that_is_not_lines_is_refused_whole(house: House, wei: Device, body: bytes) -> None:
    assert problem_of(house.ask(wei, "POST", "/push", body)) == "malformed"


def test_altered_lines_are_answered_one_by_one(house: House, wei: Device) -> None:
    good = wei.seal("work.start", start_work(house))
    altered = good[:200] + bytes([good[200] ^ 1]) + good[201:]

    answer = push(house, wei, b"\x00\xff", altered, good)

    faults = [found.fault and found.fault.code for found in map(receipt.load, answer.data.splitlines())]
    assert faults[0] == "malformed" and faults[1] is not None and faults[2] is None


def test_a_revoked_device_is_told_so_in_its_receipts_and_gets_nothing(house: House, wei: Device) -> None:
    revoke(house, wei)

    answer = push(house, wei, wei.seal("work.start", start_work(house)))

    assert [found.fault.code for found in map(receipt.load, answer.data.splitlines()) if found.fault] == [
        "device_revoked"
    ]
    for path in ("/pull?since=0&epoch=", "/receipts?from_seq=1"):
        assert problem_of(house.ask(wei, "GET", path)) == "device_revoked"
    for path in ("/token", "/scope/buckets", "/scope/records", "/scope/fetch"):
        assert problem_of(house.ask(wei, "POST", path, b"{}")) == "device_revoked"


def test_a_device_of_another_company_changes_nothing_here(house: House) -> None:
    mallory = house.device_of(house.theirs, house.theirs.wei)
    foreign = Device(house.ours.organisation, house.theirs.wei, mallory.id, mallory.key)

    answer = push(house, mallory, foreign.seal("work.start", start_work(house)))
    pulled = house.ask(mallory, "GET", "/pull?since=0&epoch=")
    fetched = house.ask(mallory, "POST", "/scope/fetch", json.dumps({"ids": [house.ours.order]}).encode())

    assert verdicts(answer) == ["refused"]
    assert house.ours.order.encode() not in pulled.data
    assert fetched.data == b""


def test_stored_receipts_are_given_again(house: House, wei: Device) -> None:
    pushed = push(house, wei, wei.seal("work.start", start_work(house)))

    answer = house.ask(wei, "GET", "/receipts?from_seq=1")
    later = house.ask(wei, "GET", "/receipts?from_seq=2")

    assert answer.data == pushed.data
    assert later.data == b""


def test_scopes_are_compared_by_buckets_and_then_by_records(house: House, wei: Device) -> None:
    last_byte = int(house.ours.order[-2:], 16)

    sums = house.ask(wei, "POST", "/scope/buckets", b"{}").json
    digests = house.ask(wei, "POST", "/scope/records", json.dumps({"buckets": [last_byte]}).encode()).json["digests"]
    fetched = house.ask(wei, "POST", "/scope/fetch", json.dumps({"ids": [house.ours.order, new_id()]}).encode())

    assert len(sums["sums"]) == 256 and sums["epoch"] and sums["position"] > 0
    assert house.ours.order in digests and all(int(record_id[-2:], 16) == last_byte for record_id in digests)
    assert [json.loads(line)[:3] for line in fetched.data.splitlines()] == [["put", house.ours.order, "work_order"]]


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff"])
def test_a_comparison_that_is_not_json_is_refused(house: House, wei: Device, body: bytes) -> None:
    assert problem_of(house.ask(wei, "POST", "/scope/fetch", body)) == "malformed"


@pytest.mark.parametrize(
    "document", [[], {}, {"ids": None}, {"ids": [1]}, {"ids": ["x"]}, {"ids": [], "more": 1}, {"ids": [new_id()] * 501}]
)
def test_a_comparison_of_wrong_types_is_refused(house: House, wei: Device, document: object) -> None:
    assert problem_of(house.ask(wei, "POST", "/scope/fetch", json.dumps(document).encode())) == "value_invalid"


def test_an_order_moved_away_leaves_the_device(house: House, wei: Device) -> None:
    head = json.loads(house.ask(wei, "GET", "/pull?since=0&epoch=").data.splitlines()[0])
    moved = Change(
        "work_order", house.ours.order, "update", {"engineer_id": house.ours.lin}, {"engineer_id": house.ours.wei}
    )
    accept(house.parts.office, house.ours.organisation, house.ours.dana, "order.assign", moved)

    answer = house.ask(wei, "GET", f"/pull?since={head['until']}&epoch={head['epoch']}")

    assert ["evict", house.ours.order] in [json.loads(line) for line in answer.data.splitlines()[1:]]


def test_an_order_made_on_site_is_taken_in(house: House, wei: Device) -> None:
    body = order_body("W-1", house.ours.chen, engineer_id=house.ours.wei, machine_id=house.ours.machine)

    answer = push(house, wei, wei.seal("order.create", Change("work_order", new_id(), "create", body, {})))

    assert verdicts(answer) == ["applied"]


def revoke(house: House, device: Device) -> None:
    """Revoke a device as Dana would."""
    change = Change("device", device.id, "update", {"state": "revoked"}, {"state": "active"})
    accept(house.parts.office, device.organisation, house.ours.dana, "device.revoke", change)
