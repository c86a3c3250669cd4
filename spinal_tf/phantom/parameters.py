"""Ranges from which the lesions of the four diseases are drawn; sources in docs/simulation.md."""

from __future__ import annotations

from dataclasses import dataclass

from spinal_tf.taxonomy import Diagnosis


@dataclass(frozen=True, kw_only=True)
class Disease:
    """What a simulator needs to know of one disease.

    Attributes:
        log_volume_ml: mean and SD of the natural logarithm of total volume in mL (Table 1 of Zhuo et al. 2022).
        count: probabilities of 1, 2, 3, ... lesions.
        extent_vertebrae: quartiles of the extent, in vertebrae, summed over lesions.
        levels: field of view and its probability.
        section: lesion cross-section over normal cord cross-section.
        eccentric: how far from the cord's centre, 0 (centred) to 1 (touching its border).
        dorsolateral: centre lies in the dorsal or lateral periphery.
        remaining_cord: cord tissue displaced by the lesion, in normal cord sections; 0 where a lesion replaces cord.
        softness: width of the margin over the lesion's radius.
        roughness: SD of the radius, relative.
        t2: range of T2 level, cord 0.3, fluid 1.
        patchy: SD of the level within a lesion, relative.
        cyst, polar_cyst, syrinx, cap, oedema, bright_spots, enhancing: probabilities.
        ends: exponent of the profile along the cord; high is blunt.
    """

    log_volume_ml: tuple[float, float]
    count: tuple[float, ...]
    extent_vertebrae: tuple[float, float, float]
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
    oedema: float = 0.0
    bright_spots: float = 0.0
    enhancing: float = 0.0


DISEASES = {
    Diagnosis.ASTROCYTOMA: Disease(
        log_volume_ml=(2.26, 0.74),
        count=(1.0,),
        extent_vertebrae=(3, 4, 6),
        levels={"cervical": 0.35, "cervicothoracic": 0.16, "thoracic": 0.33, "thoracolumbar": 0.15, "lumbar": 0.01},
        section=(1.8, 2.4),
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
        cap=0.04,
        oedema=0.5,
        enhancing=0.76,
    ),
    Diagnosis.EPENDYMOMA: Disease(
        log_volume_ml=(2.48, 0.69),
        count=(1.0,),
        extent_vertebrae=(2, 3, 4),
        levels={"cervical": 0.65, "cervicothoracic": 0.01, "thoracic": 0.19, "thoracolumbar": 0.01, "lumbar": 0.14},
        section=(3.0, 3.8),
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
        cap=0.29,
        oedema=0.85,
        enhancing=0.72,
    ),
    Diagnosis.MS: Disease(
        log_volume_ml=(-0.19, 0.97),
        count=(0.38, 0.26, 0.19, 0.10, 0.07),
        extent_vertebrae=(2, 3, 5),
        levels={"oblongata": 0.07, "cervical": 0.75, "cervicothoracic": 0.14, "thoracic": 0.04},
        section=(0.23, 0.36),
        eccentric=(0.75, 1.0),
        dorsolateral=True,
        remaining_cord=(0.0, 0.0),
        softness=(0.15, 0.4),
        roughness=0.06,
        t2=(0.42, 0.58),
        patchy=0.05,
        ends=(1.8, 3.0),
        enhancing=0.13,
    ),
    Diagnosis.NMOSD: Disease(
        log_volume_ml=(0.76, 0.82),
        count=(0.70, 0.20, 0.10),
        extent_vertebrae=(2.5, 4, 6),
        levels={"cervical": 0.66, "cervicothoracic": 0.17, "thoracic": 0.15, "thoracolumbar": 0.02},
        section=(0.44, 0.62),
        eccentric=(0.0, 0.35),
        dorsolateral=False,
        remaining_cord=(0.0, 0.0),
        softness=(0.3, 0.8),
        roughness=0.12,
        t2=(0.5, 0.75),
        patchy=0.12,
        ends=(2.0, 5.0),
        bright_spots=0.48,
        enhancing=0.16,
    ),
}

NORMAL_SECTION_MM2 = 67.0
"""Cross-section of a healthy cervical cord."""
