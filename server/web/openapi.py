"""The OpenAPI 3.1 document: what the views declare, completed from the tables of access and of problems."""

from __future__ import annotations

import http
import re
from typing import Any, Final

from flask import Flask, Request
from flask_smorest import Api, Blueprint
from webargs.flaskparser import FlaskParser

from schemas.base import SHA256_PATTERN
from schemas.problems import PROBLEMS
from server.web import shapes
from server.web.access import ACCESS, PREFIX, Access
from server.web.bodies import read_json
from server.web.errors import PROBLEM_TYPE

TAGS: Final[dict[str, tuple[str, str]]] = {
    "sync": ("同步", "Synchronisation"),
    "blobs": ("文件", "Files"),
    "enrolment": ("终端登记", "Enrolment"),
    "session": ("登录", "Signing in"),
    "office": ("办公室", "Office"),
    "log": ("日志与证明", "The log and its proofs"),
    "requests": ("服务请求", "Requests"),
    "fleet": ("终端状况", "Fleet"),
    "health": ("运行状态", "Health"),
    "documentation": ("文档", "Documentation"),
}

COOKIE_NAME: Final = "gongdan_session"

SECURITY_SCHEMES: Final[dict[str, dict[str, str]]] = {
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": "终端签名 / A signed request of a device: RFC 9421 with Ed25519 over @method, @path, @query and "
        "content-digest; see docs/protocol.md.",
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "终端令牌 / A short token bound to a device's key, from POST /token.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE_NAME,
        "description": "登录会话 / The session of somebody signed in at the office.",
    },
}

PATH_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "upload": {"type": "string", "format": "uuid", "description": "上传编号 / The upload, from Location"},
    "sha256": {"type": "string", "pattern": f"^{SHA256_PATTERN[:-2]}$", "description": "文件摘要 / The file's SHA-256"},
    "order_id": {"type": "string", "minLength": 1, "description": "工单号或编号 / Id or number of the order"},
    "request_id": {"type": "string", "minLength": 1, "description": "请求号或编号 / Id or number of the request"},
    "review_id": {"type": "string", "format": "uuid", "description": "冲突或异常 / Conflict or exception"},
}

_ALWAYS: Final = ("malformed", "body_too_large", "database_busy", "internal")
_OF_DEVICES: Final = ("request_not_signed", "request_expired", "token_invalid", "device_unknown", "device_revoked")
_OF_PEOPLE: Final = ("not_signed_in", "role_not_allowed")
_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options")


class DescribedApi(Api):  # type: ignore[misc]
    """flask-smorest with our own problem documents."""

    DEFAULT_ERROR_RESPONSE_NAME = None
    ERROR_SCHEMA = shapes.Problem

    def _register_error_handlers(self) -> None:
        """Leave errors to server.web.errors."""


class StrictParser(FlaskParser):  # type: ignore[misc]
    """webargs reading JSON as the sync views do: whole, without fractions, not nested too deeply."""

    def load_json(self, req: Request, schema: Any) -> Any:
        """Return the body."""
        return read_json()


class DescribedBlueprint(Blueprint):  # type: ignore[misc]
    """flask-smorest's blueprint with our reading of JSON."""

    ARGUMENTS_PARSER = StrictParser()


def cookie_name(base_url: str) -> str:
    """Return the name of the session's cookie at an address.

    A browser takes a cookie named __Host- from this very host only, over https, for all paths (RFC 6265bis 4.1.3.2):
    no neighbouring site can set one for us.
    """
    return f"__Host-{COOKIE_NAME}" if base_url.startswith("https://") else COOKIE_NAME


def blueprint(name: str) -> DescribedBlueprint:
    """Return a blueprint under the API's prefix whose routes appear in the document under a tag."""
    zh, en = TAGS[name]
    return DescribedBlueprint(name, __name__, url_prefix=PREFIX, description=f"{zh} / {en}")


def about(zh: str, *problems: str, **more: Any) -> dict[str, Any]:
    """Return the description of an operation: its title in Chinese, and the problems of its own."""
    return {"x-title-zh": zh, "x-problems": list(problems), **more}


def lines_answer(description: str) -> dict[str, Any]:
    """Describe an answer of JSON lines, which may be packed."""
    return {
        "description": description,
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        "headers": {
            "Content-Encoding": {"description": "zstd, gzip or absent", "schema": {"type": "string"}},
        },
    }


def json_body(shape: type[shapes.Request]) -> dict[str, Any]:
    """Describe a JSON body that the view reads itself."""
    return {"required": True, "content": {"application/json": {"schema": shape}}}


def in_query(shape: type[shapes.Request]) -> list[dict[str, Any]]:
    """Describe query parameters that the view reads itself."""
    return [{"in": "query", "schema": shape}]


def configure_document(app: Flask, base_url: str, version: str) -> DescribedApi:
    """Give an application its API object; register the blueprints on it."""
    app.config["API_TITLE"] = "Gongdan 工单"
    app.config["API_VERSION"] = version
    app.config["OPENAPI_VERSION"] = "3.1.0"
    app.config["OPENAPI_URL_PREFIX"] = None
    app.config["API_SPEC_OPTIONS"] = {
        "info": {"description": "离线优先的设备售后服务系统 / Offline-first field service for equipment after-sales."},
        "servers": [{"url": base_url}],
    }
    api = DescribedApi(app)
    named = {**SECURITY_SCHEMES["session"], "name": cookie_name(base_url)}
    for name, scheme in {**SECURITY_SCHEMES, "session": named}.items():
        api.spec.components.security_scheme(name, scheme)
    return api


def write_document(api: DescribedApi) -> dict[str, Any]:
    """Return the whole document."""
    document: dict[str, Any] = api.spec.to_dict()
    for path, operations in document["paths"].items():
        for parameter in operations.get("parameters", ()):
            parameter["schema"] = PATH_PARAMETERS[parameter["name"]]
        for method in _METHODS:
            if method in operations:
                rule = re.sub(r"\{(\w+)\}", r"<\1>", path.removeprefix(PREFIX))
                _complete(operations[method], ACCESS[f"{method.upper()} {rule}"])
    document["components"].pop("responses", None)
    return document


def problem_response(status: int, codes: list[str]) -> dict[str, Any]:
    """Describe an answer that is a problem document with one of the codes."""
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = "Problem"
    schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}], "properties": {"code": {"enum": codes}}}
    response: dict[str, Any] = {"description": phrase, "content": {PROBLEM_TYPE: {"schema": schema}}}
    if status in (429, 503, 507):
        response["headers"] = {"Retry-After": {"description": "秒 / Seconds", "schema": {"type": "integer"}}}
    elif status == 401:
        response["headers"] = {"WWW-Authenticate": {"description": "Bearer", "schema": {"type": "string"}}}
    return response


def _complete(operation: dict[str, Any], access: Access) -> None:
    """Add security, roles and problem responses to an operation."""
    callers = {
        "anybody": [],
        "device": [{"signature": []}, {"token": []}],
        "person": [{"session": []}],
        "device_or_person": [{"signature": []}, {"token": []}, {"session": []}],
    }
    operation["security"] = callers[access.caller]
    operation["x-roles"] = sorted(access.roles)
    codes = [*_ALWAYS, *operation.get("x-problems", ())]
    codes += _OF_DEVICES if "device" in access.caller else ()
    codes += _OF_PEOPLE if "person" in access.caller else ()
    answers = operation.setdefault("responses", {})
    if answers.pop("422", None):
        codes.append("value_invalid")
    operation["x-problems"] = sorted(set(codes))
    by_status: dict[int, list[str]] = {}
    for code in operation["x-problems"]:
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    for status, found in sorted(by_status.items()):
        described = problem_response(status, found)
        # An operation may answer a status in a way of its own as well: not ready is no problem document.
        described["content"].update(answers.get(str(status), {}).get("content", {}))
        answers[str(status)] = described
