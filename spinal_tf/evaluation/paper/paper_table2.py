"""Table 2 of Zhuo et al., Radiology: Artificial Intelligence 2022;4(6):e210292, as published.

Its counts are consistent: every printed numerator and denominator follows from the four counts of a confusion matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.statistics.confusion import RATIOS, Confusion
from spinal_tf.evaluation.statistics.intervals import Interval
from spinal_tf.taxonomy import ASTROCYTOMA_VS_EPENDYMOMA, MS_VS_NMOSD, TUMOR_VS_DEMYELINATING


@dataclass(frozen=True, kw_only=True)
class PaperColumn:
    """One task on one set.

    Attributes:
        confusion: counts behind the printed ratios.
        percent: printed percentages by name of the ratio.
        auc: printed AUC.
        auc_interval: printed 95 % interval; the paper does not give its method.
    """

    confusion: Confusion
    percent: Mapping[str, int]
    auc: float
    auc_interval: Interval


def _column(
    counts: tuple[int, int, int, int], percent: tuple[int, ...], auc: tuple[float, float, float]
) -> PaperColumn:
    """Build a column from TP, FN, TN and FP, percentages in the order of `RATIOS`, and the AUC with its limits."""
    tp, fn, tn, fp = counts
    return PaperColumn(
        confusion=Confusion(tp=tp, fn=fn, tn=tn, fp=fp),
        percent=dict(zip(RATIOS, percent, strict=True)),
        auc=auc[0],
        auc_interval=Interval(low=auc[1], high=auc[2]),
    )


PAPER_LEGEND = "Paper: Table 2 of Zhuo et al. 2022, doi:10.1148/ryai.210292."

TABLE_2: Mapping[CaseSet, Mapping[str, PaperColumn]] = {
    CaseSet.VALIDATION: {
        TUMOR_VS_DEMYELINATING.name: _column((47, 1, 47, 3), (96, 98, 94, 94, 98, 94, 98), (0.99, 0.98, 1.0)),
        ASTROCYTOMA_VS_EPENDYMOMA.name: _column((20, 6, 20, 4), (80, 77, 83, 83, 77, 83, 77), (0.85, 0.77, 0.94)),
        MS_VS_NMOSD.name: _column((24, 4, 18, 2), (88, 86, 90, 92, 82, 92, 86), (0.94, 0.82, 0.99)),
    },
    CaseSet.TEST: {
        TUMOR_VS_DEMYELINATING.name: _column((76, 2, 74, 5), (96, 97, 94, 94, 97, 94, 97), (0.99, 0.97, 1.0)),
        ASTROCYTOMA_VS_EPENDYMOMA.name: _column((34, 11, 31, 3), (82, 76, 91, 92, 74, 92, 76), (0.90, 0.79, 0.97)),
        MS_VS_NMOSD.name: _column((36, 9, 26, 7), (79, 80, 79, 84, 74, 84, 80), (0.85, 0.74, 0.96)),
    },
    CaseSet.DIFFICULT: {
        TUMOR_VS_DEMYELINATING.name: _column((21, 1, 17, 1), (95, 95, 94, 95, 94, 95, 95), (0.97, 0.94, 1.0)),
        ASTROCYTOMA_VS_EPENDYMOMA.name: _column((6, 1, 9, 2), (83, 86, 82, 75, 90, 75, 86), (0.91, 0.80, 0.97)),
        MS_VS_NMOSD.name: _column((13, 2, 5, 2), (82, 87, 71, 87, 71, 87, 87), (0.78, 0.69, 0.93)),
    },
}


def paper_column(case_set: CaseSet, task: str) -> PaperColumn | None:
    """Return the numbers of a task by its name, or None if another tree of diagnoses is in use."""
    return TABLE_2[case_set][task] if beside_paper() else None
