"""How long all intervals of a table of predictions take, beside a loop over resamples with scikit-learn.

Aims: 647 cases in 5 s, 10,000 in 20 s, 20 times faster than the loop, and no more memory for more resamples.
"""

from __future__ import annotations

import csv
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn import metrics

from spinal_tf.evaluation.evaluation import evaluate
from spinal_tf.evaluation.evaluation_options import EvaluationOptions, Resampling
from spinal_tf.evaluation.performance import performance
from spinal_tf.evaluation.prediction_checks import check_predictions
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.scored import Scored
from spinal_tf.taxonomy import tree

SIZES = (647, 10_000)
RESAMPLES = 2000
LOOPED = 20
"""Resamples that the loop really makes; its time is scaled to all of them."""


def write_predictions(path: Path, cases: int) -> None:
    """Three raters, T1c for two of three cases, age and sex; one in four cases is difficult."""
    rng = np.random.default_rng(1)
    diagnoses = list(tree().diagnoses)
    with path.open("w", newline="") as stream:
        table = csv.writer(stream)
        columns = [f"p_{task.name}{scan}" for scan in ("", "_t1c") for task in tree().tasks]
        facts = ["case", "patient", "split", "diagnosis", "difficult", "sex", "age_years"]
        table.writerow([*facts, *columns, "rater_1", "rater_2", "rater_3"])
        for index in range(cases):
            diagnosis = diagnoses[rng.integers(4)]
            split = ("validation", "test", "test")[index % 3]
            row = [f"c{index}", f"p{index}", split, diagnosis.value, int(rng.random() < 0.25)]
            row += ["fm"[rng.integers(2)], round(float(rng.uniform(5, 80)), 1)]
            for with_t1c in (False, True):
                for task in tree().tasks:
                    odds = (2 * task.label(diagnosis) - 1 if task.applies_to(diagnosis) else 0) + rng.normal()
                    row.append("" if with_t1c and index % 3 == 0 else f"{1 / (1 + np.exp(-odds)):.6f}")
            row += [(diagnosis if rng.random() < 0.7 else diagnoses[rng.integers(4)]).value for _ in range(3)]
            table.writerow(row)


def loop(scored: Scored, resamples: int) -> None:
    """The intervals of one task and set, a resample at a time."""
    rng = np.random.default_rng(2)
    groups = [np.flatnonzero(scored.labels == label) for label in (False, True)]
    values = []
    for _ in range(resamples):
        drawn = np.concatenate([rng.choice(group, len(group)) for group in groups])
        labels, calls, scores = scored.labels[drawn], scored.calls[drawn], scored.scores[drawn]
        values.append(
            [
                metrics.accuracy_score(labels, calls),
                metrics.recall_score(labels, calls),
                metrics.recall_score(labels, calls, pos_label=0),
                metrics.precision_score(labels, calls, zero_division=np.nan),
                metrics.precision_score(labels, calls, pos_label=0, zero_division=np.nan),
                metrics.roc_auc_score(labels, scores),
            ]
        )
    np.nanquantile(values, (0.025, 0.975), axis=0)


def seconds(action: Callable[[], object]) -> float:
    """Wall time."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def peak_mb(action: Callable[[], object]) -> float:
    """Most memory that Python and NumPy held for it."""
    tracemalloc.start()
    action()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


def main() -> None:
    """Print times for everything and for the intervals of Table 2 alone, and the memory of those."""
    for cases in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "predictions.csv"
            write_predictions(path, cases)
            options = EvaluationOptions(resampling=Resampling(resamples=RESAMPLES))
            start = time.perf_counter()
            evaluation = evaluate(check_predictions(path, options), options)
            whole_s = time.perf_counter() - start
        sets = [task.sets[case_set] for task in evaluation.tasks.values() for case_set in CaseSet]
        ours_s = seconds(lambda sets=sets, options=options: [performance(one, options.resampling) for one in sets])
        loop_s = seconds(lambda sets=sets: [loop(one, LOOPED) for one in sets]) * RESAMPLES / LOOPED
        peaks = [
            peak_mb(lambda sets=sets, count=count: performance(sets[1], Resampling(resamples=count)))
            for count in (RESAMPLES // 4, RESAMPLES)
        ]
        print(
            f"{cases:6} cases: everything {whole_s:5.1f} s; Table 2 {ours_s:5.2f} s, loop {loop_s:6.1f} s: "
            f"{loop_s / ours_s:4.0f} times faster; {peaks[0]:.0f} MB for {RESAMPLES // 4}, {peaks[1]:.0f} MB for "
            f"{RESAMPLES} resamples"
        )


if __name__ == "__main__":
    main()
