"""The log for whoever checks it: proofs for any entry and size, and the tiles of its Merkle tree."""

from __future__ import annotations

from typing import Any, Final

from flask import Response

from server.services import devices, log_tree
from server.services.log_tree import LogProof
from server.store.database import reading
from server.web import log_shapes
from server.web.auth import caller_organisation, require_person
from server.web.openapi import about, blueprint
from server.web.wiring import wired
from sync.checkpoint import Checkpoint

log = blueprint("log")

PROBLEMS: Final = ("value_invalid", "log_damaged")
TILE_ANSWER: Final = {
    "200": {
        "description": "至多 256 个散列 / Up to 256 hashes of 32 bytes, one behind the other",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@log.get("/log/inclusion")
@log.arguments(log_shapes.InclusionQuery, location="query")
@log.doc(**about("证明某条目在日志里", *PROBLEMS))
@log.alt_response(200, schema=log_shapes.LogProofAnswer)
def inclusion(query: dict[str, Any]) -> dict[str, Any]:
    """Prove that the entry at a position is in the log as it stands, or as it was of a size (RFC 9162)."""
    who = require_person()
    with reading(wired().engine) as connection:
        return _spell(log_tree.prove_entry(connection, who.organisation, query["position"], query.get("size")))


@log.get("/log/consistency")
@log.arguments(log_shapes.ConsistencyQuery, location="query")
@log.doc(**about("证明日志只增不改", *PROBLEMS))
@log.alt_response(200, schema=log_shapes.LogProofAnswer)
def consistency(query: dict[str, Any]) -> dict[str, Any]:
    """Prove that the log, as it stands or of a size, begins with that of an older size (RFC 9162); devices ask too.

    As it stands it comes with its signed checkpoint: who asks need not have pulled one.
    """
    organisation, size = caller_organisation(), query.get("size")
    with reading(wired().engine) as connection:
        proof = log_tree.prove_prefix(connection, organisation, query["old_size"], size)
    if size is not None:
        return _spell(proof)
    checkpoint = Checkpoint(organisation, proof.size, proof.root)
    return _spell(proof) | {"checkpoint": devices.sign_checkpoint(wired().key, organisation, checkpoint.witness)}


@log.get("/log/tile")
@log.arguments(log_shapes.TileQuery, location="query")
@log.doc(**about("默克尔树的分块", "not_found", "log_damaged", responses=TILE_ANSWER))
def tile(query: dict[str, Any]) -> Response:
    """Give a tile: row 0 has leaves, row 1 the roots over 256 leaves, and so on (C2SP tlog-tiles)."""
    who = require_person()
    with reading(wired().engine) as connection:
        hashes = log_tree.read_tile(connection, who.organisation, query["row"], query["number"])
    return Response(hashes, mimetype="application/octet-stream")


def _spell(proof: LogProof) -> dict[str, Any]:
    return {"size": proof.size, "root": proof.root.hex(), "path": [node.hex() for node in proof.path]}
