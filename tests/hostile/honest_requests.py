"""What an honest request to each route looks like; `test_matrix.py` makes it as everybody there can be."""

from __future__ import annotations

from typing import Final

from sync import chain
from tests.hostile.request_forms import Form, Request
from tests.hostile.stock_requests import STOCK_REQUESTS
from tests.sync.made_up import FIRST, seal

TUS: Final = {"Tus-Resumable": "1.0.0"}
BYTES: Final = {**TUS, "Content-Type": "application/offset+octet-stream"}
FILE: Final = b"a photo of ours"

PAGES: Final = ("/desk", "/static", "/favicon.ico", "/01/", "/report", "/follow/")
"""What the addresses of pages begin with; all others are a program's, below PREFIX."""


def is_page(path: str) -> bool:
    """Tell whether an address of the table of access is a page's, or of what pages load."""
    return path.startswith(PAGES)


REQUESTS: Final[dict[str, Request]] = {
    "GET /health/live": Request("/health/live"),
    "GET /health/ready": Request("/health/ready"),
    "GET /openapi.json": Request("/openapi.json"),
    "GET /docs": Request("/docs"),
    "POST /enrol": Request("/enrol", {"code": "A" * 20, "public_key": "00" * 32, "name": "x"}),
    "POST /session": Request("/session", {"login": "nobody", "password": "wrong"}),
    "GET /session": Request("/session"),
    "DELETE /session": Request("/session"),
    "POST /token": Request("/token"),
    "POST /push": Request("/push", seal(FIRST).line + b"\n"),
    "POST /wipe": Request("/wipe", {"nonce": "00" * 32, "seq": 0, "digest": chain.FIRST_PREV}),
    "GET /pull": Request("/pull?since=0&epoch="),
    "GET /receipts": Request("/receipts?from_seq=1"),
    "POST /scope/buckets": Request("/scope/buckets"),
    "POST /scope/records": Request("/scope/records", {"buckets": list(range(256))}),
    "POST /scope/fetch": Request("/scope/fetch", {"ids": ["<order>", "<machine>", "<chen>"]}),
    "OPTIONS /blobs/uploads": Request("/blobs/uploads"),
    "OPTIONS /blobs/uploads/<upload>": Request("/blobs/uploads/<upload>"),
    "POST /blobs/uploads": Request("/blobs/uploads", None, {**TUS, "Upload-Length": "5"}),
    "POST /blobs/uploads/<upload>": Request(
        "/blobs/uploads/<upload>", None, {**BYTES, "X-HTTP-Method-Override": "HEAD"}, names_ours=True
    ),
    "PATCH /blobs/uploads/<upload>": Request(
        "/blobs/uploads/<upload>", b"", {**BYTES, "Upload-Offset": "0"}, names_ours=True
    ),
    "HEAD /blobs/uploads/<upload>": Request("/blobs/uploads/<upload>", None, TUS, names_ours=True),
    "DELETE /blobs/uploads/<upload>": Request("/blobs/uploads/<upload>", None, TUS, names_ours=True),
    "POST /blobs/states": Request("/blobs/states", {"sha256": ["<file>"]}),
    "GET /blobs/<sha256>": Request("/blobs/<file>", names_ours=True),
    "GET /orders": Request("/orders"),
    "GET /orders/<order_id>": Request("/orders/<order>", names_ours=True),
    "GET /orders/<order_id>/sheet.pdf": Request("/orders/<order>/sheet.pdf", names_ours=True),
    "POST /changes": Request(
        "/changes",
        {
            "intent": "order.note",
            "changes": [
                {"kind": "work_order", "id": "<order>", "op": "update", "set": {"phone": "1"}, "was": {"phone": None}}
            ],
        },
        names_ours=True,
    ),
    "GET /reviews": Request("/reviews"),
    "POST /reviews/<review_id>/settlement": Request(
        "/reviews/<review>/settlement", {"choice": "office"}, names_ours=True
    ),
    "GET /trace": Request("/trace?number=SENTINEL-7f3a-serial", names_ours=True),
    "GET /trace/epcis": Request("/trace/epcis?number=SENTINEL-7f3a-serial", names_ours=True),
    "GET /fleet": Request("/fleet"),
    "GET /log/checkpoint": Request("/log/checkpoint"),
    "GET /log/inclusion": Request("/log/inclusion?position=1"),
    "GET /log/consistency": Request("/log/consistency?old_size=1"),
    "GET /log/tile": Request("/log/tile?row=0&number=0"),
    "POST /enrolments": Request("/enrolments", {"person": "<wei>"}, names_ours=True),
    "POST /requests": Request("/requests", {"symptom": "it rattles"}),
    "GET /requests": Request("/requests"),
    "GET /requests/<request_id>": Request("/requests/<request>", names_ours=True),
    "GET /report": Request("/report"),
    "POST /report": Request("/report", Form(symptom="it rattles", contact="x", phone="1", condition="stopped")),
    "GET /01/<gtin>/21/<path:serial>": Request("/01/09506000134352/21/MC12-0007"),
    "POST /01/<gtin>/21/<path:serial>": Request("/01/09506000134352/21/MC12-0007", Form(symptom="x", phone="1")),
    "GET /follow/<link>": Request("/follow/<link>"),
    "POST /follow/<link>/notes": Request("/follow/<link>/notes", Form(words="it rattles still")),
    "POST /follow/<link>/rating": Request("/follow/<link>/rating", Form(speed="5")),
    "GET /follow/<link>/files/<sha256>": Request("/follow/<link>/files/<file>"),
    "GET /desk/requests": Request("/desk/requests"),
    "GET /desk/requests/new": Request("/desk/requests/new"),
    "POST /desk/requests/new": Request("/desk/requests/new", Form(symptom="it rattles")),
    "GET /desk/requests/<request_id>": Request("/desk/requests/<request>", names_ours=True),
    "POST /desk/requests/<request_id>": Request("/desk/requests/<request>", Form(since="today"), names_ours=True),
    "POST /desk/requests/<request_id>/answer": Request(
        "/desk/requests/<request>/answer", Form(words="we come"), names_ours=True
    ),
    "POST /desk/requests/<request_id>/duplicate": Request(
        "/desk/requests/<request>/duplicate", Form(of="<order>"), names_ours=True
    ),
    "POST /desk/requests/<request_id>/order": Request(
        "/desk/requests/<request>/order", Form(grade="urgent"), names_ours=True
    ),
    "POST /desk/requests/<request_id>/refusal": Request(
        "/desk/requests/<request>/refusal", Form(refusal_reason="not ours"), names_ours=True
    ),
    "POST /desk/requests/<request_id>/reopening": Request(
        "/desk/requests/<request>/reopening", Form(), names_ours=True
    ),
    "POST /desk/requests/<request_id>/solution": Request(
        "/desk/requests/<request>/solution", Form(advice="turn it off"), names_ours=True
    ),
    "GET /desk/known-fixes": Request("/desk/known-fixes"),
    "POST /desk/known-fixes": Request("/desk/known-fixes", Form(title="loose screw")),
    "POST /desk/known-fixes/<uuid:fix>/state": Request(
        "/desk/known-fixes/<chen>/state", Form(state="retired", seen="in_use"), names_ours=True
    ),
    "GET /static/<path:name>": Request("/static/desk.css"),
    "GET /favicon.ico": Request("/favicon.ico"),
    "GET /desk": Request("/desk"),
    "GET /desk/sign-in": Request("/desk/sign-in"),
    "POST /desk/sign-in": Request("/desk/sign-in", Form(login="nobody", password="wrong")),
    "POST /desk/sign-out": Request("/desk/sign-out", Form()),
    "POST /desk/language": Request("/desk/language", Form(language="en")),
    "POST /wipe/confirmation": Request(
        "/wipe/confirmation",
        {
            "organisation": "<organisation>",
            "device": "<device>",
            "ordered_at": "2026-11-21T00:00:00Z",
            "signature": "00" * 64,
        },
    ),
    "GET /desk/sign-in/code": Request("/desk/sign-in/code"),
    "POST /desk/sign-in/code": Request("/desk/sign-in/code", Form(code="000000")),
    "GET /desk/oidc/<name>": Request("/desk/oidc/sso"),
    "GET /desk/oidc/<name>/back": Request("/desk/oidc/sso/back?state=x&code=x"),
    "GET /desk/oidc/<name>/out": Request("/desk/oidc/sso/out"),
    "GET /desk/password/<secret>": Request("/desk/password/guessed"),
    "POST /desk/password/<secret>": Request("/desk/password/guessed", Form(password="x" * 20, again="x" * 20)),
    "GET /desk/account": Request("/desk/account"),
    "POST /desk/account/second-factor": Request("/desk/account/second-factor", Form(code="000000")),
    "POST /desk/account/second-factor/removal": Request("/desk/account/second-factor/removal", Form()),
    "POST /desk/account/recovery-codes": Request("/desk/account/recovery-codes", Form()),
    "POST /desk/account/sessions": Request("/desk/account/sessions", Form()),
    "POST /desk/account/password": Request("/desk/account/password", Form(current="guess", password="x", again="x")),
    "GET /desk/accounts": Request("/desk/accounts"),
    "GET /desk/accounts/<uuid:person>": Request("/desk/accounts/<wei>", names_ours=True),
    "POST /desk/accounts/<uuid:person>/invitation": Request(
        "/desk/accounts/<dana>/invitation", Form(login="dana-anew"), names_ours=True
    ),
    "POST /desk/accounts/<uuid:person>/roles": Request(
        "/desk/accounts/<wei>/roles", Form(seen="engineer", roles="engineer"), names_ours=True
    ),
    "POST /desk/accounts/<uuid:person>/disabled": Request(
        "/desk/accounts/<chen>/disabled", Form(confirmed="yes", disabled="no"), names_ours=True
    ),
    "POST /desk/accounts/<uuid:person>/sessions": Request("/desk/accounts/<chen>/sessions", Form()),
    "POST /desk/accounts/<uuid:person>/second-factor": Request(
        "/desk/accounts/<wei>/second-factor", Form(confirmed="yes")
    ),
    "POST /desk/accounts/rules": Request("/desk/accounts/rules", Form(admins_least="1")),
    "GET /desk/erasures": Request("/desk/erasures"),
    "POST /desk/erasures": Request("/desk/erasures", Form(words="nobody at all", confirmed="yes", grounds="asked")),
    "POST /desk/erasures/preview": Request("/desk/erasures/preview", Form(words="nobody at all")),
    "GET /desk/journal": Request("/desk/journal"),
    "GET /desk/fleet": Request("/desk/fleet"),
    "GET /desk/fleet/<uuid:device>": Request("/desk/fleet/<device>", names_ours=True),
    "GET /desk/fleet/enrolments": Request("/desk/fleet/enrolments"),
    "GET /desk/fleet/enrolments/<code>": Request("/desk/fleet/enrolments/x"),
    "POST /desk/fleet/enrolments": Request("/desk/fleet/enrolments", Form(person="<wei>"), names_ours=True),
    "POST /desk/fleet/<uuid:device>/revocation": Request(
        "/desk/fleet/<device>/revocation", Form(confirmed=""), names_ours=True
    ),
    "POST /desk/fleet/<uuid:device>/thaw": Request("/desk/fleet/<device>/thaw", Form(confirmed="yes"), names_ours=True),
    "GET /desk/trace": Request("/desk/trace?q=SENTINEL-7f3a-serial"),
    "GET /desk/trace/serial": Request("/desk/trace/serial?q=SENTINEL-7f3a-serial", names_ours=True),
    "GET /desk/trace/serial/export": Request("/desk/trace/serial/export?q=SENTINEL-7f3a-serial", names_ours=True),
    "GET /desk/trace/batch": Request("/desk/trace/batch?q=none", names_ours=True),
    "GET /desk/trace/batch/export": Request("/desk/trace/batch/export?q=none&form=epcis", names_ours=True),
    "GET /desk/trace/machine/<uuid:machine>": Request("/desk/trace/machine/<machine>", names_ours=True),
    "GET /desk/trace/machine/<uuid:machine>/export": Request(
        "/desk/trace/machine/<machine>/export?form=pdf", names_ours=True
    ),
    "GET /desk/trace/supplier/<uuid:supplier>": Request("/desk/trace/supplier/<chen>", names_ours=True),
    "GET /desk/trace/part/<uuid:part>": Request("/desk/trace/part/<chen>", names_ours=True),
    "GET /desk/trace/customer/<uuid:customer>": Request("/desk/trace/customer/<chen>", names_ours=True),
    "GET /desk/trace/gaps": Request("/desk/trace/gaps?by=month"),
    "GET /desk/trace/gaps/export": Request("/desk/trace/gaps/export?form=csv"),
    "GET /desk/live": Request("/desk/live"),
    "GET /desk/reconcile": Request("/desk/reconcile"),
    "GET /desk/reconcile/list": Request("/desk/reconcile/list"),
    "GET /desk/reconcile/<review_id>/evidence": Request("/desk/reconcile/<review>/evidence", names_ours=True),
    "POST /desk/reconcile/<review_id>/decision": Request(
        "/desk/reconcile/<review>/decision", Form(choice="office", note="x", seen="x.x"), names_ours=True
    ),
    "POST /desk/reconcile/safe": Request("/desk/reconcile/safe", Form(shown="<review>:x.x")),
    "POST /desk/reconcile/<review_id>/undo": Request("/desk/reconcile/<review>/undo", Form(), names_ours=True),
    "POST /desk/reconcile/<review_id>/later": Request(
        "/desk/reconcile/<review>/later", Form(until="hour"), names_ours=True
    ),
    "POST /desk/reconcile/<review_id>/question": Request(
        "/desk/reconcile/<review>/question", Form(person="<wei>", question="x"), names_ours=True
    ),
    "POST /desk/reconcile/<review_id>/remedy": Request(
        "/desk/reconcile/<review>/remedy", Form(remedy="keep", note="x"), names_ours=True
    ),
    "POST /desk/reconcile/looking": Request("/desk/reconcile/looking", Form(case="<order>")),
    "GET /desk/orders": Request("/desk/orders"),
    "GET /desk/schedule": Request("/desk/schedule?order=<order>", names_ours=True),
    "POST /desk/schedule/plan": Request(
        "/desk/schedule/plan", Form(order="<order>", engineer="<wei>", despite="yes"), names_ours=True
    ),
    "POST /desk/schedule/unassign": Request(
        "/desk/schedule/unassign", Form(order="<order>", seen="an older page"), names_ours=True
    ),
    "POST /desk/schedule/undo/<int:position>": Request("/desk/schedule/undo/1", Form()),
    "GET /desk/schedule/people/<person>": Request("/desk/schedule/people/<wei>", names_ours=True),
    "POST /desk/schedule/people/<person>/calendar": Request(
        "/desk/schedule/people/<wei>/calendar", Form(), names_ours=True
    ),
    "POST /desk/schedule/people/<person>/calendar/end": Request(
        "/desk/schedule/people/<wei>/calendar/end", Form(), names_ours=True
    ),
    "GET /desk/calendar/<organisation>/<secret>.ics": Request("/desk/calendar/<organisation>/guess.ics"),
    "GET /desk/orders/attention": Request("/desk/orders/attention"),
    "GET /desk/orders/find": Request("/desk/orders/find?q=x"),
    "GET /desk/orders/costs/export": Request("/desk/orders/costs/export?month=2026-03&form=csv"),
    "POST /desk/orders/views": Request("/desk/orders/views", Form(name="mine", q="x")),
    "GET /desk/orders/<called>": Request("/desk/orders/<order>", names_ours=True),
    "POST /desk/orders/<order_id>/decision": Request(
        "/desk/orders/<order>/decision", Form(decision="accept", seen="assigned"), names_ours=True
    ),
    "GET /desk/catalogue": Request("/desk/catalogue"),
    "GET /desk/catalogue/<kind>": Request("/desk/catalogue/customer"),
    "GET /desk/catalogue/<kind>/suggest": Request("/desk/catalogue/customer/suggest?q=a"),
    "GET /desk/catalogue/<kind>/export": Request("/desk/catalogue/customer/export?form=csv"),
    "GET /desk/catalogue/<kind>/<uuid:record_id>": Request("/desk/catalogue/customer/<chen>", names_ours=True),
    "GET /desk/catalogue/<kind>/new": Request("/desk/catalogue/supplier/new"),
    "POST /desk/catalogue/<kind>/new": Request("/desk/catalogue/supplier/new", Form(name="x")),
    "GET /desk/catalogue/<kind>/<uuid:record_id>/edit": Request(
        "/desk/catalogue/customer/<chen>/edit", names_ours=True
    ),
    "POST /desk/catalogue/<kind>/<uuid:record_id>/edit": Request(
        "/desk/catalogue/customer/<chen>/edit", Form(name="x", _seen="{}"), names_ours=True
    ),
    "POST /desk/catalogue/<kind>/<uuid:record_id>/withdraw": Request(
        "/desk/catalogue/customer/<chen>/withdraw", Form(), names_ours=True
    ),
    "POST /desk/catalogue/checklist/<uuid:record_id>/retire": Request(
        "/desk/catalogue/checklist/<chen>/retire", Form(), names_ours=True
    ),
    "GET /desk/imports/<kind>": Request("/desk/imports/supplier"),
    "POST /desk/imports/<kind>": Request("/desk/imports/supplier", Form()),
    "GET /desk/imports/<kind>/<uuid:import_id>": Request("/desk/imports/supplier/<order>", names_ours=True),
    "POST /desk/imports/<kind>/<uuid:import_id>/begin": Request(
        "/desk/imports/supplier/<order>/begin", Form(), names_ours=True
    ),
    "POST /desk/imports/<kind>/<uuid:import_id>/go-on": Request(
        "/desk/imports/supplier/<order>/go-on", Form(), names_ours=True
    ),
    "POST /desk/imports/<kind>/<uuid:import_id>/again": Request("/desk/imports/supplier/<order>/again", Form()),
    "POST /desk/imports/<kind>/<uuid:import_id>/forget": Request("/desk/imports/supplier/<order>/forget", Form()),
    "GET /desk/checklists": Request("/desk/checklists"),
    "POST /desk/checklists": Request("/desk/checklists", Form()),
    "GET /desk/checklists/<uuid:draft_id>": Request("/desk/checklists/<order>", names_ours=True),
    "POST /desk/checklists/<uuid:draft_id>": Request("/desk/checklists/<order>", Form(name="x"), names_ours=True),
    "POST /desk/checklists/<uuid:draft_id>/discard": Request("/desk/checklists/<order>/discard", Form()),
    "GET /desk/dossiers/export": Request("/desk/dossiers/export?number=SENTINEL-7f3a-serial", names_ours=True),
    "GET /desk/recalls": Request("/desk/recalls"),
    "GET /desk/recalls/new": Request("/desk/recalls/new"),
    "POST /desk/recalls/new": Request("/desk/recalls/new", Form(name="x")),
    "POST /desk/recalls/preview": Request("/desk/recalls/preview", Form(action="inspect")),
    "GET /desk/recalls/<uuid:recall_id>": Request("/desk/recalls/<recall>", names_ours=True),
    "GET /desk/recalls/<uuid:recall_id>/extend": Request("/desk/recalls/<recall>/extend", names_ours=True),
    "POST /desk/recalls/<uuid:recall_id>/extend": Request(
        "/desk/recalls/<recall>/extend", Form(named_reason="x"), names_ours=True
    ),
    "POST /desk/recalls/<uuid:recall_id>/correct": Request(
        "/desk/recalls/<recall>/correct", Form(named="x", correction_reason="x"), names_ours=True
    ),
    "GET /desk/recalls/<uuid:recall_id>/export": Request("/desk/recalls/<recall>/export?form=csv", names_ours=True),
    "GET /desk/recalls/<uuid:recall_id>/notice": Request("/desk/recalls/<recall>/notice", names_ours=True),
    "POST /desk/recalls/<uuid:recall_id>/orders": Request(
        "/desk/recalls/<recall>/orders", Form(all="yes"), names_ours=True
    ),
    "POST /desk/recalls/<uuid:recall_id>/letters": Request("/desk/recalls/<recall>/letters", Form(), names_ours=True),
    "POST /desk/recalls/<uuid:recall_id>/end": Request(
        "/desk/recalls/<recall>/end", Form(state="closed", close_reason="x"), names_ours=True
    ),
    "GET /desk/labels/<kind>": Request("/desk/labels/machine?id=<machine>"),
    "POST /desk/labels/<kind>": Request("/desk/labels/machine", Form(id="<machine>", paper="l7160"), names_ours=True),
    **STOCK_REQUESTS,
}
