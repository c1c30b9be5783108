"""Where the demo plays: it runs each command as a process of its own, shows it, and checks what came of it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAMS = Path(sys.executable).parent
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30


class StoryError(Exception):
    """Something was not as the story says."""


@dataclass
class Stage:
    """Where the story plays: a folder, a server, the devices of Wei and Lin."""

    folder: Path
    language: str
    port: int
    step_number: int = 0
    server: subprocess.Popen[bytes] | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self, device: str = "wei") -> dict[str, str]:
        """Return the settings of the server and of one person's device."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GONGDAN_")}
        return clean | {
            "GONGDAN_DATA": str(self.folder / "server"),
            "GONGDAN_BASE_URL": self.url,
            "GONGDAN_BIND": f"127.0.0.1:{self.port}",
            "GONGDAN_FIELD_DATA": str(self.folder / device),
            "GONGDAN_PIN": "280417",
            "GONGDAN_LANGUAGE": self.language,
        }

    def say(self, zh: str, en: str) -> None:
        """Begin a step: say what happens next and why."""
        self.step_number += 1
        print(f"\n\033[1m{self.step_number}. {zh if self.language == 'zh' else en}\033[0m", flush=True)

    def expect(self, holds: bool, zh: str, en: str) -> None:
        """Check what the story says."""
        sentence = zh if self.language == "zh" else en
        if not holds:
            raise StoryError(sentence)
        print(f"   \033[32m✓\033[0m {sentence}", flush=True)

    def office(self, *arguments: str, quiet: bool = False, status: int = 0) -> str:
        """Run gongdan-server."""
        return self._run("gongdan-server", arguments, "wei", quiet, status)

    def office_json(self, *arguments: str) -> Any:
        """Run gongdan-server without showing it and read what it prints."""
        return json.loads(self._run("gongdan-server", (*arguments, "--json"), "wei", True, 0))

    def device(self, *arguments: str, who: str = "wei", status: int = 0) -> str:
        """Run gongdan-field on somebody's device."""
        return self._run("gongdan-field", arguments, who, False, status)

    def _run(self, program: str, arguments: tuple[str, ...], who: str, quiet: bool, status: int) -> str:
        if not quiet:
            shown = [argument.replace(f"{self.folder}/", "") for argument in arguments]
            prompt = f"{who}$" if program == "gongdan-field" else "office$"
            print(f"   \033[36m{prompt} {program} {shlex.join(shown)}\033[0m", flush=True)
        done = subprocess.run(
            [PROGRAMS / program, *arguments],
            env=self.environment(who),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if not quiet else None,
            text=True,
            check=False,
        )
        if not quiet:
            for line in done.stdout.splitlines():
                print(f"     {line}")
        if done.returncode != status:
            raise StoryError(f"{program} {shlex.join(arguments)}: {done.returncode} instead of {status}\n{done.stdout}")
        return done.stdout

    def start_server(self) -> None:
        """Start the server process and wait until it answers."""
        print("   \033[36moffice$ gongdan-server serve &\033[0m", flush=True)
        with (self.folder / "server.log").open("ab") as log:
            self.server = subprocess.Popen(
                [PROGRAMS / "gongdan-server", "serve"],
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self.server.poll() is not None or time.monotonic() > until:
                raise StoryError((self.folder / "server.log").read_text())
            time.sleep(0.1)
        self.expect(True, f"服务器在 {self.url} 应答", f"the server answers at {self.url}")

    def stop_server(self) -> None:
        """Stop the server process."""
        if self.server is None or self.server.poll() is not None:
            return
        os.killpg(self.server.pid, signal.SIGTERM)
        self.server.wait(STOP_TIMEOUT_S)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/health/ready", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def order_body(self, number: str) -> dict[str, Any]:
        """Return an order as the office has it."""
        body: dict[str, Any] = self.office_json("orders", "show", number)["order"]["body"]
        return body
