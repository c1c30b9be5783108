"""What is only on this device, what is on its way, and what needs a person; beginning and watching a sync."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Response, redirect, render_template, request, send_file

from field_client.bundle import export_bundle, import_receipts
from field_client.ui.syncing import SPARES_DATA
from field_client.ui.visit import finish, open_desk, say, shared
from field_client.work_sync import list_acts, list_decisions, read_waiting
from pages.language import gettext, ngettext
from pages.wording import name_intent
from schemas.problems import Refused

blueprint = Blueprint("sync", __name__)

RECEIPTS_BYTES_MAX: Final = 64 * 1024 * 1024


@blueprint.get("/strip")
def show_strip() -> str:
    """Show in one line how much is only here, and when the server was last met; asked for by every open page."""
    return render_template("_strip.html", waiting=read_waiting(open_desk().bench), sync=shared().syncer.view)


@blueprint.get("/sync")
def show() -> str:
    """Show all of it."""
    desk = open_desk()
    return render_template(
        "sync.html",
        desk=desk,
        waiting=read_waiting(desk.bench),
        sync=shared().syncer.view,
        refused=list_acts(desk.bench, "refused"),
        contested=list_acts(desk.bench, "contested"),
        held=list_acts(desk.bench, "held"),
        unsent=list_acts(desk.bench, "sealed"),
        decisions=list_decisions(desk.bench, 10),
        spares_data=bool(desk.store.recall(SPARES_DATA)),
        is_metered=shared().syncer.is_metered,
        fault=shared().syncer.view.report and shared().syncer.view.report.fault,
        name_intent=name_intent,
    )


@blueprint.get("/sync/progress")
def show_progress() -> Any:
    """Show how far the sync is; when it has ended, the page is shown anew."""
    view = shared().syncer.view
    if view.is_running:
        return render_template("_progress.html", sync=view)
    return Response(headers={"HX-Refresh": "true"})


@blueprint.post("/sync")
def start() -> Any:
    """Begin a sync; with ``files`` photos go too, whatever the network costs."""
    shared().syncer.start(with_files="files" in request.form)
    return redirect("/sync", 303)


@blueprint.post("/sync/sparing")
def spare() -> Any:
    """Let photos wait, or not."""
    spares = request.form.get("spares") == "1"
    open_desk().store.remember(**{SPARES_DATA: int(spares)})
    text = gettext("Photos wait until you send them.") if spares else gettext("Photos go with every sync.")
    return finish("/sync", text)


@blueprint.post("/sync/network")
def note_network() -> tuple[str, int]:
    """Note whether the browser knows the network at hand to be paid by the byte."""
    shared().syncer.is_metered = request.form.get("metered") == "1"
    return "", 204


@blueprint.get("/sync/outbox.zip")
def export() -> Response:
    """Give all that is unsent as one file, to be carried by hand."""
    desk = open_desk()
    descriptor, name = tempfile.mkstemp(dir=desk.settings.data, prefix=".outbox-", suffix=".zip")
    os.close(descriptor)
    path = Path(name)
    try:
        export_bundle(path, desk.store, desk.outbox, desk.files)
        answer = send_file(path, as_attachment=True, download_name="gongdan-outbox.zip")
    finally:
        # The open file can still be read by its descriptor; nothing stays on the disk if the program is killed.
        path.unlink(missing_ok=True)
    return answer


@blueprint.post("/sync/receipts")
def take_receipts() -> Any:
    """Take in the receipts that the office gave for an exported file."""
    file = request.files.get("receipts")
    if file is None or not file.filename:
        raise Refused("field_missing", field=gettext("Receipts"))
    desk = open_desk()
    with tempfile.NamedTemporaryFile(dir=desk.settings.data, prefix=".receipts-") as kept:
        file.save(kept)
        kept.flush()
        settled = import_receipts(Path(kept.name), desk.outbox)
    say(ngettext("%(num)s entry is settled.", "%(num)s entries are settled.", settled))
    return redirect("/sync", 303)
