"""The server's application, with pages of the feed so small that every pull has several."""

from functools import partial

from server.app import wsgi
from server.store import feed

__all__ = ["wsgi"]

PAGE_OPS: int = 5

feed.write_page = partial(feed.write_page, most=PAGE_OPS)
