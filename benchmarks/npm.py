"""Programs under Node that a benchmark takes from npm, by a lock file beside their sources."""

import shutil
import subprocess
from pathlib import Path

INSTALL_LIMIT_S = 600.0  # 250 small packages; a minute over a slow line


def install_program(source: Path, program: Path) -> Path:
    """Put the files of `source` and its locked packages into the folder `program`, and return that.

    Kept between runs and made anew when the lock file changes. Raises FileNotFoundError without npm, and
    subprocess.CalledProcessError when it fails.
    """
    marker = program / "node_modules" / "installed-lock.json"
    lock = (source / "package-lock.json").read_bytes()
    program.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        if file.is_file():
            shutil.copy(file, program)
    if not marker.exists() or marker.read_bytes() != lock:
        command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(command, cwd=program, check=True, timeout=INSTALL_LIMIT_S, stdout=subprocess.DEVNULL)
        marker.write_bytes(lock)
    return program
