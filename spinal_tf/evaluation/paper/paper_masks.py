"""Results of Zhuo et al. 2022 on masks: Dice, and the number that readers corrected."""

from __future__ import annotations

from collections.abc import Mapping

from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.taxonomy import ASTROCYTOMA, EPENDYMOMA, MS, NMOSD, Diagnosis

PAPER_MEAN_DICE = {ASTROCYTOMA: 0.77, EPENDYMOMA: 0.80, MS: 0.50, NMOSD: 0.58}
"""Mean Dice of the test set, as the article quotes it from its Table E3. The article gives no other numbers of that
table, and the supplement was not available to us."""

PAPER_CORRECTED: Mapping[CaseSet, Mapping[str, Proportion]] = {
    CaseSet.VALIDATION: {"tumor": Proportion(count=5, total=50), "demyelinating": Proportion(count=16, total=48)},
    CaseSet.TEST: {"tumor": Proportion(count=7, total=79), "demyelinating": Proportion(count=23, total=78)},
}
"""Cases whose mask the readers corrected, by class of the first task; the rule for corrections is not published."""


def paper_mean_dice(case_set: CaseSet) -> Mapping[Diagnosis, float]:
    """Return the mean Dice of each disease; empty if the paper gives none for the set or another tree is in use."""
    return PAPER_MEAN_DICE if case_set is CaseSet.TEST and beside_paper() else {}


def paper_corrected(case_set: CaseSet) -> Mapping[str, Proportion]:
    """Return the share of corrected masks by group; empty if the paper gives none or another tree is in use."""
    return PAPER_CORRECTED.get(case_set, {}) if beside_paper() else {}
