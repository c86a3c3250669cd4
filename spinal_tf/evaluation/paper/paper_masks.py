"""What Zhuo et al. 2022 say of masks: their Dice, and how many their readers corrected."""

from __future__ import annotations

from collections.abc import Mapping

from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.taxonomy import ASTROCYTOMA, EPENDYMOMA, MS, NMOSD, Diagnosis

PAPER_MEAN_DICE = {ASTROCYTOMA: 0.77, EPENDYMOMA: 0.80, MS: 0.50, NMOSD: 0.58}
"""Mean Dice of the test set, as the article quotes it from its Table E3. Nothing else of that table is in the article,
and the supplement was not available to us."""

PAPER_CORRECTED: Mapping[CaseSet, Mapping[str, Proportion]] = {
    CaseSet.VALIDATION: {"tumor": Proportion(count=5, total=50), "demyelinating": Proportion(count=16, total=48)},
    CaseSet.TEST: {"tumor": Proportion(count=7, total=79), "demyelinating": Proportion(count=23, total=78)},
}
"""Cases whose mask the readers corrected, by class of the first task; by which rule is not published."""


def paper_mean_dice(case_set: CaseSet) -> Mapping[Diagnosis, float]:
    """Mean Dice of each disease; empty where the paper has none for the set or another tree is in use."""
    return PAPER_MEAN_DICE if case_set is CaseSet.TEST and beside_paper() else {}


def paper_corrected(case_set: CaseSet) -> Mapping[str, Proportion]:
    """Share of corrected masks by group; empty where the paper has none for the set or another tree is in use."""
    return PAPER_CORRECTED.get(case_set, {}) if beside_paper() else {}
