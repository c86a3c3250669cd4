"""One case of 15 x 512 x 512 from NIfTI to mask, in a cold process on the CPU: time by stage and peak memory."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from measure import COMMAND, run, write_scan

NETWORK_OR_IMPORT = ("imports", "network")


def main() -> None:
    """Segment the scan once to warm the file cache, then once for the figures."""
    with tempfile.TemporaryDirectory() as folder:
        scan = Path(folder) / "case.nii.gz"
        write_scan(scan, slices=15, side=512, spacing_mm=0.5)
        command = [COMMAND, "segment", str(scan), "--overwrite"]
        run(command)
        process = run(command)
        interpreter_s = run([sys.executable, "-c", "import click, numpy"]).wall_s
        stages: dict[str, float] = json.loads(scan.with_name("case_lesion.json").read_text())["timings_s"]
    for stage, seconds in stages.items():
        print(f"{stage:<24}{seconds:6.2f} s")
    outside_s = process.wall_s - sum(stages.values())
    rest_s = process.wall_s - sum(stages.get(stage, 0.0) for stage in NETWORK_OR_IMPORT) - interpreter_s
    print(
        f"{'outside the stages':<24}{outside_s:6.2f} s    (interpreter, click and numpy alone: {interpreter_s:.2f} s)"
    )
    print(f"{'process':<24}{process.wall_s:6.2f} s")
    print(f"{'neither import nor net':<24}{rest_s:6.2f} s    (aim: 1.5)")
    print(f"{'peak memory':<24}{process.peak_gb:6.2f} GB   (aim: 2.5)")


if __name__ == "__main__":
    main()
