"""The server's application, with pages of the feed so small that every pull has several."""

from server.app import wsgi
from server.web import sync_api

__all__ = ["wsgi"]

sync_api.PAGE_OPS_MAX = 5  # type: ignore[misc]
