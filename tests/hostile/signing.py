"""Calling as whoever a route is for: requests of devices are signed, those of people carry their session.

The signature is made where the request is whole, at the door of the application, so that it covers exactly what came.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request

from server.web.access import Access, access_of
from tests.cast import Device
from tests.server.web.conftest import House

StartResponse = Callable[..., Any]


@dataclass
class SigningDoor:
    """A WSGI application in front of the real one that lets every request come from the right caller."""

    app: Flask
    device: Device
    token: str
    cookie: str

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Put the caller's signature, token or session into a request, and pass it on."""
        access = self._access_of(environ)
        if access is not None and access.caller != "anybody":
            for name in ("AUTHORIZATION", "SIGNATURE", "SIGNATURE_INPUT", "CONTENT_DIGEST", "COOKIE"):
                environ.pop(f"HTTP_{name}", None)
            if "device" in access.caller:
                self._sign(environ, access)
            else:
                environ["HTTP_COOKIE"] = self.cookie
        return self.app(environ, start_response)

    def _access_of(self, environ: dict[str, Any]) -> Access | None:
        try:
            rule, _ = self.app.url_map.bind_to_environ(environ).match(return_rule=True)
        except HTTPException:
            return None
        return access_of(environ["REQUEST_METHOD"], rule.rule)

    def _sign(self, environ: dict[str, Any], access: Access) -> None:
        if access.body_bytes_max is None:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {self.token}"
            return
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        request = Request(environ, populate_request=False)
        query = request.query_string.decode("latin-1")
        for name, value in self.device.headers(request.method, request.path, query, body).items():
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value


def open_door(house: House) -> SigningDoor:
    """Return the door of a house, for Wei's device and for Dana, who may do everything there."""
    device = house.device_of(house.ours, house.ours.wei)
    token = str(house.ask(device, "POST", "/token").json["token"])
    dana = house.sign_in("dana")
    (cookie,) = [cookie for cookie in dana._cookies.values() if "session" in cookie.key]  # type: ignore[union-attr]
    return SigningDoor(house.app, device, token, f"{cookie.key}={cookie.value}")
