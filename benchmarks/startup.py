"""How long ``spinal-tf --help`` takes beside the imports it cannot do without; aim: at most 1.5 times."""

from __future__ import annotations

import statistics
import subprocess
import sys

from measure import COMMAND, run

ROUNDS = 15
HELP = [COMMAND, "--help"]
FLOOR = [sys.executable, "-c", "import click, numpy"]
PROBE = """
import sys
from spinal_tf.cli.main import main
main(["--help"], standalone_mode=False)
print("tensorflow" in sys.modules)
"""


def main() -> None:
    """Interleave both commands, so that what else the machine does falls on both; print medians and their ratio."""
    rounds = [(run(HELP).wall_s, run(FLOOR).wall_s) for _ in range(ROUNDS)]
    help_s, floor_s = (statistics.median(column) for column in zip(*rounds, strict=True))
    probe = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    print(f"spinal-tf --help       {help_s * 1000:6.0f} ms")
    print(f"import click, numpy    {floor_s * 1000:6.0f} ms")
    print(f"ratio                  {help_s / floor_s:6.2f}    (aim: 1.5)")
    print(f"TensorFlow imported    {probe.stdout.split()[-1]}")


if __name__ == "__main__":
    main()
