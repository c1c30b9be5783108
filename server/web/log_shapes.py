"""Shapes of the log's proofs."""

from __future__ import annotations

from typing import Final

from marshmallow import fields, validate

from schemas.base import WHOLE_NUMBER_MAX
from server.web.shapes import Answer, Request

_SIZE: Final = {"description": "日志条数，缺省为当前 / How many entries the log has; as it stands unless given"}


class InclusionQuery(Request):
    """Which entry is to be shown in the log of which size."""

    position = fields.Integer(required=True, validate=validate.Range(1, WHOLE_NUMBER_MAX))
    size = fields.Integer(validate=validate.Range(1, WHOLE_NUMBER_MAX), metadata=_SIZE)


class ConsistencyQuery(Request):
    """Which older log is to be shown as the beginning of which."""

    old_size = fields.Integer(required=True, validate=validate.Range(1, WHOLE_NUMBER_MAX))
    size = fields.Integer(validate=validate.Range(1, WHOLE_NUMBER_MAX), metadata=_SIZE)


class TileQuery(Request):
    """Which tile of the Merkle tree."""

    row = fields.Integer(required=True, validate=validate.Range(0, 9))
    number = fields.Integer(required=True, validate=validate.Range(0, WHOLE_NUMBER_MAX))


class LogProofAnswer(Answer):
    """A proof for the log of some size: the nodes of its path, and the root they lead to."""

    size = fields.Integer()
    root = fields.String()
    path = fields.List(fields.String())
    checkpoint = fields.String(metadata={"description": "当前日志的签名检查点 / Signed note of the log as it stands"})
