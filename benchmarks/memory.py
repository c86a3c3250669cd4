"""Peak memory of segmenting 60 slices of 1024 x 1024; aim: at most 3 GB."""

from __future__ import annotations

import tempfile
from pathlib import Path

from measure import COMMAND, run, write_scan


def main() -> None:
    """Segment one large scan in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        scan = Path(folder) / "large.nii.gz"
        write_scan(scan, slices=60, side=1024, spacing_mm=0.35)
        process = run([COMMAND, "segment", str(scan)])
    print(f"60 x 1024 x 1024        {process.peak_gb:6.2f} GB   (aim: 3)    {process.wall_s:.0f} s")


if __name__ == "__main__":
    main()
