"""The application with its two companies, as the tests of the web have it."""

from tests.server.web.conftest import founded, house

__all__ = ["founded", "house"]
