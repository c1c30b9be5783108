"""Whom attempts are counted by: what a caller writes about himself does not count."""

from __future__ import annotations

import pytest

from server.settings import read_settings
from server.web.addresses import find_caller

PROXIES = read_settings({"GONGDAN_TRUSTED_PROXIES": "10.0.0.5, 10.1.0.0/16,fd00::/8"}).trusted_proxies


@pytest.mark.parametrize(
    ("remote", "forwarded", "caller"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),
        ("10.0.0.5", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.5", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.5", "1.1.1.1,198.51.100.1 , 10.1.2.3", "198.51.100.1"),
        ("10.0.0.5", "10.1.0.1,10.1.0.2", "10.1.0.1"),
        ("10.0.0.5", "unknown", "10.0.0.5"),
        ("10.0.0.5", "198.51.100.1, _hidden", "10.0.0.5"),
        ("10.0.0.5", "", "10.0.0.5"),
        ("10.0.0.5", ",".join(["10.1.0.1"] * 5000), "10.1.0.1"),
        ("fd00::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "", "192.0.2.7"),
        ("::ffff:10.0.0.5", "198.51.100.1", "198.51.100.1"),
        (None, "198.51.100.1", "unknown"),
        ("unix:", "198.51.100.1", "unix:"),
    ],
)
def test_a_caller_is_the_first_address_that_is_no_proxy_of_ours(
    remote: str | None, forwarded: str, caller: str
) -> None:
    assert find_caller(remote, forwarded, PROXIES) == caller


def test_without_proxies_nothing_forwarded_is_believed() -> None:
    assert find_caller("127.0.0.1", "198.51.100.1", ()) == "127.0.0.1"


@pytest.mark.parametrize("spelled", ["here", "10.0.0.0/33", "10.0.0.5/8", "10.0.0.5;10.0.0.6"])
def test_a_proxy_that_is_no_network_stops_the_start(spelled: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear|has host bits"):
        read_settings({"GONGDAN_TRUSTED_PROXIES": spelled})
