"""Count how many healthy scans `spinal-tf segment` marks, from the records that it wrote.

    for folder in SCANS/*; do spinal-tf segment $folder/t2.nii.gz -o OUT/$(basename $folder); done
    python data_prep/measure_healthy_scans.py OUT/*/t2_lesion.json > table.md

Every marked voxel is a false positive. A scan has the name of its record's folder.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

EMPTY_BELOW_ML = 0.1
"""Marked volume below which a scan counts as empty."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """Marked volume and review flag of one healthy scan."""

    name: str
    marked_ml: float
    flagged: bool

    @property
    def empty(self) -> bool:
        """Whether the marked volume is small enough to count as empty."""
        return self.marked_ml < EMPTY_BELOW_ML


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", type=Path, nargs="+", metavar="RECORD")
    print(table([read_scan(path) for path in parser.parse_args().records]))


def read_scan(record: Path) -> Scan:
    """Read the record of `spinal-tf segment` for a healthy scan."""
    found = json.loads(record.read_text(encoding="utf-8"))
    return Scan(
        name=record.parent.name, marked_ml=float(found["total_volume_ml"]), flagged=bool(found["review"]["needed"])
    )


def table(scans: list[Scan]) -> str:
    """Return a Markdown table with one row for each scan, followed by the two counts."""
    rows = [f"| `{scan.name}` | {scan.marked_ml:.2f} | {'yes' if scan.flagged else 'no'} |" for scan in scans]
    marked = [scan for scan in scans if not scan.empty]
    silent = sum(not scan.flagged for scan in marked)
    return "\n".join(
        [
            "| healthy scan | marked, mL | review flag |",
            "|---|---|---|",
            *rows,
            "",
            f"{len(scans) - len(marked)} of {len(scans)} scans have less than {EMPTY_BELOW_ML} mL marked; "
            f"{silent} of the {len(marked)} others raise no review flag.",
        ]
    )


if __name__ == "__main__":
    main()
