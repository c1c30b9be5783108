"""The examples of docs/protocol.md: every byte is recomputed, and its client talks to a real server."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from nacl.signing import SigningKey
from werkzeug.serving import make_server

from schemas import KINDS
from schemas.problems import PROBLEMS, Fault, Refused
from server.keys import verify_signature
from server.services import enrolment
from server.services.bundles import FORMAT
from server.store.database import writing
from server.web import shapes
from server.web.tus_headers import name_hash
from sync import canonical, chain, checksum, clock, codec, openings, receipt
from sync.changeset import Change, ChangeSet
from sync.checkpoint import Checkpoint, write_checkpoint
from sync.device_certificate import DeviceFacts, is_certified
from sync.device_report import DeviceReport, read_report, spell_report
from sync.request_signature import content_digest, read_signed, sign_request
from sync.session import Cursor, PullSession
from sync.trace_context import TraceContext, read_header
from sync.transparency import leaf_hash, log_entry, root
from tests.cast import BASE_URL, accept
from tests.documents import read_document
from tests.server.web.conftest import House, close, make_house, make_settings

EXAMPLE = re.compile(r"^<!-- example: ([a-z-]+) -->\n```\w*\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
LIMIT = re.compile(r"^\|[^|]+\| ([\d,]+) \| `([\w.]+)` \|$", re.MULTILINE)

TEXT = read_document("docs/protocol.md").text
EXAMPLES: dict[str, str] = dict(EXAMPLE.findall(TEXT))


def read(name: str) -> Any:
    """Return an example that is JSON."""
    return json.loads(EXAMPLES[name])


def key() -> SigningKey:
    """Return the key of the examples."""
    return SigningKey(bytes.fromhex(read("key")["seed"]))


def sign(message: bytes) -> bytes:
    """Sign as the device of the examples."""
    return key().sign(message).signature


def sealed_line() -> bytes:
    """Return the sealed set of the examples, put together as the page says."""
    signed = read("sealed")["signature"].encode() + b"." + EXAMPLES["payload"].encode()
    return signed + b"\t" + EXAMPLES["openings"].encode()


def changeset() -> ChangeSet:
    """Return the set of the examples, as its author wrote it."""
    said = read("change-set")
    return ChangeSet(**{**said, "changes": tuple(Change(**change) for change in said["changes"])})


def test_every_fenced_block_is_an_example_that_is_recomputed() -> None:
    assert len(EXAMPLES) == TEXT.count("```") // 2 == TEXT.count("<!-- example:")
    assert set(EXAMPLES) == {
        "key", "change-set", "payload", "sealed", "request", "signature-base", "signature-headers", "enrolment-text",
        "enrol-request", "enrol-answer", "receipt", "page", "digests", "upload-headers", "clock", "log", "problem",
        "manifest", "client", "told", "traceparent", "checkpoint", "opening", "openings",
    }  # fmt: skip


def test_the_key_belongs_to_its_seed() -> None:
    assert bytes(key().verify_key).hex() == read("key")["public_key"]


def test_the_payload_is_the_canonical_form_of_the_change_set() -> None:
    payload = EXAMPLES["payload"].encode()

    hidden, opened = openings.hide(changeset(), lambda count: bytes.fromhex(read("opening")["salt"])[:count])

    assert codec.encode(hidden) == payload
    assert codec.encode(codec.decode(payload)) == payload
    assert canonical.dump(opened) == EXAMPLES["openings"]
    assert openings.read(chain.Sealed(sealed_line())) == changeset()


def test_the_opening_gives_the_hash_that_is_signed() -> None:
    shown = read("opening")
    spelled = f"gongdan-opening\n{shown['salt']}\n" + json.dumps(shown["value"], ensure_ascii=False)

    assert hashlib.sha256(spelled.encode()).hexdigest() == shown["hash"]
    assert canonical.dump({"~": shown["hash"]}) in EXAMPLES["payload"]
    assert read("openings") == {shown["hash"]: [shown["salt"], shown["value"]]}


def test_the_recipe_for_canonical_json_gives_the_payload() -> None:
    recipe = re.findall(r"`json\.dumps\((.*)\)`", TEXT)
    options = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False}

    assert recipe == ['value, sort_keys=True, separators=(",", ":"), ensure_ascii=False']
    assert json.dumps(json.loads(EXAMPLES["payload"]), **options) == EXAMPLES["payload"]


def test_the_members_of_a_change_set_are_all_explained() -> None:
    section = TEXT.split("## Change-sets")[1].split("## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)

    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == read("change-set").keys()


def test_the_change_of_the_example_may_be_made() -> None:
    (change,) = changeset().changes
    checks = KINDS[change.kind].checks

    assert all(checks[name](value) for name, value in change.set.items())


def test_signature_and_digest_are_those_of_the_payload() -> None:
    sealed = chain.open_line(sealed_line())

    assert chain.seal(EXAMPLES["payload"].encode(), sign, EXAMPLES["openings"].encode()).line == sealed.line
    assert read("sealed") == {
        "signature": sealed.signature.hex(),
        "bytes": len(sealed.line),
        "digest": hashlib.sha256(sealed.signed).hexdigest(),
    }
    assert sealed.line == sealed.signed + b"\t" + (sealed.openings or b"")


def test_the_request_is_signed_as_shown() -> None:
    request = read("request")
    body = request["body"].encode()
    asked = (request[name] for name in ("organisation", "device", "method", "path", "query"))
    headers = sign_request(*asked, body, request["created"], sign)

    shown = dict(line.split(": ", 1) for line in EXAMPLES["signature-headers"].split("\n"))
    signed = read_signed(
        *(request[name] for name in ("method", "path", "query")),
        shown["Content-Digest"],
        shown["Signature-Input"],
        shown["Signature"],
    )

    assert shown == headers and shown["Content-Digest"] == content_digest(body)
    assert signed.base.decode() == EXAMPLES["signature-base"]
    assert key().verify_key.verify(EXAMPLES["signature-base"].encode(), signed.signature)


def test_enrolment_is_as_the_server_reads_and_answers_it() -> None:
    assert shapes.Enrol().load(read("enrol-request")) == read("enrol-request")
    assert read("enrol-answer").keys() == shapes.EnrolAnswer().fields.keys()
    assert EXAMPLES["enrolment-text"].partition("#")[2] == read("enrol-request")["code"]
    assert len(read("enrol-request")["code"]) == enrolment.CODE_CHARACTERS
    answer = read("enrol-answer")
    facts = DeviceFacts(answer["organisation"], answer["device"], answer["person"], read("enrol-request")["public_key"])
    assert is_certified(facts, answer["certificate"], answer["server_key"], verify_signature)


def test_the_receipt_answers_the_set() -> None:
    found = receipt.load(EXAMPLES["receipt"])
    said = changeset()

    assert receipt.dump(found) == EXAMPLES["receipt"]
    assert (found.set_id, found.seq, found.digest) == (said.id, said.seq, read("sealed")["digest"])
    assert found.is_final and found.changes[0].contested == ("diagnosis",)


def test_every_verdict_is_explained() -> None:
    section = TEXT.split("## Push")[1].split("## ")[0]

    assert tuple(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == receipt.VERDICTS


def test_the_page_is_one_and_its_checksum_is_that_of_its_records() -> None:
    lines = EXAMPLES["page"].encode().split(b"\n")

    head, steps = PullSession(Cursor()).receive(lines)
    records = {step.id: (step.kind, step.values) for step in steps}
    digests = {name: checksum.record_digest(kind, name, canonical.dump(body)) for name, (kind, body) in records.items()}

    assert len(lines) == head.ops + 1 and head.count == len(records)
    assert head.checksum == checksum.spell(checksum.add(0, *digests.values()))
    assert read("digests") == {
        "digests": {name: checksum.spell(digest) for name, digest in digests.items()},
        "buckets": {name: checksum.bucket_of(name) for name in digests},
        "checksum": head.checksum,
    }


def test_the_upload_headers_name_the_hash() -> None:
    headers = dict(line.split(": ", 1) for line in EXAMPLES["upload-headers"].split("\n"))
    sha256 = base64.b64decode(headers["Upload-Metadata"].removeprefix("sha256 ")).decode()

    assert headers["Upload-Metadata"] == name_hash(sha256) and re.fullmatch("[0-9a-f]{64}", sha256)


def test_the_report_tells_every_name_of_the_table() -> None:
    report = DeviceReport(3, "2026-11-20T08:00:00.000Z", 2, 8_388_608, -1500, 1, "gongdan-field/0.1.0", 52_428_800)
    section = TEXT.split("## Being watched over")[1].split("## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)

    assert spell_report(report) == EXAMPLES["told"] and read_report(EXAMPLES["told"]) == report
    names = [member.partition(":")[0] for member in EXAMPLES["told"].split(",")]
    assert re.findall(r"`(\w+)`", " ".join(rows)) == names


def test_the_trace_header_is_one() -> None:
    name, _, value = EXAMPLES["traceparent"].partition(": ")

    assert name == "traceparent"
    assert read_header(value) == TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")


def test_the_clock_ticks_as_shown() -> None:
    assert [clock.tick(step["last"], step["wall_ms"]) for step in read("clock")] == [
        step["next"] for step in read("clock")
    ]


def test_the_log_commits_to_set_and_receipt() -> None:
    entry = log_entry(read("sealed")["digest"], EXAMPLES["receipt"])
    head = json.loads(EXAMPLES["page"].split("\n")[0])

    leaf = leaf_hash(entry)

    assert read("log") == {"entry": entry.hex(), "leaf": leaf.hex(), "witness": f"1 {root([leaf]).hex()}"}
    assert head["witness"] == read("log")["witness"]


def test_the_checkpoint_is_the_log_signed_by_the_office() -> None:
    office, organisation = SigningKey(bytes(range(1, 33))), read("request")["organisation"]
    size, root_hex = read("log")["witness"].split()
    checkpoint = Checkpoint(organisation, int(size), bytes.fromhex(root_hex))

    note = write_checkpoint(checkpoint, bytes(office.verify_key), lambda text: office.sign(text).signature)

    assert bytes(office.verify_key).hex() == read("enrol-answer")["server_key"]
    assert note == EXAMPLES["checkpoint"] + "\n"
    assert json.loads(EXAMPLES["page"].split("\n")[0])["checkpoint"] == note


def test_the_problem_is_one_of_the_catalogue() -> None:
    shown = read("problem")
    problem = PROBLEMS[shown["code"]]

    assert (shown["status"], shown["retry"]) == (problem.status, problem.retry)
    assert (shown["title"], shown["title_zh"]) == (
        Fault(problem.code).sentence("en"),
        Fault(problem.code).sentence("zh"),
    )


def test_the_manifest_is_that_of_a_bundle() -> None:
    manifest = read("manifest")

    assert manifest["format"] == FORMAT
    assert manifest.keys() == {"format", "organisation", "device", "made_at"}


@pytest.mark.parametrize(("shown", "name"), LIMIT.findall(TEXT))
def test_a_limit_is_the_one_that_is_kept(shown: str, name: str) -> None:
    module, _, constant = name.rpartition(".")

    assert getattr(importlib.import_module(module), constant) == int(shown.replace(",", ""))


def test_limits_are_listed() -> None:
    assert len(LIMIT.findall(TEXT)) >= 15


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    """A company's server that listens, and its address."""
    house = make_house(make_settings(tmp_path_factory.mktemp("served")))
    server = make_server("127.0.0.1", 0, house.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield house, f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()
    close(house)


@pytest.fixture
def client(served: tuple[House, str]) -> Any:
    """The client of the page, enrolled for Wei."""
    house, address = served
    with writing(house.parts.engine) as connection:
        code = enrolment.issue_code(connection, house.ours.organisation, house.ours.wei, BASE_URL).code
    names: dict[str, Any] = {}
    exec(compile(EXAMPLES["client"], "docs/protocol.md", "exec"), names)
    return names["Client"](address, code)


def test_the_client_enrols_pulls_pushes_and_holds_what_the_server_says(client: Any, served: tuple[House, str]) -> None:
    house, _ = served
    order = house.ours.order

    assert client.me["person"] == house.ours.wei
    assert client.pull() and client.records[order][0] == "work_order"

    seen = client.records[order][1].get("diagnosis")
    change = {
        "kind": "work_order",
        "id": order,
        "op": "update",
        "set": {"diagnosis": "轴承", "contact": "陈主任"},
        "was": {"diagnosis": seen, "contact": client.records[order][1].get("contact")},
    }
    better = {**change["set"], "diagnosis": "转子轴承磨损"}
    first = client.push("work.note", change)
    second = client.push("work.note", {**change, "set": better, "was": change["set"]})

    assert (first["verdict"], second["verdict"], second["seq"]) == ("applied", "applied", 2)
    assert client.pull() and client.records[order][1].items() >= better.items()


def test_the_client_hides_all_that_is_personal_of_what_it_writes() -> None:
    names: dict[str, Any] = {}
    exec(compile(EXAMPLES["client"], "docs/protocol.md", "exec"), names)

    assert {kind: set(KINDS[kind].personal) for kind in names["PERSONAL"]} == names["PERSONAL"]


def test_the_client_follows_what_the_office_does(client: Any, served: tuple[House, str]) -> None:
    house, _ = served
    order, company = house.ours.order, house.ours
    assert client.pull()

    given_away = Change("work_order", order, "update", {"engineer_id": company.lin}, {"engineer_id": company.wei})
    accept(house.parts.office, company.organisation, company.dana, "order.assign", given_away)
    assert client.pull() and order not in client.records

    given_back = Change("work_order", order, "update", {"engineer_id": company.wei}, {"engineer_id": company.lin})
    accept(house.parts.office, company.organisation, company.dana, "order.assign", given_back)
    assert client.pull() and order in client.records


def test_the_client_whose_clock_is_three_days_wrong_is_understood(client: Any) -> None:
    client.offset_s = -3 * 24 * 3600

    assert client.pull()
    assert abs(client.offset_s) < 60


def test_the_client_tells_a_refusal_by_its_code(client: Any) -> None:
    client.me = {**client.me, "device": client.me["person"]}

    with pytest.raises(RuntimeError, match=r"^device_unknown: "):
        client.pull()


def test_the_sealed_example_holds_and_does_not_when_altered() -> None:
    chain.verify(chain.open_line(sealed_line()), bytes(key().verify_key), verify_signature)
    altered = sealed_line().replace(b"in_progress", b"on_hold")

    with pytest.raises(Refused) as refusal:
        chain.verify(chain.open_line(altered), bytes(key().verify_key), verify_signature)

    assert refusal.value.code == "bad_signature"
