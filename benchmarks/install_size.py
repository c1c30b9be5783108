"""The size of the client with its dependencies: what `pip install gongdan[field]` puts into an empty environment.

`python -m benchmarks.install_size` prints the table. The wheel is built from this source; its dependencies are those
of `constraints.txt`. Compiled Python (`__pycache__`) is left out: pip can leave it unwritten.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final

from benchmarks.measure import Figure, Options, print_table
from benchmarks.workload import ORDERS, SEED

WHOLE: Final = "client with its dependencies, installed, MB"
PART: Final = "client: {name} installed, MB"
SUBJECT: Final = "gongdan"
PROJECT: Final = Path(__file__).resolve().parents[1]
MOST_MB: Final = 100
LARGEST: Final = 8
LEFT_OUT: Final = (".git", ".venv", "var", "build", "tests", "benchmarks", "docs")
TOOLS: Final = ("pip", "setuptools")
"""What an empty environment brings along."""


def run(options: Options) -> list[Figure]:
    """Install the client and add up its files; raises RuntimeError when they are larger than `MOST_MB`."""
    with tempfile.TemporaryDirectory(prefix="install-", dir=options.folder) as name:
        sizes = install_client(Path(name))
    whole = sum(sizes.values())
    largest = sorted(sizes.items(), key=lambda row: -row[1])[:LARGEST]
    figures = [Figure(WHOLE, SUBJECT, whole, f"{len(sizes)} packages")]
    if whole > MOST_MB:
        raise RuntimeError(f"the client has {whole:.1f} MB, {MOST_MB} are allowed: {largest}")
    return figures + [Figure(PART.format(name=name), SUBJECT, size) for name, size in largest]


def install_client(folder: Path) -> dict[str, float]:
    """Return the size in MB (1,000,000 bytes) of each package that the client consists of, itself included."""
    source = folder / "source"
    # Built in place, setuptools would leave a folder behind that ends up in the next wheel.
    shutil.copytree(
        PROJECT, source, ignore=lambda at, names: {n for n in names if Path(at) == PROJECT and n in LEFT_OUT}
    )
    venv.create(folder, with_pip=True)
    words = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    words += ["--no-compile", "-c", "constraints.txt", ".[field]"]
    subprocess.run(words, cwd=source, check=True, stderr=subprocess.DEVNULL)
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    found = distributions(path=[str(packages)])
    return {one.name: sum(_sizes(one)) / 1e6 for one in found if one.name not in TOOLS}


def _sizes(package: Distribution) -> Iterator[int]:
    for file in package.files or ():
        path = Path(str(package.locate_file(file)))
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.stat().st_size


def main() -> None:
    """Measure and print."""
    folder = PROJECT / "var" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    print(print_table(run(Options(folder, SEED, ORDERS, 1))))


if __name__ == "__main__":
    main()
