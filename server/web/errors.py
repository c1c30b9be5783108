"""The one place where a refusal or failure becomes an answer: RFC 9457 problem details in two languages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from schemas.problems import Fault, Refused
from server.event_log import EVENTS
from server.request_trace import current_trace_id
from server.web.notes import notes
from sync import canonical
from sync.trace_context import shorten

PROBLEM_TYPE: Final = "application/problem+json"

RETRY_AFTER_S: Final = 5
"""What a client waits when the fault itself does not say: longer than a database restart takes to begin."""

_OWN_MEMBERS: Final = frozenset({"type", "status", "code", "title", "title_zh", "detail", "retry"})
_WAITING: Final = frozenset({"database_busy", "disk_full", "file_storage_away", "file_storage_refused"})


def register_errors(app: Flask) -> None:
    """Make the application answer every refusal and failure as a problem document."""
    app.register_error_handler(Refused, lambda error: render_problem(error.fault))
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(Exception, _answer_unexpected)


def show_failures(pages: Blueprint, show: Callable[[Fault], Response]) -> None:
    """Make pages answer every refusal and failure with what `show` makes of it."""

    def show_failure(error: Exception) -> Response:
        EVENTS.error("failed", exc_info=error)
        return show(Fault("internal", {"trace": shorten(current_trace_id())}))

    def show_wrong_request(error: HTTPException) -> Response | HTTPException:
        status = error.code or 500
        if status < 400 or error.response is not None:
            return error
        if status >= 500:
            return show_failure(error)
        fault = {
            404: Fault("not_found", {"what": request.path}),
            405: Fault("method_not_allowed"),
            413: Fault("body_too_large", {"limit": request.max_content_length}),
        }
        return show(fault.get(status) or Fault("malformed", {"detail": error.name}))

    pages.register_error_handler(Refused, lambda refusal: show(refusal.fault))
    pages.register_error_handler(HTTPException, show_wrong_request)
    pages.register_error_handler(Exception, show_failure)


def explain_failures(
    app: Flask, environ: dict[str, Any], start_response: Callable[..., Any], serve: Callable[[], Iterable[bytes]]
) -> Iterable[bytes]:
    """Return what `serve` answers to a WSGI request; if it raises, what the application says to that."""
    try:
        return serve()
    except Exception as error:
        # Whoever asked is owed an answer and a trace to name, whatever went wrong; the application has both.
        with app.request_context(environ):
            response = app.finalize_request(app.handle_user_exception(error))
        return response(environ, start_response)


def render_problem(fault: Fault, more: Mapping[str, Any] | None = None) -> Response:
    """Return the answer for a fault; `more` are further members of the document."""
    problem = fault.problem
    notes().problem = problem.code
    facts = {name: value for name, value in fault.facts.items() if name not in _OWN_MEMBERS}
    document = {
        "type": "about:blank",
        "status": problem.status,
        "code": problem.code,
        "title": fault.sentence("en"),
        "title_zh": fault.sentence("zh"),
        "detail": str(fault.facts.get("detail") or fault.sentence(_preferred_language())),
        "retry": problem.retry,
        **facts,
        **(more or {}),
    }
    response = Response(canonical.dump(document), status=problem.status, mimetype=PROBLEM_TYPE)
    if "seconds" in facts:
        response.headers["Retry-After"] = str(facts["seconds"])
    elif problem.code in _WAITING:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    if problem.status == 401:
        # RFC 9110 section 11.6.1 asks for a challenge; browsers ask nobody for a Bearer token.
        response.headers["WWW-Authenticate"] = 'Bearer realm="gongdan"'
    return response


def _preferred_language() -> str:
    return request.accept_languages.best_match(["en", "zh"], default="en")


def _answer_http_error(error: HTTPException) -> Response | HTTPException:
    status = error.code or 500
    if status < 400 or error.response is not None:
        return error
    if status >= 500:
        return _answer_unexpected(error)
    messages = getattr(error, "data", {}).get("messages")
    if status == 422 and messages:
        field, detail = next(_flatten(messages), ("", str(error.description)))
        return render_problem(Fault("value_invalid", {"field": field, "detail": detail}), {"errors": messages})
    if status == 404:
        return render_problem(Fault("not_found", {"what": request.path}))
    if status == 405:
        response = render_problem(Fault("method_not_allowed"))
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        return response
    if status == 413:
        return render_problem(Fault("body_too_large", {"limit": request.max_content_length}))
    return render_problem(Fault("malformed", {"detail": str(error.description)}))


def _answer_unexpected(error: Exception) -> Response:
    EVENTS.error("failed", exc_info=error)
    return render_problem(Fault("internal", {"trace": shorten(current_trace_id())}))


def _flatten(messages: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (field, what is wrong) from webargs' nested messages, whose first level is the place in the request."""
    if isinstance(messages, dict):
        for key, inner in messages.items():
            is_place = not path and key in ("json", "query")
            yield from _flatten(inner, "" if is_place else f"{path}.{key}".lstrip("."))
    elif isinstance(messages, list):
        for inner in messages:
            yield from _flatten(inner, path)
    else:
        yield path, str(messages)
