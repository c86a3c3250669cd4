"""Lesions drawn in the cord's own coordinates, on any background with a known cord.

A lesion's cross-section is an ellipse in the cord's normalized coordinates (u to the left, v to the back, 1 on the
cord's surface); its size follows a profile along the cord. Tumors displace the cord, so the cord is widened first and
the tissue around it compressed; demyelinating lesions replace the cord. The mask is the whole lesion: solid part,
cysts, cap and edema, as the readers of Zhuo et al. 2022 outlined it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from spinal_tf.phantom.frame import Frame
from spinal_tf.phantom.parameters import VOLUME_AND_COUNT, VOLUME_AND_EXTENT, Disease, of_filum, parameters_of
from spinal_tf.phantom.places import Place, has_room, place_lesions
from spinal_tf.taxonomy import Diagnosis

LARGEST_DEVIATE = 2.4
"""Maximum deviation of a drawn log volume from the mean, in SDs."""

OEDEMA_AREA, CYST_AREA = 0.44, 0.3
"""Mean cross-section of edema and of the part of a cyst beyond the lesion in the mask, relative to the cord's."""

NORMAL_SECTION_MM2 = 67.0
"""Cross-section of a healthy cervical cord."""

THINNEST_CORD = 1.4
"""Maximum factor by which a cord counts as thinner than that."""

LONGER_THAN_WIDE = 1.6
"""Minimum ratio of a tumor's length to its width."""

NARROWEST, WIDEST = 0.6, 1.3
"""Factors by which drawn volume and extent may extend the lower and upper limit of a disease's range of sections."""


@dataclass(frozen=True, kw_only=True)
class DrawnLesion:
    """Drawn parameters of one lesion; lengths in mm, sections in normal cord sections.

    Attributes:
        centre_row: row of the lesion's center in the background.
        length_mm: length along the cord, without edema and syrinx.
        section: largest cross-section.
        offset_u, offset_v: offset of the center to the left and to the back, 1 if the lesion touches the cord's
            surface.
        softness: width of the margin relative to the lesion's radius.
        roughness: relative SD of the radius.
        t2: T2 level, cord 0.3 and fluid 1.
        patchy: relative SD of that level within the lesion.
        ends: exponent of the profile along the cord; high values give blunt ends.
        remaining_cord: section of displaced cord; 0 if the lesion replaces cord.
        swelling: section of the cord relative to normal, at the middle of a lesion that replaces cord.
        cysts: center and half-length of each cyst, in half-lengths of the lesion.
        syrinx_mm, cap_mm, oedema_mm: reach of the syrinx beyond the lesion, thickness of the dark cap, and reach of the
            edema beyond the lesion; 0 if absent.
        haemorrhage: whether old blood darkens parts of the lesion.
        bright_spots: whether the lesion has spots nearly as bright as fluid.
        enhancement: level on T1c, 0 without enhancement.
        filum: whether it is a mass of the filum, whose section and offsets are relative to the canal.
    """

    centre_row: int
    length_mm: float
    section: float
    offset_u: float
    offset_v: float
    softness: float
    roughness: float
    t2: float
    patchy: float
    ends: float
    remaining_cord: float
    swelling: float
    cysts: tuple[tuple[float, float], ...]
    syrinx_mm: float
    cap_mm: float
    haemorrhage: bool
    oedema_mm: float
    bright_spots: bool
    enhancement: float
    filum: bool = False


def draw_lesions(
    rng: np.random.Generator, diagnosis: Diagnosis, frame: Frame, level: str, filum: Frame | None = None
) -> tuple[DrawnLesion, ...]:
    """Draw the lesions of one case.

    Args:
        rng: source of all randomness.
        diagnosis: the disease.
        frame: course of the cord.
        level: level of the lesions, key of ``frame.REGION_OF_LEVEL``; they lie anywhere in the cord if it is out of
            view.
        filum: course of the canal below the cord, None if it is unknown. Lumbar lesions of a disease of the filum lie
            there; no other lesions do.
    """
    disease = parameters_of(diagnosis)
    if not (disease.filum and level == "lumbar" and filum is not None and has_room(filum)):
        filum = None
    if filum is not None:
        disease, frame = of_filum(disease), filum
    volume_ml, count, extent = _draw_burden(rng, disease)
    shares = rng.dirichlet(np.full(count, 5.0))
    lengths = np.clip(extent * shares, 0.5, disease.longest)
    enhancing = rng.random() < disease.enhancing
    places = place_lesions(rng, frame, level, lengths, longest=disease.longest)
    lesions = []
    for place, share in zip(places, shares, strict=True):
        lesions.append(_draw_lesion(rng, disease, frame, place, volume_ml=volume_ml * share, enhancing=enhancing))
    return tuple(replace(lesion, filum=filum is not None) for lesion in lesions)


def _draw_burden(rng: np.random.Generator, disease: Disease) -> tuple[float, int, float]:
    """Draw total volume in mL, number of lesions, and extent in vertebrae summed over them."""
    deviate = float(np.clip(rng.normal(), -LARGEST_DEVIATE, LARGEST_DEVIATE))
    mean, sd = disease.log_volume_ml
    chance = _chance_given(rng, deviate, VOLUME_AND_COUNT)
    count = 1 + min(int(np.searchsorted(np.cumsum(disease.count), chance)), len(disease.count) - 1)
    low, median, high = disease.extent_vertebrae
    quantiles = (0.5 * low, low, median, high, 1.7 * high)
    extent = float(np.interp(_chance_given(rng, deviate, VOLUME_AND_EXTENT), (0, 0.25, 0.5, 0.75, 1), quantiles))
    return float(np.exp(mean + sd * deviate)) / disease.kept, count, extent


def _chance_given(rng: np.random.Generator, deviate: float, correlation: float) -> float:
    """Draw a uniform number from 0 to 1 whose normal deviate correlates with the given one."""
    return float(ndtr(correlation * deviate + np.sqrt(1 - correlation**2) * rng.normal()))


def _draw_lesion(
    rng: np.random.Generator, disease: Disease, frame: Frame, place: Place, *, volume_ml: float, enhancing: bool
) -> DrawnLesion:
    ends = float(rng.uniform(*disease.ends))
    offset = _draw_offset(rng, disease)
    cysts = _draw_cysts(rng, disease)
    oedema = float(np.clip(rng.uniform(0.08, 0.2) * place.length_mm, 4, 20)) if rng.random() < disease.oedema else 0.0
    length, section = _fit_size(
        disease, frame, place, volume_ml=volume_ml, ends=ends, beyond=_beyond(cysts, oedema, place.length_mm)
    )
    if disease.dorsolateral:
        section = _uncovered(section, float(np.hypot(*offset)))
    return DrawnLesion(
        centre_row=place.centre_row,
        length_mm=length,
        section=section,
        offset_u=offset[0],
        offset_v=offset[1],
        softness=rng.uniform(*disease.softness),
        roughness=disease.roughness,
        t2=rng.uniform(*disease.t2),
        patchy=disease.patchy,
        ends=ends,
        remaining_cord=rng.uniform(*disease.remaining_cord),
        swelling=rng.uniform(1.05, 1.3) if disease.bright_spots and rng.random() < 0.6 else 1.0,
        cysts=cysts,
        syrinx_mm=rng.uniform(10, 40) if rng.random() < disease.syrinx else 0.0,
        cap_mm=rng.uniform(1.5, 4) if rng.random() < disease.cap else 0.0,
        haemorrhage=rng.random() < disease.haemorrhage,
        oedema_mm=oedema,
        bright_spots=rng.random() < disease.bright_spots,
        enhancement=rng.uniform(0.75, 1.1) if enhancing else 0.0,
    )


@dataclass(frozen=True, kw_only=True)
class _Beyond:
    """Length of edema and cysts beyond the solid part, summed over both poles, in mm."""

    oedema_mm: float
    cyst_mm: float
    either_mm: float


def _beyond(cysts: tuple[tuple[float, float], ...], oedema_mm: float, whole_mm: float) -> _Beyond:
    poles = []
    for sign in (-1.0, 1.0):
        over = max((sign * centre + half - 1 for centre, half in cysts), default=0.0)
        poles.append(max(over, 0.0) / (1 + max(over, 0.0)) * whole_mm / 2)
    return _Beyond(oedema_mm=2 * oedema_mm, cyst_mm=sum(poles), either_mm=sum(max(pole, oedema_mm) for pole in poles))


def _fit_size(
    disease: Disease, frame: Frame, place: Place, *, volume_ml: float, ends: float, beyond: _Beyond
) -> tuple[float, float]:
    """Return length and section of the solid part for the drawn volume and extent; the volume has priority."""
    fill = ends / (ends + 1)  # mean of 1 - |t| ** ends
    rows = slice(place.first_row, place.last_row + 1)
    cord_mm2 = float(np.pi * np.mean(frame.rl_mm[rows] * frame.ap_mm[rows]))
    around_mm3 = cord_mm2 * (OEDEMA_AREA * beyond.oedema_mm / 2 + CYST_AREA * beyond.cyst_mm)
    solid_mm3 = max(1000 * volume_ml - around_mm3, 400 * volume_ml)
    wanted_mm = max(place.length_mm - beyond.either_mm, 0.45 * place.length_mm, 5.0)
    if disease.remaining_cord[1] > 0:
        # Ratio of length to the diameter of a circle of that section: volume = fill pi / 4 diameter^2 length.
        wanted_mm = max(wanted_mm, (solid_mm3 * LONGER_THAN_WIDE**2 * 4 / (np.pi * fill)) ** (1 / 3))
    low, high = disease.section
    # In a thin cord, a tumor is as thick as elsewhere; a lesion that replaces cord cannot be.
    thin = float(np.clip(NORMAL_SECTION_MM2 / cord_mm2, 1, THINNEST_CORD)) if disease.remaining_cord[1] > 0 else 1.0
    section = float(np.clip(solid_mm3 / (cord_mm2 * fill * wanted_mm), NARROWEST * low, WIDEST * thin * high))
    longest_mm = max(place.room_mm - beyond.either_mm, 4.0)
    return float(np.clip(solid_mm3 / (cord_mm2 * fill * section), 4, longest_mm)), section


def _uncovered(section: float, offset: float) -> float:
    """Return the section of an ellipse whose part within the cord has the given section."""
    radii = np.linspace(0.1, 1.6, 151)
    covered = [_lens(radius, offset * (1 - 0.45 * min(radius, 1.0))) for radius in radii]
    return float(np.interp(section, np.maximum.accumulate(covered), radii)) ** 2


def _lens(radius: float, distance: float) -> float:
    """Return the share of the unit circle covered by a circle of this radius with its center at this distance."""
    if distance <= abs(1 - radius):
        return min(radius, 1.0) ** 2
    one = (distance**2 + radius**2 - 1) / (2 * distance * radius)
    two = (distance**2 + 1 - radius**2) / (2 * distance)
    root = (1 + radius + distance) * (1 + radius - distance) * (distance + radius - 1) * (distance - radius + 1)
    area = radius**2 * np.arccos(np.clip(one, -1, 1)) + np.arccos(np.clip(two, -1, 1)) - 0.5 * np.sqrt(max(root, 0))
    return float(area / np.pi)


def _draw_offset(rng: np.random.Generator, disease: Disease) -> tuple[float, float]:
    """Draw the offset to the left and to the back in the cord; half of the dorsolateral lesions are lateral."""
    angle = rng.uniform(np.pi / 4, 3 * np.pi / 4) if disease.dorsolateral else rng.uniform(0, 2 * np.pi)
    if disease.dorsolateral and rng.random() < 0.5:
        angle = rng.choice([0.0, np.pi]) + rng.normal(0, 0.4)
    eccentric = rng.uniform(*disease.eccentric)
    return eccentric * float(np.cos(angle)), eccentric * float(np.sin(angle))


def _draw_cysts(rng: np.random.Generator, disease: Disease) -> tuple[tuple[float, float], ...]:
    """Draw center and half-length of each cyst, in half-lengths of the lesion."""
    cysts = []
    if rng.random() < disease.cyst:
        cysts += [(rng.uniform(-0.6, 0.6), rng.uniform(0.12, 0.4)) for _ in range(rng.integers(1, 3))]
    if rng.random() < disease.polar_cyst:
        poles = [-1.0, 1.0] if rng.random() < 0.5 else [float(rng.choice([-1.0, 1.0]))]
        cysts += [(pole * rng.uniform(0.9, 1.1), rng.uniform(0.15, 0.35)) for pole in poles]
    return tuple(cysts)
