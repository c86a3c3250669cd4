"""Demography and scan dates of patients, drawn from Table 1 of Zhuo et al. 2022."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from spinal_tf.taxonomy import ASTROCYTOMA, EPENDYMOMA, MS, NMOSD, Diagnosis

AGES_YEARS = (4.0, 84.0)
"""Minimum and maximum drawn age."""

RETROSPECTIVE = (date(2012, 1, 1), date(2018, 12, 31))
PROSPECTIVE = (date(2019, 1, 1), date(2020, 12, 31))
"""Scan dates of the paper's training and validation cases, and of its test cases."""

FIELD_STRENGTHS_T = (1.5, 3.0)


@dataclass(frozen=True, kw_only=True)
class Demography:
    """Demography of one disease.

    Attributes:
        female: share of women.
        age_years: mean and SD of the age.
        difficult: share of cases on whose diagnosis readers disagree (test cohort).
    """

    female: float
    age_years: tuple[float, float]
    difficult: float


DEMOGRAPHY = {
    ASTROCYTOMA: Demography(female=56 / 152, age_years=(32, 15.5), difficult=11 / 34),
    EPENDYMOMA: Demography(female=81 / 175, age_years=(43, 13.5), difficult=7 / 45),
    MS: Demography(female=94 / 134, age_years=(35, 12), difficult=7 / 33),
    NMOSD: Demography(female=159 / 186, age_years=(41, 14.5), difficult=15 / 45),
    None: Demography(female=0.5, age_years=(40, 15), difficult=0.0),
}
"""Share of women over all of Table 1; ages between those of its three cohorts; values for healthy people are ours."""


@dataclass(frozen=True, kw_only=True)
class Patient:
    """Data of a person in a case's row of the table."""

    sex: str
    age_years: int
    scan_date: date
    difficult: bool
    field_strength_t: float


def draw_patient(rng: np.random.Generator, diagnosis: Diagnosis | None, *, prospective: bool) -> Patient:
    """Draw a person.

    Args:
        rng: source of all randomness.
        diagnosis: None for a healthy person.
        prospective: draw for the test cohort, which was scanned later.
    """
    of_disease = DEMOGRAPHY[diagnosis]
    first, last = PROSPECTIVE if prospective else RETROSPECTIVE
    return Patient(
        sex="female" if rng.random() < of_disease.female else "male",
        age_years=round(_truncated(rng, *of_disease.age_years)),
        scan_date=first + timedelta(days=int(rng.integers((last - first).days + 1))),
        difficult=bool(rng.random() < of_disease.difficult),
        field_strength_t=float(rng.choice(FIELD_STRENGTHS_T)),
    )


def _truncated(rng: np.random.Generator, mean: float, sd: float) -> float:
    """Draw a normal deviate within `AGES_YEARS`; values outside are drawn again."""
    value = rng.normal(mean, sd)
    while not AGES_YEARS[0] <= value <= AGES_YEARS[1]:
        value = rng.normal(mean, sd)
    return float(value)
