"""A real OpenID provider in a process of its own, and a browser in which somebody signs in there."""

from __future__ import annotations

import html
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests

from server.settings import OidcProvider
from tests.source_tree import ROOT

BASE_URL = "http://127.0.0.1:9"
"""Nobody answers there: the tests look at where the browser is sent and go no further."""

STEPS_MAX = 20


@contextmanager
def open_provider(*redirects: str) -> Iterator[str]:
    """Run a provider that sends browsers back to these addresses; give its issuer."""
    arguments = ["node", "oidc_provider.mjs", *redirects]
    with subprocess.Popen(
        arguments, cwd=ROOT / "tests" / "js", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, "the provider did not start: run `npm ci` in tests/js"
            yield str(json.loads(line)["issuer"])
        finally:
            process.terminate()


def settings_of(issuer: str, **more: object) -> OidcProvider:
    """Return the settings of a provider as an operator would write them."""
    known: dict[str, object] = {
        "name": "sso",
        "label": "公司账号",
        "label_en": "Company account",
        "issuer": issuer,
        "client_id": "gongdan",
        "client_secret": "a secret of the client",
        "organisation": "",
        "scope": "openid email profile",
        "match_email": True,
        "email_domains": (),
        "create_roles": (),
        "second_factor": False,
    }
    return OidcProvider(**{**known, **more})  # type: ignore[arg-type]


@dataclass
class Visitor:
    """A browser at the provider, which remembers that somebody signed in."""

    session: requests.Session = field(default_factory=requests.Session)

    def sign_in(self, address: str, name: str, back: str) -> dict[str, str]:
        """Sign in as somebody; return the query with which the browser is sent to `back`."""
        answer = self.session.get(address, allow_redirects=False, timeout=10)
        for _ in range(STEPS_MAX):
            if "location" in answer.headers:
                target = urljoin(answer.url, answer.headers["location"])
                if target.startswith(back):
                    return dict(parse_qsl(urlsplit(target).query))
                answer = self.session.get(target, allow_redirects=False, timeout=10)
                continue
            form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
            assert answer.status_code == 200 and form is not None, answer.text
            hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.text)
            typed = {**{key: html.unescape(value) for key, value in hidden}, "login": name, "password": "any"}
            action = urljoin(answer.url, html.unescape(form[1]))
            answer = self.session.post(action, data=typed, allow_redirects=False, timeout=10)
        raise AssertionError("the provider asks for ever")
