"""Split a cohort with the method of Zhuo et al. 2022.

    python data_prep/split_cohort.py CASES.csv COHORT.csv --test-from 2019-01-01 --seed 2022

CASES.csv is a cohort's table (docs/cohort.md) without the column split. Patients first scanned on or after the given
day are the test set. Of the others, a random fifth of each diagnosis, drawn with the seed, is for validation. A record
with the seed and the counts, COHORT_split.json, is written beside the new table.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import sklearn

from spinal_tf import __version__
from spinal_tf.cohort.counts import counted
from spinal_tf.cohort.read_cohort import read_cohort
from spinal_tf.cohort.split import SplitOptions, draw_split, read_unsplit, rows_with_split
from spinal_tf.errors import SpinalTfError
from spinal_tf.files import output_files


def main() -> None:
    """Read the command line, split the cohort, write the table, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, metavar="CASES.csv")
    parser.add_argument("out", type=Path, metavar="COHORT.csv")
    parser.add_argument("--test-from", type=_day, metavar="DATE", help="first day of the test period")
    parser.add_argument("--validation", type=_share, default=0.2, help="share of the earlier patients (default 0.2)")
    parser.add_argument("--seed", type=_seed, default=0, help="the same seed gives the same split (default 0)")
    parser.add_argument("--overwrite", action="store_true", help="replace COHORT.csv and its record")
    given = parser.parse_args()
    options = SplitOptions(validation=given.validation, test_from=given.test_from, seed=given.seed)
    try:
        _split(given.table, given.out, options, overwrite=given.overwrite)
    except SpinalTfError as error:
        print(f"split_cohort.py: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    print(f"{given.out}:\n\n{counted(read_cohort(given.out))}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write year, month and day as 2019-01-01") from None


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError("must be a whole number from 0 to 4294967295")
    return int(text)


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError("must be between 0 and 1")
    return share


def _split(table: Path, out: Path, options: SplitOptions, *, overwrite: bool) -> None:
    cohort, rows = read_unsplit(table)
    splits = draw_split(cohort, options)
    record = {
        "table": table.name,
        "table_sha256": hashlib.sha256(table.read_bytes()).hexdigest(),
        "seed": options.seed,
        "validation": options.validation,
        "test_from": options.test_from and options.test_from.isoformat(),
        "patients": dict(sorted(Counter(split.value for split in splits.values()).items())),
        "versions": {"spinal-tf": __version__, "scikit-learn": sklearn.__version__},
    }
    record_path = out.with_name(f"{out.stem}_split.json")
    with output_files(out, record_path, overwrite=overwrite) as (new_table, new_record):
        with new_table.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows_with_split(rows, splits, out.parent))
        new_record.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
