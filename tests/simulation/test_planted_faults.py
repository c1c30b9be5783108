"""The planted faults move with the code, and are all accounted for in docs/testing.md."""

from __future__ import annotations

import pytest

from tests.documents import read_document
from tests.simulation.planted_faults import TREE, PlantedFault, apply_patch, read_faults


@pytest.mark.parametrize("fault", read_faults(), ids=lambda fault: fault.patch.stem)
def test_a_planted_fault_fits_the_code(fault: PlantedFault) -> None:
    apply_patch(fault, TREE, "--check")


def test_every_planted_fault_was_found() -> None:
    rows = [line for line in read_document("docs/testing.md").text.splitlines() if line.startswith("| ")]

    for fault in read_faults():
        (row,) = [row for row in rows if row.startswith(f"| {fault.name} |")]
        assert "not found" not in row
