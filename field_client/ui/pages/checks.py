"""The checklist of an order: all items with what stands, and one item at a time to be answered."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, render_template, request
from werkzeug.datastructures import MultiDict

from field_client.store import Record, Values
from field_client.ui.visit import finish, open_desk
from field_client.work import find_order
from field_client.work_album import list_photos
from field_client.work_checks import ItemState, check, list_items, record_photo, record_readings, skip
from field_client.work_photos import photograph
from field_client.work_readings import Points
from field_client.work_withdraw import withdraw
from pages.language import choose_language, gettext
from schemas.problems import Refused

blueprint = Blueprint("checks", __name__, url_prefix="/orders/<order_id>/checks")

FIRST_SECONDS: Final = ("0", "10", "20", "30", "45", "60")
"""When the current settles after switching on is seen in the first minute; rows can be added. Source: handbook I2."""


@blueprint.get("")
def show(order_id: str) -> str:
    """Show every item with what stands and what it was the last time."""
    desk = open_desk()
    order = find_order(desk.bench, order_id)
    items = list_items(desk.bench, order)
    return render_template(
        "checks.html", desk=desk, order=order, items=items, following=_following(items, None), name=name_item
    )


@blueprint.get("/<key>")
def show_item(order_id: str, key: str) -> str:
    """Show one item to be answered; raises Refused with `not_found`."""
    desk = open_desk()
    order = find_order(desk.bench, order_id)
    items = list_items(desk.bench, order)
    places = {found.item["key"]: place for place, found in enumerate(items)}
    if key not in places:
        raise Refused("not_found", what=key)
    place = places[key]
    found = items[place]
    photos = [photo for photo in list_photos(desk.bench, order.id) if photo.withdrawal is None]
    return render_template(
        "check_item.html",
        desk=desk,
        order=order,
        found=found,
        place=place + 1,
        count=len(items),
        before=items[place - 1] if place else None,
        after=items[place + 1] if place + 1 < len(items) else None,
        photos=photos if found.item["type"] == "photo" else (),
        channels=_describe_channels(found),
        seconds=FIRST_SECONDS,
        name=name_item,
    )


@blueprint.post("/<key>")
def answer(order_id: str, key: str) -> Any:
    """Record the answer to an item and go on to the next one that has none."""
    desk, form = open_desk(), request.form
    reason = form.get("reason", "").strip() or None
    item = _find(order_id, key).item
    if item["type"] == "series":
        done = record_readings(desk.bench, key, read_points(item, form), reason=reason, order=order_id)
    elif item["type"] == "photo":
        photo_id = form.get("photo_id") or ""
        picture = request.files.get("photo")
        if picture is not None and picture.filename:
            label = item["label"]
            photo_id = photograph(desk.bench, desk.files, picture.read(), "other", caption=label, order=order_id).id
        if not photo_id:
            raise Refused("field_missing", field=name_item(item))
        done = record_photo(desk.bench, key, photo_id, order=order_id)
    else:
        done = check(desk.bench, key, form.get("value", ""), reason=reason, order=order_id)
    verdict = desk.say.value("verdict", done.verdict)
    text = gettext("%(item)s: %(verdict)s", item=name_item(item), verdict=verdict)
    return finish(_go_on(order_id, key), text, done.notices, order_id=order_id)


@blueprint.post("/<key>/skip")
def leave_out(order_id: str, key: str) -> Any:
    """Record why an item is left out."""
    desk = open_desk()
    done = skip(desk.bench, key, request.form.get("reason", ""), order=order_id)
    text = gettext("%(item)s: %(verdict)s", item=name_item(done.item), verdict=desk.say.value("verdict", done.verdict))
    return finish(_go_on(order_id, key), text, order_id=order_id)


@blueprint.post("/<key>/withdraw")
def strike_out(order_id: str, key: str) -> Any:
    """Strike out what stands for an item."""
    found = _find(order_id, key)
    if found.result is None:
        raise Refused("not_found", what=key)
    done = withdraw(open_desk().bench, request.form.get("reason", ""), found.result.id)
    return finish(_address(order_id, key), gettext("Struck out."), done.notices, order_id=order_id)


def name_item(item: Values) -> str:
    """Return what an item or channel is called in the language of this request."""
    label: str = item["label"] if choose_language() == "zh" else item.get("label_en") or item["label"]
    return label


def read_points(item: Values, form: MultiDict[str, str]) -> dict[str, Points]:
    """Return the readings of a form whose rows have a time ``t`` and one field for each channel."""
    times = form.getlist("t")
    channels = [channel["key"] for channel in item.get("channels") or ()]
    return {key: list(zip(times, form.getlist(key), strict=False)) for key in channels}


def _find(order_id: str, key: str) -> ItemState:
    bench = open_desk().bench
    for found in list_items(bench, find_order(bench, order_id)):
        if found.item["key"] == key:
            return found
    raise Refused("not_found", what=key)


def _describe_channels(found: ItemState) -> list[Values]:
    """Return the channels with what is to be drawn of each: the points that stand, and those of the last time."""
    standing, earlier = _points_of(found.result), _points_of(found.previous)
    return [
        channel
        | {
            "name": name_item(channel),
            "limits": open_desk().say.limits(channel),
            "points": standing.get(channel["key"], []),
            "earlier": earlier.get(channel["key"], []),
        }
        for channel in found.item.get("channels") or ()
    ]


def _points_of(result: Record | None) -> dict[str, list[Values]]:
    readings = result.values.get("readings") if result else None
    return {series["channel"]: series["points"] for series in readings or ()}


def _following(items: list[ItemState], key: str | None) -> str | None:
    """Return the next item without a result, after `key` where there is one, else from the beginning."""
    keys = [found.item["key"] for found in items]
    start = keys.index(key) + 1 if key in keys else 0
    unanswered = [found.item["key"] for found in (*items[start:], *items[:start]) if found.result is None]
    return unanswered[0] if unanswered else None


def _go_on(order_id: str, key: str) -> str:
    bench = open_desk().bench
    following = _following(list_items(bench, find_order(bench, order_id)), key)
    return _address(order_id, following) if following else f"/orders/{order_id}/checks"


def _address(order_id: str, key: str) -> str:
    return f"/orders/{order_id}/checks/{key}"
