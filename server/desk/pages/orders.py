"""The orders: what needs somebody, the list, one order with everything about it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

blueprint = Blueprint("orders", __name__, url_prefix="/desk/orders")


@blueprint.get("")
def list_orders() -> Any:
    """Show the orders."""
    return render_template("desk/orders.html")
