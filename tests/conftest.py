"""What every test may ask for: databases, and how hypothesis searches."""

import os

import pytest
from hypothesis import settings

pytest_plugins = ["tests.mail_servers", "tests.postgres", "tests.radosgw"]

# A shared machine makes single examples slow without anything being wrong, so no deadline. The checked run
# must give the same verdict twice; to look for more, run `pytest --hypothesis-profile=explore`.
settings.register_profile("checked", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile("checked")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what a run may be told."""
    parser.addoption(
        "--postgres-fsync",
        choices=["on", "off"],
        default="on",
        help="off is quicker, but then a test that kills the server proves nothing",
    )
    parser.addoption("--pictures", help="folder that the browser tests put the pictures of the guides into")
    parser.addoption("--pairs", type=int, default=200, help="pairs of simultaneous edits in tests/operating")


@pytest.fixture(autouse=True, scope="session")
def own_environment() -> None:
    """Forget the caller's Gongdan settings, so that a test never touches real data."""
    for name in [name for name in os.environ if name.startswith("GONGDAN_")]:
        del os.environ[name]
