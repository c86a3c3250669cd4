"""Tables of predictions, among them one with the counts of the paper's Table 2."""

from __future__ import annotations

import pytest
from hypothesis import settings

from spinal_tf.evaluation.paper.paper_table2 import TABLE_2
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.statistics.confusion import Confusion
from spinal_tf.taxonomy import ASTROCYTOMA, EPENDYMOMA, MS, NMOSD, tree

settings.register_profile("unhurried", deadline=None)  # a busy machine
settings.load_profile("unhurried")

FIRST, OF_TUMORS, OF_DEMYELINATING = (task.name for task in tree().tasks)
RIGHT, WRONG = 0.9, 0.1


def _rows(split, difficult, counts):
    """One row for each case of a part with these confusion counts by task."""
    members = {
        ASTROCYTOMA: counts[OF_TUMORS].tn + counts[OF_TUMORS].fp,
        EPENDYMOMA: counts[OF_TUMORS].tp + counts[OF_TUMORS].fn,
        MS: counts[OF_DEMYELINATING].tn + counts[OF_DEMYELINATING].fp,
        NMOSD: counts[OF_DEMYELINATING].tp + counts[OF_DEMYELINATING].fn,
    }
    wrong = {
        (task.name, label): getattr(counts[task.name], ("fp", "fn")[label]) for task in tree().tasks for label in (0, 1)
    }
    rows = []
    for diagnosis, number in members.items():
        for index in range(number):
            name = f"{split}-{difficult}-{diagnosis.value}-{index}"
            row = {"case": name, "patient": f"of {name}", "split": split, "diagnosis": diagnosis.value}
            row["difficult"] = difficult
            for task in tree().tasks:
                column = f"p_{task.name}"
                if not task.applies_to(diagnosis):
                    row[column] = ""
                    continue
                label = task.label(diagnosis)
                right = RIGHT if wrong[task.name, label] <= 0 else WRONG
                wrong[task.name, label] -= 1
                row[column] = str(right if label else round(1 - right, 3))
            rows.append(row)
    return rows


@pytest.fixture(scope="session")
def paper_rows():
    """Rows of a table whose calls have the paper's confusion counts; every probability is 0.1 or 0.9."""
    of = {case_set: {name: column.confusion for name, column in TABLE_2[case_set].items()} for case_set in CaseSet}
    easy = {
        name: Confusion(
            **{part: getattr(whole, part) - getattr(of[CaseSet.DIFFICULT][name], part) for part in vars(whole)}
        )
        for name, whole in of[CaseSet.TEST].items()
    }
    return (
        _rows("validation", "no", of[CaseSet.VALIDATION])
        + _rows("test", "yes", of[CaseSet.DIFFICULT])
        + _rows("test", "no", easy)
    )


@pytest.fixture
def some_rows():
    """The function that gives so many rows: diagnoses in turn, half of them validation, told apart perfectly."""

    def rows(count=16, **cells):
        made = []
        for index in range(count):
            diagnosis = list(tree().diagnoses)[index % 4]
            row = {"case": f"c{index}", "patient": f"p{index}", "split": ("validation", "test")[index // 4 % 2]}
            row["diagnosis"] = diagnosis.value
            row |= {
                f"p_{task.name}": f"{0.2 + 0.5 * task.label(diagnosis) + index % 28 / 100:.2f}"
                if task.applies_to(diagnosis)
                else ""
                for task in tree().tasks
            }
            made.append(row | cells)
        return made

    return rows


@pytest.fixture
def write_predictions(write_table):
    """The function that writes rows as ``predictions.csv``."""
    return lambda rows, name="predictions.csv": write_table(rows, name=name)
