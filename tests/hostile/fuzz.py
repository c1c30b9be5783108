"""Search for inputs that break a reader, guided by what code they reach.

Called as `python -m tests.hostile.fuzz NAME [option...]`. The options are libFuzzer's, such as `-runs=1000` and
`-max_total_time=600`, and folders of inputs to go on from.
An input that breaks the reader is written to `crash-...`; put it into `tests/hostile/found/NAME/` once it is mended.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

WATCHED = ["schemas", "sync", "field_client", "server", "biip", "verifier"]

with atheris.instrument_imports(include=WATCHED, enable_loader_override=False):
    from tests.hostile.target import Target
    from tests.hostile.targets import TARGETS

# The largest photo allowed takes four seconds of a core, which a busy machine makes twenty of.
UNIT_TIMEOUT_S = 60
MEMORY_MB = 2048


def mutator_of(target: Target):  # type: ignore[no-untyped-def]
    """Return how inputs of a target are changed: half of them within their format, half of them byte by byte."""

    def change(data: bytes, bytes_max: int, seed: int) -> bytes:
        if target.mutate is not None and seed % 2:
            changed = target.mutate(data, seed)
            if changed is not None and len(changed) <= bytes_max:
                return changed
        return target.mend(atheris.Mutate(data, bytes_max))

    return change


def main(name: str, *options: str) -> None:
    """Feed one target until the options say to stop."""
    target = TARGETS[name]
    seeds = Path(tempfile.mkdtemp(prefix=f"gongdan-seeds-{name}-"))
    for number, seed in enumerate(target.seeds()):
        (seeds / f"{number:02}").write_bytes(seed)
    limits = [f"-max_len={target.bytes_max}", f"-timeout={UNIT_TIMEOUT_S}", f"-rss_limit_mb={MEMORY_MB}"]
    folders = [option for option in options if not option.startswith("-")]
    flags = [option for option in options if option.startswith("-")]
    arguments = [sys.argv[0], *limits, *flags, *folders, str(seeds)]
    atheris.Setup(arguments, target.feed, custom_mutator=mutator_of(target))
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
