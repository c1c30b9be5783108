"""What the peer Kinto, a record store with sync on PostgreSQL, does with the benchmarks' load.

It runs as its documentation recommends for production (`kinto/kinto.ini`). A batch of its requests is one
transaction; it checks a password, no signature. It leaves compression to a web server in front of it, so its
answers are compressed here, as that one would.
"""

import base64
import gzip
import http.client
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import measure
from benchmarks.load import Drive, drive, encode_request
from benchmarks.measure import Figure, Options, find_percentile
from benchmarks.peers.kinto_server import BATCH_REQUESTS, KintoServer, install_kinto, serve_kinto
from benchmarks.workload import Record, edit_order, encode_json, make_catalogue, make_orders, plan_fleet
from tests.postgres import running_postgres

DEFAULT_BATCH = 25
DEFAULT_RECORDS = 1_000  # enough to see which batch size is faster
CLIENTS = 32
CHANGED = 100
POLLS = 400
POLLING_CLIENTS = 8
REPEATS = 21
SYNCS = 2
RECORDS = "/buckets/field/collections/orders/records"
ACCOUNT, PASSWORD = "bench", "bench-password"
AUTHORIZATION = {"Authorization": "Basic " + base64.b64encode(f"{ACCOUNT}:{PASSWORD}".encode()).decode()}
DURABILITY = "durable: PostgreSQL's default commit; its own CPU is not in the server's"
SYNC = "answers only received and unpacked, not stored; their heads not counted"


def run(options: Options) -> list[Figure]:
    """Measure the peer on a database of its own for each batch size."""
    environment = install_kinto(options.folder)
    orders = list(make_orders(make_catalogue(options.seed), options.records, options.seed))
    with running_postgres(durable=True) as postgres:

        def fresh_url() -> str:
            return f"postgresql://postgres@/{postgres.create_database()}?host={postgres.folder}"

        with serve_kinto(environment, fresh_url()) as server:
            runs = [_fill(server, orders[:DEFAULT_RECORDS], DEFAULT_BATCH)]
        with serve_kinto(environment, fresh_url()) as server:
            runs.append(_fill(server, orders, BATCH_REQUESTS))
            wall_s, cpu_s = min(runs)
            return [
                Figure(measure.BULK_PUSH, measure.KINTO, 1 / wall_s, DURABILITY),
                Figure(measure.BULK_PUSH_CPU, measure.KINTO, cpu_s * 1000),
                *_measure_first_sync(server, len(orders)),
                *_measure_changes(server, orders),
                *_measure_fleet(server, orders[CHANGED:], options.sets_per_client),
            ]


def _ask(method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    return encode_request(method, f"/v1{path}", body, {**AUTHORIZATION, **(headers or {})})


def _put(order: Record) -> dict[str, Any]:
    return {"method": "PUT", "path": f"/v1{RECORDS}/{order.id}", "body": {"data": {"kind": order.kind, **order.values}}}


def _batch(requests: Sequence[dict[str, Any]]) -> bytes:
    return _ask("POST", "/batch", encode_json({"requests": requests}))


def _edit(values: Mapping[str, Any], record_id: str) -> dict[str, Any]:
    return {"method": "PATCH", "path": f"/v1{RECORDS}/{record_id}", "body": {"data": dict(values)}}


def _fill(server: KintoServer, orders: Sequence[Record], size: int) -> tuple[float, float]:
    """Push orders over one connection; give the seconds, and the server's CPU seconds, of one."""
    account = {"data": {"password": PASSWORD}}
    drive(
        "127.0.0.1",
        server.port,
        [
            [
                encode_request("PUT", f"/v1/accounts/{ACCOUNT}", encode_json(account)),
                _ask("PUT", "/buckets/field", b"{}"),
                _ask("PUT", "/buckets/field/collections/orders", b"{}"),
            ]
        ],
    )
    batches = [_batch([_put(order) for order in orders[at : at + size]]) for at in range(0, len(orders), size)]
    cpu_s = server.cpu_s()
    pushed = drive("127.0.0.1", server.port, [batches])
    cpu_s = server.cpu_s() - cpu_s
    _check(pushed, 201)
    return pushed.wall_s / len(orders), cpu_s / len(orders)


def _measure_first_sync(server: KintoServer, count: int) -> list[Figure]:
    runs = []
    for _ in range(SYNCS):
        cpu_s, began = server.cpu_s(), time.perf_counter()
        pages = _read_all(server.port)
        took_s = time.perf_counter() - began
        if sum(len(json.loads(page)["data"]) for page in pages) != count:
            raise RuntimeError("the peer did not give all records")
        packed = sum(len(gzip.compress(page, 6)) for page in pages)
        runs.append((took_s, packed, len(pages), server.cpu_s() - cpu_s))
    took_s, packed, requests, cpu_s = min(runs)
    return [
        Figure(measure.FIRST_SYNC, measure.KINTO, took_s, SYNC),
        Figure(measure.FIRST_SYNC_GZIP, measure.KINTO, packed),
        Figure(measure.FIRST_SYNC_REQUESTS, measure.KINTO, requests),
        Figure(measure.FIRST_SYNC_CPU, measure.KINTO, cpu_s),
    ]


def _read_all(port: int) -> list[bytes]:
    """Read all records page by page, each from the address the page before names."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    address, pages = f"/v1{RECORDS}?_sort=last_modified", []
    while address:
        connection.request("GET", address, headers=AUTHORIZATION)
        answer = connection.getresponse()
        pages.append(answer.read())
        if answer.status != http.client.OK:
            raise RuntimeError(f"the peer answered {answer.status}: {pages[-1][:300]!r}")
        address = (answer.getheader("Next-Page") or "").partition(f":{port}")[2]
    connection.close()
    return pages


def _measure_changes(server: KintoServer, orders: Sequence[Record]) -> list[Figure]:
    before = _read_position(server)
    edits = [_edit(edit_order(order).set, order.id) for order in orders[:CHANGED]]
    _check(drive("127.0.0.1", server.port, [[_batch(edits)]]), 200)
    changed = drive("127.0.0.1", server.port, [[_ask("GET", f"{RECORDS}?_since={before}")] * REPEATS])
    body = changed.bodies[0][0]
    if len(json.loads(body)["data"]) != CHANGED:
        raise RuntimeError("the peer did not give the changed records")
    now = _read_position(server)
    poll = _ask("GET", f"{RECORDS}?_since={now}", headers={"If-None-Match": f'"{now}"'})
    cpu_s = server.cpu_s()
    polled = drive("127.0.0.1", server.port, [[poll] * POLLS])
    cpu_s = server.cpu_s() - cpu_s
    crowd = drive("127.0.0.1", server.port, [[poll] * (POLLS // POLLING_CLIENTS)] * POLLING_CLIENTS)
    if {status for statuses in (*polled.statuses, *crowd.statuses) for status in statuses} != {304}:
        raise RuntimeError("the peer says that something changed")
    return [
        Figure(measure.CHANGED_100, measure.KINTO, find_percentile(changed.all_latencies_s, 0.5) * 1000),
        Figure(measure.CHANGED_100_BYTES, measure.KINTO, len(body)),
        Figure(measure.CHANGED_100_GZIP, measure.KINTO, len(gzip.compress(body, 6))),
        Figure(measure.NO_CHANGE, measure.KINTO, find_percentile(polled.all_latencies_s, 0.5) * 1000),
        Figure(measure.NO_CHANGE_CPU, measure.KINTO, cpu_s * 1000 / POLLS),
        Figure(measure.NO_CHANGE_RATE, measure.KINTO, crowd.answers / crowd.wall_s),
    ]


def _measure_fleet(server: KintoServer, orders: Sequence[Record], sets_per_client: int) -> list[Figure]:
    clients = [
        [_batch([_edit(edit.set, edit.id) for edit in edits]) for edits in sets]
        for sets in plan_fleet(orders, CLIENTS, sets_per_client)
    ]
    cpu_s, wall_s, load_s = server.cpu_s(), 0.0, 0.0
    latencies: list[float] = []
    pushed = waiting = sum(map(len, clients))
    while waiting:
        driven = drive("127.0.0.1", server.port, clients)
        wall_s, load_s = wall_s + driven.wall_s, load_s + driven.cpu_s
        latencies += driven.all_latencies_s
        refused = [_list_refused(*client) for client in zip(clients, driven.bodies, strict=True)]
        clients = [requests for requests in refused if requests]
        waiting = sum(map(len, clients))
    cpu_s = server.cpu_s() - cpu_s
    repeated = len(latencies) / pushed - 1
    note = f"{repeated:.0%} of the sets were refused for meeting another set, and pushed again: part of the time"
    return [
        Figure(measure.FLEET_PUSH, measure.KINTO, pushed / wall_s, note),
        Figure(measure.FLEET_PUSH_P50, measure.KINTO, find_percentile(latencies, 0.5) * 1000),
        Figure(measure.FLEET_PUSH_P99, measure.KINTO, find_percentile(latencies, 0.99) * 1000),
        Figure(measure.FLEET_PUSH_CPU, measure.KINTO, cpu_s * 1000 / pushed),
        Figure(measure.FLEET_PUSH_LOAD, measure.KINTO, load_s * 1000 / pushed),
    ]


def _list_refused(requests: Sequence[bytes], bodies: Sequence[bytes]) -> list[bytes]:
    """Return the batches of which some part met another client's write, which the peer asks to repeat."""
    again = []
    for request, body in zip(requests, bodies, strict=True):
        found = {part["status"] for part in json.loads(body)["responses"]}
        if not found <= {200, 409}:
            raise RuntimeError(f"the peer answered {found}: {body[:500]!r}")
        if 409 in found:
            again.append(request)
    return again


def _read_position(server: KintoServer) -> int:
    """Return the newest timestamp of the records."""
    answer = drive("127.0.0.1", server.port, [[_ask("GET", f"{RECORDS}?_sort=-last_modified&_limit=1")]])
    newest: int = json.loads(answer.bodies[0][0])["data"][0]["last_modified"]
    return newest


def _check(driven: Drive, status: int) -> None:
    """Refuse figures of a server that did not do the work: every part of every batch has this status."""
    if {found for statuses in driven.statuses for found in statuses} != {200}:
        raise RuntimeError(f"the peer answered {driven.statuses[0][:5]}: {driven.bodies[0][0][:500]!r}")
    for bodies in driven.bodies:
        for body in bodies:
            found = {part["status"] for part in json.loads(body)["responses"]}
            if found != {status}:
                raise RuntimeError(f"the peer answered {found}: {body[:500]!r}")
