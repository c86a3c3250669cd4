"""One case of 15 x 512 x 512 from NIfTI to mask, in a cold process on the CPU: time by stage and peak memory."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

from measure import COMMAND, run, write_scan

ROUNDS = 3
# The review runs the network too, on the mirrored slices that hold lesion.
IMPORTS = """
from spinal_tf.cli.quiet import quiet_stderr
with quiet_stderr():
    import spinal_tf.cli.session, tensorflow, keras
"""


def main() -> None:
    """Interleave the case with a process that only imports what it needs; print the medians."""
    with tempfile.TemporaryDirectory() as folder:
        scan = Path(folder) / "case.nii.gz"
        write_scan(scan, slices=15, side=512, spacing_mm=0.5)
        command = [COMMAND, "segment", str(scan), "--overwrite"]
        run(command)  # warms the file cache
        imports, cases, stages = [], [], []
        for _ in range(ROUNDS):
            imports.append(run([sys.executable, "-c", IMPORTS]).wall_s)
            cases.append(run(command))
            stages.append(json.loads(scan.with_name("case_lesion.json").read_text())["timings_s"])
    for stage in stages[0]:
        print(f"stage {stage:<18}{statistics.median(record[stage] for record in stages):6.2f} s")
    process_s, imports_s = statistics.median(case.wall_s for case in cases), statistics.median(imports)
    network_s = statistics.median(record["network"] + record.get("review", 0) for record in stages)
    rest_s = process_s - imports_s - network_s
    print(f"{'whole process':<24}{process_s:6.2f} s")
    print(f"{'Python and imports alone':<24}{imports_s:6.2f} s    (another process)")
    print(f"{'neither import nor net':<24}{rest_s:6.2f} s    (whole, less imports, network and review; aim: 1.5)")
    print(f"{'peak memory':<24}{max(case.peak_gb for case in cases):6.2f} GB   (aim: 2.5)")


if __name__ == "__main__":
    main()
