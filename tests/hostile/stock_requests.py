"""What honest requests to the pages of the stock look like."""

from __future__ import annotations

from typing import Final

from tests.hostile.request_forms import Form, Request

LINE: Final = {"line_part": "<part>", "line_batch": "", "line_serial": "", "line_quantity": "1"}

STOCK_REQUESTS: Final[dict[str, Request]] = {
    "GET /desk/stock": Request("/desk/stock?q=a"),
    "GET /desk/stock/parts/<uuid:part>": Request("/desk/stock/parts/<part>", names_ours=True),
    "GET /desk/stock/export": Request("/desk/stock/export?form=csv"),
    "GET /desk/stock/reading": Request("/desk/stock/reading?code=a"),
    "POST /desk/stock/moves/<uuid:move>/reversal": Request(
        "/desk/stock/moves/<move>/reversal", Form(reason="x"), names_ours=True
    ),
    "GET /desk/stock/receive": Request("/desk/stock/receive"),
    "POST /desk/stock/receive": Request(
        "/desk/stock/receive", Form(part="<part>", centre="<centre>", quantity="1"), names_ours=True
    ),
    "GET /desk/stock/move": Request("/desk/stock/move"),
    "POST /desk/stock/move": Request(
        "/desk/stock/move", Form({"from": "returned", "to": "scrapped"} | LINE), names_ours=True
    ),
    "GET /desk/stock/refurbish": Request("/desk/stock/refurbish"),
    "POST /desk/stock/refurbish": Request(
        "/desk/stock/refurbish", Form(part="<part>", centre="<centre>", batch="R", quantity="1"), names_ours=True
    ),
    "GET /desk/stock/vans": Request("/desk/stock/vans"),
    "GET /desk/stock/vans/<uuid:van>": Request("/desk/stock/vans/<van>", names_ours=True),
    "POST /desk/stock/vans/<uuid:van>/load": Request("/desk/stock/vans/<van>/load", Form(LINE), names_ours=True),
    "GET /desk/stock/levels": Request("/desk/stock/levels?place=<van>", names_ours=True),
    "POST /desk/stock/levels": Request(
        "/desk/stock/levels", Form(place="<van>", part="<part>", minimum="1", standard="2"), names_ours=True
    ),
    "GET /desk/stock/counts": Request("/desk/stock/counts"),
    "POST /desk/stock/counts": Request("/desk/stock/counts", Form(place="<van>"), names_ours=True),
    "POST /desk/stock/counts/late": Request("/desk/stock/counts/late", Form()),
    "GET /desk/stock/counts/<uuid:sheet>": Request("/desk/stock/counts/<sheet>", names_ours=True),
    "POST /desk/stock/counts/<uuid:sheet>/lines": Request(
        "/desk/stock/counts/<sheet>/lines", Form(part="<part>", counted="1"), names_ours=True
    ),
    "POST /desk/stock/counts/<uuid:sheet>/missing": Request(
        "/desk/stock/counts/<sheet>/missing", Form(), names_ours=True
    ),
    "POST /desk/stock/counts/<uuid:sheet>/settlement": Request(
        "/desk/stock/counts/<sheet>/settlement", Form(reason="x"), names_ours=True
    ),
    "POST /desk/stock/counts/<uuid:sheet>/discard": Request("/desk/stock/counts/<sheet>/discard", Form()),
    "GET /desk/stock/consumables": Request("/desk/stock/consumables"),
    "GET /desk/stock/purchases": Request("/desk/stock/purchases"),
    "POST /desk/stock/purchases": Request("/desk/stock/purchases", Form(part="x")),
    "POST /desk/stock/purchases/decision": Request(
        "/desk/stock/purchases/decision", Form(purchase="<part>", state="approved")
    ),
    "POST /desk/stock/consumables/order": Request(
        "/desk/stock/consumables/order", Form(machine="<machine>", part="<part>"), names_ours=True
    ),
}
