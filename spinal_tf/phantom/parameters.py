"""Parameter ranges for the lesions of each disease; docs/simulation.md names the sources.

Shares given as counts come from Table 1 of Zhuo et al. 2022, with training, validation and test together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from spinal_tf.errors import CohortError
from spinal_tf.taxonomy import ASTROCYTOMA, EPENDYMOMA, MS, NMOSD, Diagnosis


@dataclass(frozen=True, kw_only=True)
class Disease:
    """Simulation parameters of one disease.

    Attributes:
        log_volume_ml: mean and SD of the natural logarithm of total volume in mL (Table 1 of Zhuo et al. 2022).
        kept: mean share of the drawn volume that remains in the masks: thick slices lose lesion that fills less than
            half of a voxel, and a lesion without room for its drawn length or thickness is smaller.
        count: probabilities of 1, 2, 3, ... lesions.
        extent_vertebrae: quartiles of the drawn extent in vertebrae, summed over lesions. The masks then have the
            quartiles of Table 1 (3-4-6, 2-3-4, 2-3-5 and 2.5-4-6): large volumes make lesions longer, `longest` limits
            them.
        longest: maximum extent of one lesion in vertebrae.
        levels: keys of ``frame.REGION_OF_LEVEL`` and their probabilities.
        section: range of lesion to cord cross-section; drawn volume and extent may exceed it.
        eccentric: range of the distance from the cord's center, 0 (centered) to 1 (touching its border).
        dorsolateral: whether the center lies in the dorsal or lateral periphery.
        remaining_cord: cord tissue displaced by the lesion, in normal cord sections; 0 if the lesion replaces cord.
        softness: width of the margin relative to the lesion's radius.
        roughness: relative SD of the radius.
        t2: range of T2 level, cord 0.3, fluid 1.
        patchy: relative SD of the level within a lesion.
        cyst, polar_cyst, syrinx, cap, haemorrhage, oedema, bright_spots, enhancing: probabilities.
        contrast: probability of a contrast-enhanced scan.
        ends: exponent of the profile along the cord; high values give blunt ends.
        filum: whether lumbar lesions are masses of the filum below the tip of the cord, see `of_filum`.
    """

    log_volume_ml: tuple[float, float]
    kept: float
    count: tuple[float, ...]
    extent_vertebrae: tuple[float, float, float]
    longest: float
    levels: dict[str, float]
    section: tuple[float, float]
    eccentric: tuple[float, float]
    dorsolateral: bool
    remaining_cord: tuple[float, float]
    softness: tuple[float, float]
    roughness: float
    t2: tuple[float, float]
    patchy: float
    ends: tuple[float, float]
    cyst: float = 0.0
    polar_cyst: float = 0.0
    syrinx: float = 0.0
    cap: float = 0.0
    haemorrhage: float = 0.0
    oedema: float = 0.0
    bright_spots: float = 0.0
    enhancing: float = 0.0
    contrast: float = 1.0
    filum: bool = False


def _shares(cases: dict[str, int]) -> dict[str, float]:
    total = sum(cases.values())
    return {level: count / total for level, count in cases.items()}


DISEASES = {
    ASTROCYTOMA: Disease(
        log_volume_ml=(2.26, 0.74),
        kept=0.93,
        count=(1.0,),
        extent_vertebrae=(2.7, 3.6, 5.4),
        longest=12,
        levels=_shares({"cervical": 56, "cervical-thoracic": 24, "thoracic": 51, "thoracic-lumbar": 20, "lumbar": 1}),
        section=(1.4, 3.2),
        eccentric=(0.3, 1.0),
        dorsolateral=False,
        remaining_cord=(0.3, 0.8),
        softness=(0.25, 0.7),
        roughness=0.16,
        t2=(0.55, 0.75),
        patchy=0.16,
        ends=(2.0, 4.0),
        cyst=0.4,
        polar_cyst=0.15,
        syrinx=0.25,
        cap=0.03,
        haemorrhage=0.06,
        oedema=0.5,
        enhancing=102 / 130,
        contrast=130 / 152,
    ),
    EPENDYMOMA: Disease(
        log_volume_ml=(2.48, 0.69),
        kept=0.86,
        count=(1.0,),
        extent_vertebrae=(1.7, 2.6, 3.5),
        longest=10,
        levels=_shares({"cervical": 113, "cervical-thoracic": 1, "thoracic": 25, "thoracic-lumbar": 1, "lumbar": 35}),
        section=(2.4, 4.2),
        eccentric=(0.0, 0.2),
        dorsolateral=False,
        remaining_cord=(0.3, 0.6),
        softness=(0.06, 0.25),
        roughness=0.06,
        t2=(0.45, 0.65),
        patchy=0.10,
        ends=(2.5, 6.0),
        cyst=0.17,
        polar_cyst=0.61,
        syrinx=0.10,
        cap=0.25,
        haemorrhage=0.04,
        oedema=0.85,
        enhancing=123 / 165,
        contrast=165 / 175,
        filum=True,
    ),
    MS: Disease(
        log_volume_ml=(-0.19, 0.97),
        kept=0.84,
        count=(0.38, 0.26, 0.19, 0.10, 0.07),
        extent_vertebrae=(2.5, 3.8, 6.2),
        longest=1.9,
        levels=_shares({"oblongata-cervical": 12, "cervical": 98, "cervical-thoracic": 19, "thoracic": 5}),
        section=(0.15, 0.55),
        eccentric=(0.75, 1.0),
        dorsolateral=True,
        remaining_cord=(0.0, 0.0),
        softness=(0.15, 0.4),
        roughness=0.06,
        t2=(0.42, 0.58),
        patchy=0.05,
        ends=(1.8, 3.0),
        enhancing=9 / 90,
        contrast=90 / 134,
    ),
    NMOSD: Disease(
        log_volume_ml=(0.76, 0.82),
        kept=0.9,
        count=(0.70, 0.20, 0.10),
        extent_vertebrae=(2.3, 3.7, 5.6),
        longest=12,
        levels=_shares({"cervical": 121, "cervical-thoracic": 30, "thoracic": 33, "thoracic-lumbar": 2}),
        section=(0.35, 0.8),
        eccentric=(0.0, 0.35),
        dorsolateral=False,
        remaining_cord=(0.0, 0.0),
        softness=(0.3, 0.8),
        roughness=0.12,
        t2=(0.5, 0.75),
        patchy=0.12,
        ends=(2.0, 5.0),
        bright_spots=0.48,
        enhancing=20 / 107,
        contrast=107 / 186,
    ),
}
"""Parameters by diagnosis; other diagnoses are not simulated."""


def parameters_of(diagnosis: Diagnosis) -> Disease:
    """Return the simulation parameters of a diagnosis.

    Raises:
        CohortError: the diagnosis has no parameters.
    """
    if diagnosis not in DISEASES:
        known = ", ".join(disease.value for disease in DISEASES)
        raise CohortError(f"{diagnosis.value}: has no simulation parameters; simulate one of {known}")
    return DISEASES[diagnosis]


FILUM_SECTION = (0.5, 0.7)
"""Range of the section of a mass of the filum, in sections of the canal; as drawn volume and extent may exceed it, it
is at most 0.91."""


def of_filum(disease: Disease) -> Disease:
    """Return the parameters of a mass of the filum: it replaces fluid and roots, and no cord is there to swell."""
    return replace(
        disease, section=FILUM_SECTION, remaining_cord=(0.0, 0.0), oedema=0.0, syrinx=0.0, polar_cyst=0.0, cap=0.0
    )


VOLUME_AND_EXTENT = 0.8
"""Correlation of the logarithm of volume with extent; without it, the section that follows from both would be out of
range in most cases."""

VOLUME_AND_COUNT = 0.65
"""Correlation of the logarithm of volume with the number of lesions."""
