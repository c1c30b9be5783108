"""Who may call what: one row for each route, looked up before every request.

Rule 1: a route without a row is refused to everybody.
Rule 2: the organisation is always that of the device or person who calls, never one named in a request.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from schemas.people import OFFICE_ROLES
from server.services.request_files import PHOTO_BYTES_MAX, PHOTOS_MAX
from sync.changeset import CHANGE_SET_BYTES_MAX
from sync.session import PUSH_BYTES_MAX

PREFIX: Final = "/api/v1"

MARGIN_BYTES: Final = 64 * 1024
"""What a body may exceed its content's limit by: line breaks, and compressors that make small things larger."""

JSON_BYTES_MAX: Final = CHANGE_SET_BYTES_MAX + MARGIN_BYTES
"""The largest JSON body is a change-set of the office."""

TABLE_BYTES_MAX: Final = 8 * 1024 * 1024 + MARGIN_BYTES
"""A spreadsheet of 25,000 rows, and the form around it."""

PUSH_BODY_BYTES_MAX: Final = PUSH_BYTES_MAX + MARGIN_BYTES

Caller = Literal["anybody", "device", "person", "device_or_person"]


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a route, and how large the body may be; None where the view reads and limits it itself."""

    caller: Caller
    roles: frozenset[str] = frozenset()
    body_bytes_max: int | None = JSON_BYTES_MAX
    revoked_too: bool = False
    """A revoked device may call: what it hands in is kept aside and it is told so."""
    is_form: bool = False
    """A write is a form of the office's pages, and no JSON."""
    before_factor: bool = False
    """Whoever has yet to set up the second factor that his role asks for may call."""


ANYBODY: Final = Access("anybody")
DEVICE: Final = Access("device")
STREAMING_DEVICE: Final = Access("device", body_bytes_max=None)
"""With a token only: a signature covers a body that was read whole before the view sees it."""


def _office(*roles: str) -> Access:
    return Access("person", frozenset(roles))


def _page(*roles: str) -> Access:
    return Access("person", frozenset(roles), is_form=True)


FILE_READERS: Final = Access("device_or_person", frozenset(OFFICE_ROLES))
READERS: Final = _office(*OFFICE_ROLES)
WRITERS: Final = _office("dispatcher", "stock_keeper", "manager", "admin")
EXPORTERS: Final = _office("auditor", "manager", "admin")
JUDGES: Final = _office("dispatcher", "manager", "admin")
REVIEWERS: Final = _office("dispatcher", "manager", "admin", "auditor")
ENROLLERS: Final = _office("dispatcher", "admin")
PAGE_READERS: Final = _page(*OFFICE_ROLES)
CATALOGUE_WRITERS: Final = _page("dispatcher", "stock_keeper", "manager", "admin")
"""Which kinds of master data, the schemas say."""
PAGE_REVIEWERS: Final = _page("dispatcher", "manager", "admin", "auditor")
PAGE_JUDGES: Final = _page("dispatcher", "manager", "admin")
STOCK_KEEPERS: Final = _page("stock_keeper", "manager", "admin")
PAPERS_FORM: Final = replace(STOCK_KEEPERS, body_bytes_max=2 * 12 * 1024 * 1024 + 128 * 1024)
"""A form with a certificate and an inspection report."""
PAGE_FLEET: Final = _page("dispatcher", "manager", "admin")
PAGE_STOCK: Final = _page("stock_keeper", "manager", "admin")
PAGE_ENROLLERS: Final = _page("dispatcher", "admin")
PAGE_ADMINS: Final = _page("admin")
PAGE_AUDITORS: Final = _page("auditor", "admin")
PAGE_TRACERS: Final = _page(*OFFICE_ROLES)
PAGE_EXPORTERS: Final = _page("auditor", "manager", "admin")
"""What is exported of the trace leaves the house."""
OWN_ACCOUNT: Final = replace(PAGE_READERS, before_factor=True)

REQUEST_BODY_BYTES_MAX: Final = 128 * 1024
"""A request sheet with every field full, in letters of four bytes."""

NOTICE_FORM: Final = replace(PAGE_STOCK, body_bytes_max=20 * 1024 * 1024 + REQUEST_BODY_BYTES_MAX)
"""A recall with the supplier's notice: some scanned pages."""

PHOTO_FORM: Final = Access("anybody", body_bytes_max=PHOTOS_MAX * PHOTO_BYTES_MAX + REQUEST_BODY_BYTES_MAX)
"""A form with photos by somebody without a login; how often he may send one is counted before it is read."""

ACCESS: Final[dict[str, Access]] = {
    "GET /health/live": ANYBODY,
    "GET /health/ready": ANYBODY,
    "GET /openapi.json": ANYBODY,
    "GET /docs": ANYBODY,
    "POST /enrol": ANYBODY,
    "POST /session": ANYBODY,
    "GET /session": replace(READERS, before_factor=True),
    "DELETE /session": ANYBODY,
    "POST /token": DEVICE,
    "POST /push": Access("device", body_bytes_max=PUSH_BODY_BYTES_MAX, revoked_too=True),
    "POST /wipe": Access("device", revoked_too=True),
    "POST /wipe/confirmation": ANYBODY,
    "GET /pull": DEVICE,
    "GET /receipts": DEVICE,
    "POST /scope/buckets": DEVICE,
    "POST /scope/records": DEVICE,
    "POST /scope/fetch": DEVICE,
    "OPTIONS /blobs/uploads": ANYBODY,
    "OPTIONS /blobs/uploads/<upload>": ANYBODY,
    "POST /blobs/uploads": STREAMING_DEVICE,
    "POST /blobs/uploads/<upload>": STREAMING_DEVICE,
    "PATCH /blobs/uploads/<upload>": STREAMING_DEVICE,
    "HEAD /blobs/uploads/<upload>": DEVICE,
    "DELETE /blobs/uploads/<upload>": DEVICE,
    "POST /blobs/states": FILE_READERS,
    "GET /blobs/<sha256>": FILE_READERS,
    "GET /orders": READERS,
    "GET /orders/<order_id>": READERS,
    "GET /orders/<order_id>/sheet.pdf": READERS,
    "POST /changes": WRITERS,
    "GET /reviews": REVIEWERS,
    "GET /fleet": JUDGES,
    "POST /reviews/<review_id>/settlement": JUDGES,
    "GET /trace": READERS,
    "GET /trace/epcis": EXPORTERS,
    "GET /log/checkpoint": READERS,
    "GET /log/inclusion": READERS,
    "GET /log/consistency": FILE_READERS,
    "GET /log/tile": READERS,
    "POST /enrolments": ENROLLERS,
    "POST /requests": Access("anybody", body_bytes_max=REQUEST_BODY_BYTES_MAX),
    "GET /requests": READERS,
    "GET /requests/<request_id>": READERS,
    "GET /report": ANYBODY,
    "POST /report": PHOTO_FORM,
    "GET /01/<gtin>/21/<path:serial>": ANYBODY,
    "POST /01/<gtin>/21/<path:serial>": PHOTO_FORM,
    "GET /follow/<link>": ANYBODY,
    "POST /follow/<link>/notes": PHOTO_FORM,
    "POST /follow/<link>/rating": Access("anybody", body_bytes_max=REQUEST_BODY_BYTES_MAX),
    "GET /follow/<link>/files/<sha256>": ANYBODY,
    "GET /desk/requests": PAGE_READERS,
    "GET /desk/requests/new": PAGE_JUDGES,
    "POST /desk/requests/new": PAGE_JUDGES,
    "GET /desk/requests/<request_id>": PAGE_READERS,
    "POST /desk/requests/<request_id>": PAGE_JUDGES,
    "POST /desk/requests/<request_id>/order": PAGE_JUDGES,
    "POST /desk/requests/<request_id>/solution": PAGE_JUDGES,
    "POST /desk/requests/<request_id>/duplicate": PAGE_JUDGES,
    "POST /desk/requests/<request_id>/refusal": PAGE_JUDGES,
    "POST /desk/requests/<request_id>/reopening": PAGE_JUDGES,
    "POST /desk/requests/<request_id>/answer": PAGE_JUDGES,
    "GET /desk/known-fixes": PAGE_READERS,
    "POST /desk/known-fixes": PAGE_JUDGES,
    "POST /desk/known-fixes/<uuid:fix>/state": PAGE_JUDGES,
    "GET /static/<path:name>": ANYBODY,
    "GET /favicon.ico": ANYBODY,
    "GET /desk": PAGE_READERS,
    "GET /desk/sign-in": ANYBODY,
    "POST /desk/sign-in": ANYBODY,
    "POST /desk/sign-out": ANYBODY,
    "POST /desk/language": ANYBODY,
    "GET /desk/sign-in/code": ANYBODY,
    "POST /desk/sign-in/code": ANYBODY,
    "GET /desk/oidc/<name>": ANYBODY,
    "GET /desk/oidc/<name>/back": ANYBODY,
    "GET /desk/oidc/<name>/out": ANYBODY,
    "GET /desk/password/<secret>": ANYBODY,
    "POST /desk/password/<secret>": ANYBODY,
    "GET /desk/account": OWN_ACCOUNT,
    "POST /desk/account/second-factor": OWN_ACCOUNT,
    "POST /desk/account/second-factor/removal": OWN_ACCOUNT,
    "POST /desk/account/recovery-codes": OWN_ACCOUNT,
    "POST /desk/account/sessions": OWN_ACCOUNT,
    "POST /desk/account/password": OWN_ACCOUNT,
    "GET /desk/accounts": PAGE_ADMINS,
    "GET /desk/accounts/<uuid:person>": PAGE_ADMINS,
    "POST /desk/accounts/<uuid:person>/invitation": PAGE_ADMINS,
    "POST /desk/accounts/<uuid:person>/roles": PAGE_ADMINS,
    "POST /desk/accounts/<uuid:person>/disabled": PAGE_ADMINS,
    "POST /desk/accounts/<uuid:person>/sessions": PAGE_ADMINS,
    "POST /desk/accounts/<uuid:person>/second-factor": PAGE_ADMINS,
    "POST /desk/accounts/rules": PAGE_ADMINS,
    "GET /desk/erasures": PAGE_ADMINS,
    "POST /desk/erasures": PAGE_ADMINS,
    "POST /desk/erasures/preview": PAGE_ADMINS,
    "GET /desk/journal": PAGE_AUDITORS,
    "GET /desk/fleet": PAGE_FLEET,
    "GET /desk/fleet/<uuid:device>": PAGE_FLEET,
    "GET /desk/fleet/enrolments": PAGE_ENROLLERS,
    "GET /desk/fleet/enrolments/<code>": PAGE_ENROLLERS,
    "POST /desk/fleet/enrolments": PAGE_ENROLLERS,
    "POST /desk/fleet/<uuid:device>/revocation": PAGE_ENROLLERS,
    "POST /desk/fleet/<uuid:device>/thaw": PAGE_ENROLLERS,
    "GET /desk/trace": PAGE_TRACERS,
    "GET /desk/trace/serial": PAGE_TRACERS,
    "GET /desk/trace/gaps": PAGE_TRACERS,
    "GET /desk/trace/gaps/export": PAGE_EXPORTERS,
    "GET /desk/trace/batch": PAGE_TRACERS,
    "GET /desk/trace/machine/<uuid:machine>": PAGE_TRACERS,
    "GET /desk/trace/serial/export": PAGE_EXPORTERS,
    "GET /desk/trace/batch/export": PAGE_EXPORTERS,
    "GET /desk/trace/machine/<uuid:machine>/export": PAGE_EXPORTERS,
    "GET /desk/trace/supplier/<uuid:supplier>": PAGE_TRACERS,
    "GET /desk/trace/part/<uuid:part>": PAGE_TRACERS,
    "GET /desk/trace/customer/<uuid:customer>": PAGE_TRACERS,
    "GET /desk/live": PAGE_READERS,
    "GET /desk/orders": PAGE_READERS,
    "GET /desk/reconcile": PAGE_REVIEWERS,
    "GET /desk/reconcile/list": PAGE_REVIEWERS,
    "GET /desk/reconcile/<review_id>/evidence": PAGE_REVIEWERS,
    "POST /desk/reconcile/<review_id>/decision": PAGE_JUDGES,
    "POST /desk/reconcile/safe": PAGE_JUDGES,
    "POST /desk/reconcile/<review_id>/undo": PAGE_JUDGES,
    "POST /desk/reconcile/<review_id>/later": PAGE_JUDGES,
    "POST /desk/reconcile/<review_id>/question": PAGE_JUDGES,
    "POST /desk/reconcile/<review_id>/remedy": PAGE_JUDGES,
    "POST /desk/reconcile/looking": PAGE_JUDGES,
    "GET /desk/orders/attention": PAGE_READERS,
    "GET /desk/orders/find": PAGE_READERS,
    "GET /desk/orders/costs/export": PAGE_READERS,
    "POST /desk/orders/views": PAGE_READERS,
    "GET /desk/orders/<called>": PAGE_READERS,
    "POST /desk/orders/<order_id>/decision": _page("dispatcher", "manager", "admin"),
    "GET /desk/catalogue": PAGE_READERS,
    "GET /desk/catalogue/<kind>": PAGE_READERS,
    "GET /desk/catalogue/<kind>/suggest": PAGE_READERS,
    "GET /desk/catalogue/<kind>/export": PAGE_READERS,
    "GET /desk/catalogue/<kind>/<uuid:record_id>": PAGE_READERS,
    "GET /desk/catalogue/<kind>/new": CATALOGUE_WRITERS,
    "POST /desk/catalogue/<kind>/new": CATALOGUE_WRITERS,
    "GET /desk/catalogue/<kind>/<uuid:record_id>/edit": CATALOGUE_WRITERS,
    "POST /desk/catalogue/<kind>/<uuid:record_id>/edit": CATALOGUE_WRITERS,
    "POST /desk/catalogue/<kind>/<uuid:record_id>/withdraw": CATALOGUE_WRITERS,
    "POST /desk/catalogue/checklist/<uuid:record_id>/retire": CATALOGUE_WRITERS,
    "GET /desk/imports/<kind>": CATALOGUE_WRITERS,
    "POST /desk/imports/<kind>": replace(CATALOGUE_WRITERS, body_bytes_max=TABLE_BYTES_MAX),
    "GET /desk/imports/<kind>/<uuid:import_id>": CATALOGUE_WRITERS,
    "POST /desk/imports/<kind>/<uuid:import_id>/begin": CATALOGUE_WRITERS,
    "POST /desk/imports/<kind>/<uuid:import_id>/go-on": CATALOGUE_WRITERS,
    "POST /desk/imports/<kind>/<uuid:import_id>/again": CATALOGUE_WRITERS,
    "POST /desk/imports/<kind>/<uuid:import_id>/forget": CATALOGUE_WRITERS,
    "GET /desk/checklists": CATALOGUE_WRITERS,
    "POST /desk/checklists": CATALOGUE_WRITERS,
    "GET /desk/checklists/<uuid:draft_id>": CATALOGUE_WRITERS,
    "POST /desk/checklists/<uuid:draft_id>": CATALOGUE_WRITERS,
    "POST /desk/checklists/<uuid:draft_id>/discard": CATALOGUE_WRITERS,
    "GET /desk/dossiers/export": PAGE_EXPORTERS,
    "GET /desk/recalls": PAGE_READERS,
    "GET /desk/recalls/new": PAGE_STOCK,
    "POST /desk/recalls/new": NOTICE_FORM,
    "POST /desk/recalls/preview": NOTICE_FORM,
    "GET /desk/recalls/<uuid:recall_id>": PAGE_READERS,
    "GET /desk/recalls/<uuid:recall_id>/extend": PAGE_STOCK,
    "POST /desk/recalls/<uuid:recall_id>/extend": PAGE_STOCK,
    "POST /desk/recalls/<uuid:recall_id>/correct": PAGE_STOCK,
    "GET /desk/recalls/<uuid:recall_id>/export": PAGE_READERS,
    "GET /desk/recalls/<uuid:recall_id>/notice": PAGE_READERS,
    "POST /desk/recalls/<uuid:recall_id>/orders": PAGE_JUDGES,
    "POST /desk/recalls/<uuid:recall_id>/letters": PAGE_JUDGES,
    "POST /desk/recalls/<uuid:recall_id>/end": PAGE_STOCK,
    "GET /desk/labels/<kind>": PAGE_READERS,
    "POST /desk/labels/<kind>": PAGE_READERS,
    "GET /desk/stock": PAGE_READERS,
    "GET /desk/stock/parts/<uuid:part>": PAGE_READERS,
    "GET /desk/stock/export": PAGE_READERS,
    "GET /desk/stock/reading": PAGE_READERS,
    "POST /desk/stock/moves/<uuid:move>/reversal": STOCK_KEEPERS,
    "GET /desk/stock/receive": STOCK_KEEPERS,
    "POST /desk/stock/receive": PAPERS_FORM,
    "GET /desk/stock/move": STOCK_KEEPERS,
    "POST /desk/stock/move": STOCK_KEEPERS,
    "GET /desk/stock/refurbish": STOCK_KEEPERS,
    "POST /desk/stock/refurbish": PAPERS_FORM,
    "GET /desk/stock/vans": PAGE_READERS,
    "GET /desk/stock/vans/<uuid:van>": PAGE_READERS,
    "POST /desk/stock/vans/<uuid:van>/load": STOCK_KEEPERS,
    "GET /desk/stock/levels": PAGE_READERS,
    "POST /desk/stock/levels": STOCK_KEEPERS,
    "GET /desk/stock/counts": PAGE_READERS,
    "POST /desk/stock/counts": STOCK_KEEPERS,
    "POST /desk/stock/counts/late": STOCK_KEEPERS,
    "GET /desk/stock/counts/<uuid:sheet>": PAGE_READERS,
    "POST /desk/stock/counts/<uuid:sheet>/lines": STOCK_KEEPERS,
    "POST /desk/stock/counts/<uuid:sheet>/missing": STOCK_KEEPERS,
    "POST /desk/stock/counts/<uuid:sheet>/settlement": STOCK_KEEPERS,
    "POST /desk/stock/counts/<uuid:sheet>/discard": STOCK_KEEPERS,
    "GET /desk/stock/consumables": PAGE_READERS,
    "GET /desk/stock/purchases": PAGE_READERS,
    "POST /desk/stock/purchases": STOCK_KEEPERS,
    "POST /desk/stock/purchases/decision": STOCK_KEEPERS,
    "POST /desk/stock/consumables/order": PAGE_JUDGES,
    "GET /desk/schedule": PAGE_READERS,
    "POST /desk/schedule/plan": PAGE_JUDGES,
    "POST /desk/schedule/unassign": PAGE_JUDGES,
    "POST /desk/schedule/undo/<int:position>": PAGE_JUDGES,
    "GET /desk/schedule/people/<person>": PAGE_JUDGES,
    "POST /desk/schedule/people/<person>/calendar": PAGE_JUDGES,
    "POST /desk/schedule/people/<person>/calendar/end": PAGE_JUDGES,
    # Whoever has the secret in the address may read, and nobody else.
    "GET /desk/calendar/<organisation>/<secret>.ics": ANYBODY,
}


def access_of(method: str, rule: str) -> Access | None:
    """Return the row of a route, such as ``("GET", "/api/v1/orders")``, or None when there is none."""
    found = ACCESS.get(f"{method} {rule.removeprefix(PREFIX)}")
    if found is None and method == "HEAD":
        found = ACCESS.get(f"GET {rule.removeprefix(PREFIX)}")
    return found
