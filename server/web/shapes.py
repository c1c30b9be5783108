"""The JSON bodies of requests and answers, declared for checking and for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate, validates_schema

from schemas.base import (
    DAY_PATTERN,
    INSTANT_PATTERN,
    KEY_PATTERN,
    SHA256_PATTERN,
    UUID_PATTERN,
    WHOLE_NUMBER_MAX,
    StrictText,
    choice,
    many,
    pattern,
    text,
    whole,
)
from schemas.lifecycle import ORDER_STATES
from schemas.review import EXCEPTION_CODES
from server.services.orders_read import PAGE_ORDERS_MAX
from server.services.reviews import CHOICES
from server.services.reviews_read import PAGE_REVIEWS_MAX
from sync.changeset import CHANGES_MAX
from sync.checksum import BUCKETS
from sync.device_certificate import CERTIFICATE_PATTERN
from sync.receipt import VERDICTS
from sync.wipe_order import NONCE_PATTERN

SCOPE_IDS_MAX: Final = 500
"""Records asked for by id in one request: about 600 KB of answer."""

PUBLIC_KEY_PATTERN: Final = r"[0-9a-f]{64}\Z"
INTENT_PATTERN: Final = r"[a-z][a-z0-9_.]{0,63}\Z"

_REVIEW_KINDS: Final = ("conflict", "exception")
_STATES: Final = ("open", "settled")
_CERTIFICATE_TEXT: Final = r"gongdan-device\n<organisation>\n<device>\n<person>\n<public_key>\n"
_WIPE_TEXT: Final = r"gongdan-wipe\n<organisation>\n<device>\n<nonce>\n<seq>\n<digest>\n<ordered_at>\n"
_WIPED_TEXT: Final = r"gongdan-wiped\n<organisation>\n<device>\n<ordered_at>\n"
_AFTER: Final = "上一页的 after / The page before's `after`"
TOLD: Final = "终端自报状态 / What the device tells of itself; see docs/protocol.md, Being watched over"


def _strict(*validators: Any, **options: Any) -> StrictText:
    return StrictText(validate=list(validators), **options)


class Request(Schema):
    """A request's body or query; unknown names are refused, since they are mistakes."""

    class Meta:
        unknown = RAISE


class Answer(Schema):
    """An answer; it may gain members, so nobody should object to unknown ones."""

    class Meta:
        unknown = EXCLUDE


class Enrol(Request):
    """What a device sends to be enrolled."""

    code = text("登记码", "Enrolment code", most=64, least=1, required=True)
    public_key = pattern("公钥", "Ed25519 public key in hexadecimal", PUBLIC_KEY_PATTERN, required=True)
    name = text("终端名称", "Name of the device", most=200, required=True)
    device = pattern("原终端编号", "The id it was enrolled under before, if it was", UUID_PATTERN)
    certificate = pattern("登记证明", "The certificate it got then", CERTIFICATE_PATTERN)


class EnrolAnswer(Answer):
    """What an enrolled device is told."""

    organisation, device, person = fields.UUID(), fields.UUID(), fields.UUID()
    person_name = fields.String()
    server_key = fields.String(metadata={"description": "服务器公钥 / The office's Ed25519 public key"})
    epoch = fields.UUID()
    certificate = fields.String(metadata={"description": f"Ed25519 over `{_CERTIFICATE_TEXT}`, in hexadecimal"})
    server_time = fields.String()


class SignIn(Request):
    """A login and a password."""

    login = text("用户名", "Login", most=120, least=1, required=True)
    password = text("密码", "Password", most=1000, required=True)
    code = text("验证码或恢复码", "Code of the second factor, or recovery code", most=40)


class Me(Answer):
    """Who is signed in."""

    person = fields.UUID()
    name = fields.String()
    roles = fields.List(fields.String())


class OrderQuery(Request):
    """Which orders to list."""

    status = _strict(validate.OneOf(ORDER_STATES), metadata={"description": "状态 / Status"})
    after = _strict(validate.Length(max=80), metadata={"description": _AFTER})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, PAGE_ORDERS_MAX))


class OrderRow(Answer):
    """A row of the list of orders."""

    id = fields.UUID()
    number, status, grade = fields.String(), fields.String(), fields.String()
    engineer, customer, machine = (fields.UUID(allow_none=True) for _ in range(3))
    due_at = fields.String(allow_none=True)


class OrderPage(Answer):
    """A page of orders."""

    orders = fields.List(fields.Nested(OrderRow))
    after = fields.String(allow_none=True)


class Entry(Answer):
    """A record as it stands."""

    id = fields.UUID()
    kind = fields.String()
    body = fields.Dict()
    withdrawn = fields.Dict(metadata={"description": "撤回 / The withdrawal, of a fact that does not count"})


class OrderDetail(Answer):
    """An order with what it refers to and what follows it."""

    order = fields.Nested(Entry)
    refers_to = fields.List(fields.Nested(Entry))
    followed_by = fields.List(fields.Nested(Entry))


class OfficeChange(Request):
    """A record created, updated or deleted by the office."""

    kind = pattern("记录类型", "Record kind", KEY_PATTERN, required=True)
    id = pattern("记录", "Record id", UUID_PATTERN, required=True)
    op = choice("操作", "Operation", ("create", "update", "delete"), required=True)
    set = fields.Dict(keys=fields.String(), load_default=dict)
    was = fields.Dict(keys=fields.String(), load_default=dict)

    @validates_schema
    def check_fields(self, data: dict[str, Any], **_: Any) -> None:
        """An update names in `was` exactly the fields it sets; a create has no `was`, a delete no `set`."""
        if data["op"] == "update" and data["set"].keys() != data["was"].keys():
            raise ValidationError("An update names exactly the fields it sets.", "was")
        if data["op"] == "create" and data["was"]:
            raise ValidationError("A create has no earlier values.", "was")
        if data["op"] == "delete" and data["set"]:
            raise ValidationError("A delete sets nothing.", "set")


class OfficeChanges(Request):
    """Changes that take effect together."""

    intent = pattern("意图", "What is being done, such as `order.assign`", INTENT_PATTERN, required=True)
    changes = fields.List(fields.Nested(OfficeChange), required=True, validate=validate.Length(min=1, max=CHANGES_MAX))


class ChangeVerdict(Answer):
    """What became of one change."""

    id = fields.UUID()
    verdict = fields.String(validate=validate.OneOf(VERDICTS))
    contested = fields.List(fields.String())
    fault = fields.Dict(allow_none=True)


class ReceiptAnswer(Answer):
    """What became of a change-set."""

    set_id, device = fields.UUID(), fields.UUID()
    seq = fields.Integer()
    digest = fields.String()
    verdict = fields.String(validate=validate.OneOf(VERDICTS))
    received_at = fields.String()
    position = fields.Integer(allow_none=True)
    fault = fields.Dict(allow_none=True)
    changes = fields.List(fields.Nested(ChangeVerdict))


class ReviewQuery(Request):
    """Which conflicts and exceptions to list."""

    state = _strict(validate.OneOf(_STATES), load_default="open")
    kind = _strict(validate.OneOf(_REVIEW_KINDS))
    after = _strict(validate.Length(max=80), metadata={"description": _AFTER})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, PAGE_REVIEWS_MAX))


class Review(Answer):
    """A conflict or an exception."""

    id = fields.UUID()
    kind = fields.String(validate=validate.OneOf(_REVIEW_KINDS))
    state = fields.String(validate=validate.OneOf(_STATES))
    subject = fields.UUID()
    field = fields.String(metadata={"description": f"A field, or one of: {', '.join(EXCEPTION_CODES)}"})
    opened = fields.Integer(metadata={"description": "日志位置 / Log position"})
    body = fields.Dict()


class ReviewPage(Answer):
    """A page of conflicts and exceptions."""

    reviews = fields.List(fields.Nested(Review))
    after = fields.String(allow_none=True)


class Settlement(Request):
    """A person's decision."""

    choice = choice("裁定", "Decision", CHOICES, required=True)
    value = fields.Raw(allow_none=True, load_default=None, metadata={"description": "Value when `other`"})
    note = text("说明", "Note", most=1000)


class TraceQuery(Request):
    """What to trace."""

    number = _strict(
        validate.Length(1, 200), required=True, metadata={"description": "序列号或批号 / Serial or batch number"}
    )
    on_day = _strict(validate.Regexp(DAY_PATTERN), metadata={"description": "某日 / Only what a machine held on a day"})
    as_known_at = fields.Integer(
        validate=validate.Range(0, WHOLE_NUMBER_MAX),
        metadata={"description": "当时所知 / As known at a position of the log"},
    )
    as_known_on = _strict(validate.Length(10, 24), metadata={"description": "某日所知 / As known by a day or instant"})
    after = _strict(validate.Length(0, 36), load_default="", metadata={"description": "下一页 / Spans behind this one"})


class EpcisQuery(Request):
    """Whose events are wanted."""

    number = _strict(
        validate.Length(1, 200), required=True, metadata={"description": "序列号、批号或设备编号 / Number"}
    )
    about = _strict(
        validate.OneOf(("serial", "batch", "machine")),
        load_default="serial",
        metadata={"description": "编号是什么 / What the number is"},
    )
    maker = _strict(validate.Length(0, 200), load_default="", metadata={"description": "制造商或 GTIN / Of one maker"})
    on_day = _strict(validate.Regexp(DAY_PATTERN), metadata={"description": "某日 / On a day"})
    known_on = _strict(validate.Regexp(DAY_PATTERN), metadata={"description": "截至某日所知 / As known on a day"})


class Trace(Answer):
    """Where parts were, from when to when."""

    number = fields.String()
    found_as = fields.List(fields.String(validate=validate.OneOf(("serial", "batch", "machine"))))
    on_day = fields.String()
    as_known_at = fields.Integer(allow_none=True)
    spans = fields.List(fields.Dict())
    after = fields.String(allow_none=True)
    stock = fields.List(fields.Dict(), metadata={"description": "车载与网点库存 / What is in vans and centres"})


class Checkpoint(Answer):
    """The signed state of the log."""

    organisation = fields.UUID()
    size = fields.Integer()
    root = fields.String()
    public_key = fields.String()
    checkpoint = fields.String(metadata={"description": "签名的检查点 / Signed note after C2SP tlog-checkpoint"})


class Invite(Request):
    """For whom a device is to be enrolled."""

    person = pattern("使用人", "Person", UUID_PATTERN, required=True)


class Invitation(Answer):
    """A one-time enrolment code; it is shown once."""

    code, text, expires_at = fields.String(), fields.String(), fields.String()


class Buckets(Request):
    """Which buckets to compare."""

    buckets = many("桶", "Buckets", whole("桶", "Bucket", most=BUCKETS - 1, required=True), most=BUCKETS, required=True)


class Ids(Request):
    """Which records to fetch."""

    ids = many(
        "记录", "Records", pattern("记录", "Record", UUID_PATTERN, required=True), most=SCOPE_IDS_MAX, required=True
    )


class PullQuery(Request):
    """Where a device's cursor stands."""

    since = fields.Integer(load_default=0)
    epoch = fields.String(load_default="")
    after = fields.String()
    most = fields.Integer()
    told = fields.String(metadata={"description": TOLD})


class ReceiptQuery(Request):
    """From which of its sets a device wants receipts."""

    from_seq = fields.Integer(required=True)


class BucketSums(Answer):
    """The checksum of each bucket of a device's scope."""

    sums = fields.List(fields.String(), validate=validate.Length(equal=BUCKETS))
    position = fields.Integer()
    epoch = fields.UUID()


class RecordDigests(Answer):
    """The digest of each record in some buckets."""

    digests = fields.Dict(keys=fields.UUID(), values=fields.String())


class Token(Answer):
    """A short token bound to the device's key."""

    token = fields.String()
    expires_in_s = fields.Integer()


class Wipe(Request):
    """A revoked device's question whether to destroy its keys, and the end of its chain."""

    nonce = pattern("随机数", "Drawn for this question: 32 bytes in hexadecimal", NONCE_PATTERN, required=True)
    seq = whole("序号", "Number of its last set, 0 when there is none", required=True)
    digest = pattern("摘要", "Digest of its last set", SHA256_PATTERN, required=True)


class WipeOrder(Answer):
    """The office's order."""

    ordered_at = fields.String()
    signature = fields.String(metadata={"description": f"Ed25519 over `{_WIPE_TEXT}`, in hexadecimal"})


class WipeConfirmation(Request):
    """That a device has destroyed its keys, signed before it did."""

    organisation = pattern("组织", "Organisation", UUID_PATTERN, required=True)
    device = pattern("终端", "Device", UUID_PATTERN, required=True)
    ordered_at = pattern("命令时间", "When the order was given", INSTANT_PATTERN, required=True)
    signature = pattern("签名", f"Ed25519 over `{_WIPED_TEXT}`, in hexadecimal", r"[0-9a-f]{128}\Z", required=True)


class WipeConfirmed(Answer):
    """That it is written down."""

    confirmed = fields.Boolean()


class Problem(Answer):
    """Why a request was refused. Source: RFC 9457."""

    type = fields.String()
    status = fields.Integer()
    code = fields.String(metadata={"description": "稳定的代码 / A stable code"})
    title, title_zh, detail = fields.String(), fields.String(), fields.String()
    retry = fields.String(validate=validate.OneOf(("never", "later", "after_pull", "ask_person")))


class HealthReason(Answer):
    """What keeps the server from its work."""

    check, code = fields.String(), fields.String()
    zh, en = fields.String(), fields.String()


class Health(Answer):
    """Whether the server can do its work."""

    status = fields.String()
    checks = fields.Dict(keys=fields.String(), values=fields.String())
    reasons = fields.List(fields.Nested(HealthReason))
