"""Runs the benchmarks: figures go to var/bench/*.json and, as one table, to the terminal."""

import argparse
import importlib
import os
import platform
from pathlib import Path

from benchmarks.measure import Figure, Options, print_table, save_figures
from benchmarks.workload import ORDERS, RECORDS_PER_SET, SEED

PROJECT = Path(__file__).resolve().parents[1]
CLIENTS = 32
SETS_PER_CLIENT = 100
SPARE_ORDERS = 400  # orders of the load that the fleet leaves to the measures of changed records

# A part is a module with `run(options) -> list[Figure]`. The yardsticks run before what they measure.
OWN_PARTS = (
    "gongdan_server",
    "gongdan_growth",
    "gongdan_costs",
    "gongdan_stages",
    "device_media",
    "device_store",
    "install_size",
    "device_pages",
    "desk_pages",
    "recalls",
    "proofs",
    "stock_pages",
    "part_trace",
    "label_corpus",
    "device_lighthouse",
    "blob_upload",
    "bucket_upload",
)
YARDSTICKS = {
    "floors": "benchmarks.floors",
    "pouchdb": "benchmarks.peers.pouchdb_bench",
    "kinto": "benchmarks.peers.kinto_bench",
}


def find_parts() -> dict[str, str]:
    """Give the name and module of each part, the yardsticks first."""
    return YARDSTICKS | {name: f"benchmarks.{name}" for name in OWN_PARTS}


def main() -> None:
    """Run the parts asked for, or all, in the order in which they are listed."""
    parts = find_parts()
    asked = _read_arguments(list(parts))
    if asked.list:
        print("\n".join(parts))
        return
    folder = PROJECT / "var" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    sets = min(SETS_PER_CLIENT, (asked.records - SPARE_ORDERS) // (CLIENTS * RECORDS_PER_SET))
    options = Options(folder, asked.seed, asked.records, sets, asked.keep)
    figures: list[Figure] = []
    for name in asked.parts or parts:
        print(f"{name} ...", flush=True)
        # A part is loaded when its turn comes, so that listing the parts needs none of their libraries.
        measured = importlib.import_module(parts[name]).run(options)
        save_figures(folder, name, measured)
        figures += measured
    print(f"\n{platform.machine()}, {os.cpu_count()} cores, seed {asked.seed}, {asked.records:,} records\n")
    print(print_table(figures))


def _read_arguments(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(names)}; all when none is named")
    parser.add_argument("--list", action="store_true", help="list the parts and stop")
    parser.add_argument("--seed", type=int, default=SEED, help="where the load comes from")
    parser.add_argument("--records", type=int, default=ORDERS, help="orders in the load, at least 500")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="where to keep what takes long to make, and find it again"
    )
    asked = parser.parse_args()
    unknown = set(asked.parts) - set(names)
    if unknown or asked.records < 500:
        parser.error(f"no such part: {', '.join(sorted(unknown))}" if unknown else "too few records")
    return asked


if __name__ == "__main__":
    main()
