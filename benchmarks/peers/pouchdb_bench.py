"""What the peer, PouchDB served over HTTP, does with the benchmarks' load.

Two servers are measured. `PouchDB` is express-pouchdb as it comes: accounts, validation, a request log. It is
the yardstick. `PouchDB bare` has nothing but replication. Neither syncs its files before it answers, neither
applies the edits of one request as a whole, and neither checks a signature.
"""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.load import Drive, drive, encode_request
from benchmarks.measure import Figure, Options, find_percentile, read_cpu_s
from benchmarks.npm import install_program
from benchmarks.peers.pouchdb_node import (
    FULL_MODE,
    MINIMUM_MODE,
    SOURCE,
    Server,
    pull_with_peer,
    serve_peer,
)
from benchmarks.workload import Record, edit_order, encode_json, make_catalogue, make_orders, plan_fleet

MODES = {measure.PEER: FULL_MODE, measure.PEER_BARE: MINIMUM_MODE}
BATCH_SIZES = (100, 500)
CLIENTS = 32
CHANGED = 100
PULLS = 3
POLLS = 200  # enough for the kernel's 10 ms ticks to show the CPU of one
POLLING_CLIENTS = 8
REPEATS = 21
DURABILITY = "not durable: LevelDB writes without fsync; an acknowledged edit can be lost in a power cut"
ATOMICITY = "the three edits of a set are three separate edits: a set can be half applied"


def run(options: Options) -> list[Figure]:
    """Measure the peer in both modes; gives no figures, and says why, where Node is not installed."""
    if not (shutil.which("node") and shutil.which("npm")):
        print("The peer is not measured: it needs node and npm.")
        return []
    program = install_program(SOURCE, options.folder / "pouchdb")
    orders = list(make_orders(make_catalogue(options.seed), options.records, options.seed))
    figures = []
    for subject, mode in MODES.items():
        figures += _measure_bulk(program, subject, mode, orders)
        with serve_peer(program, mode) as server:
            revisions = _fill(server, orders, max(BATCH_SIZES))[1]
            figures += _measure_first_sync(program, subject, server)
            figures += _measure_changes(subject, server, orders, revisions)
            figures += _measure_fleet(subject, server, orders[CHANGED:], revisions, options.sets_per_client)
    return figures


def _push_requests(documents: list[dict[str, Any]], size: int) -> list[bytes]:
    return [
        encode_request("POST", "/orders/_bulk_docs", encode_json({"docs": documents[at : at + size]}))
        for at in range(0, len(documents), size)
    ]


def _make_document(order: Record) -> dict[str, Any]:
    return {"_id": order.id, "kind": order.kind, **order.values}


def _fill(server: Server, orders: list[Record], size: int) -> tuple[Drive, dict[str, str]]:
    """Push all orders over one connection; give the drive and the revision of each document."""
    drive("127.0.0.1", server.port, [[encode_request("PUT", "/orders", b"{}")]])
    requests = _push_requests([_make_document(order) for order in orders], size)
    pushed = drive("127.0.0.1", server.port, [requests])
    results = [result for body in pushed.bodies[0] for result in json.loads(body)]
    revisions = {result["id"]: result["rev"] for result in results if result.get("ok")}
    if len(revisions) != len(orders):
        raise RuntimeError(f"the peer took {len(revisions)} of {len(orders)} records")
    return pushed, revisions


def _measure_bulk(program: Path, subject: str, mode: str, orders: list[Record]) -> list[Figure]:
    """Push all orders in each batch size to an empty server; the faster one counts."""
    runs = []
    for size in BATCH_SIZES:
        with serve_peer(program, mode) as server:
            before = read_cpu_s(server.pid)
            pushed, _ = _fill(server, orders, size)
            cpu_s = read_cpu_s(server.pid) - before
        runs.append((len(orders) / pushed.wall_s, cpu_s * 1000 / len(orders), size))
    rate, cpu_s, _ = max(runs)
    return [
        Figure(measure.BULK_PUSH, subject, rate, DURABILITY),
        Figure(measure.BULK_PUSH_CPU, subject, cpu_s),
    ]


def _measure_first_sync(program: Path, subject: str, server: Server) -> list[Figure]:
    """Replicate into an empty LevelDB store a few times; the fastest counts."""
    runs = []
    for _ in range(PULLS):
        before = read_cpu_s(server.pid)
        report = pull_with_peer(program, server, "orders")
        runs.append((report["took_s"], read_cpu_s(server.pid) - before, report))
    took_s, cpu_s, report = min(runs, key=lambda run: run[0])
    return [
        Figure(measure.FIRST_SYNC, subject, took_s, "the device's store is LevelDB without fsync or encryption"),
        Figure(measure.FIRST_SYNC_CPU, subject, cpu_s),
        Figure(measure.FIRST_SYNC_DEVICE_CPU, subject, report["cpu_s"]),
        Figure(measure.FIRST_SYNC_BYTES, subject, report["wire_bytes"]),
        Figure(measure.FIRST_SYNC_REQUESTS, subject, report["requests"]),
    ]


def _measure_changes(subject: str, server: Server, orders: list[Record], revisions: dict[str, str]) -> list[Figure]:
    """Edit some records, read those changes from the position before, then poll with nothing changed."""
    before = _read_position(server)
    documents = [
        {**_make_document(order), **edit_order(order).set, "_rev": revisions[order.id]} for order in orders[:CHANGED]
    ]
    drive("127.0.0.1", server.port, [_push_requests(documents, CHANGED)])
    path = f"/orders/_changes?include_docs=true&since={before}"
    plain = drive("127.0.0.1", server.port, [[encode_request("GET", path)] * REPEATS])
    packed = encode_request("GET", path, headers={"Accept-Encoding": "gzip"})
    zipped = drive("127.0.0.1", server.port, [[packed] * REPEATS])
    if len(json.loads(gzip.decompress(zipped.bodies[0][0]))["results"]) != CHANGED:
        raise RuntimeError("the peer did not give the changed records")
    poll = encode_request("GET", f"/orders/_changes?include_docs=true&since={_read_position(server)}")
    cpu_before = read_cpu_s(server.pid)
    polled = drive("127.0.0.1", server.port, [[poll] * POLLS])
    poll_cpu_ms = (read_cpu_s(server.pid) - cpu_before) * 1000 / POLLS
    crowd = drive("127.0.0.1", server.port, [[poll] * POLLS] * POLLING_CLIENTS)
    return [
        Figure(measure.CHANGED_100, subject, find_percentile(plain.all_latencies_s, 0.5) * 1000),
        Figure(measure.CHANGED_100_BYTES, subject, plain.received_bytes / REPEATS),
        Figure(measure.CHANGED_100_GZIP, subject, zipped.received_bytes / REPEATS),
        Figure(measure.NO_CHANGE, subject, find_percentile(polled.all_latencies_s, 0.5) * 1000),
        Figure(measure.NO_CHANGE_CPU, subject, poll_cpu_ms),
        Figure(measure.NO_CHANGE_RATE, subject, crowd.answers / crowd.wall_s),
    ]


def _measure_fleet(
    subject: str, server: Server, orders: list[Record], revisions: dict[str, str], sets_per_client: int
) -> list[Figure]:
    """Let all clients push edits of three records at once, each edit of a record no other client touches."""
    by_id = {order.id: order for order in orders}
    clients = []
    for sets in plan_fleet(orders, CLIENTS, sets_per_client):
        requests = []
        for edits in sets:
            documents = [{**_make_document(by_id[edit.id]), **edit.set, "_rev": revisions[edit.id]} for edit in edits]
            requests += _push_requests(documents, len(documents))
        clients.append(requests)
    before = read_cpu_s(server.pid)
    driven = drive("127.0.0.1", server.port, clients)
    cpu_s = read_cpu_s(server.pid) - before
    results = [result for bodies in driven.bodies for body in bodies for result in json.loads(body)]
    if not all(result.get("ok") for result in results):
        raise RuntimeError("the peer refused an edit")
    latencies_ms = [latency * 1000 for latency in driven.all_latencies_s]
    return [
        Figure(measure.FLEET_PUSH, subject, driven.answers / driven.wall_s, ATOMICITY),
        Figure(measure.FLEET_PUSH_P50, subject, find_percentile(latencies_ms, 0.5)),
        Figure(measure.FLEET_PUSH_P99, subject, find_percentile(latencies_ms, 0.99)),
        Figure(measure.FLEET_PUSH_CPU, subject, cpu_s * 1000 / driven.answers),
        Figure(measure.FLEET_PUSH_LOAD, subject, driven.cpu_s * 1000 / driven.answers),
    ]


def _read_position(server: Server) -> int:
    answer = drive("127.0.0.1", server.port, [[encode_request("GET", "/orders")]])
    return int(json.loads(answer.bodies[0][0])["update_seq"])
