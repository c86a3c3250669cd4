"""Sentences about a case that the picture and the page share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from spinal_tf.anatomy.found_spine import FoundSpine
from spinal_tf.anatomy.lesion_levels import case_location, extent_vertebrae, main_levels
from spinal_tf.report.record import mask_volume_ml, spine_entry
from spinal_tf.results import CaseResult, Classification, TaskResult

LANDMARKS = {"C2": "C2", "sacrum": "the sacrum", "given": "a given level"}
"""Landmarks of `Numbering` as in a sentence."""


def found(result: CaseResult) -> str:
    """State how many lesions were found, and their volume."""
    count = len(result.lesions)
    if count == 0:
        return "No lesion found"
    return f"{count} lesion{'s' if count > 1 else ''}, {volume_ml(mask_volume_ml(result))} mL in total"


def provenance(result: CaseResult) -> str:
    """State who made the mask."""
    source = f" ({Path(result.mask_source).name})" if result.mask_source else ""
    if result.mask_provenance == "reviewed":
        return f"mask reviewed by a person{source}"
    return f"mask made automatically, not reviewed by a person{source}"


def conclusion(classification: Classification) -> str:
    """State the diagnosis with its posterior probability, and the most probable diagnosis if that is another one."""
    diagnosis, posterior = classification.diagnosis, classification.posterior
    words = f"{diagnosis.printed}, posterior probability {posterior[diagnosis]:.2f}"
    likeliest = max(posterior, key=lambda candidate: posterior[candidate])
    if likeliest == diagnosis:
        return words
    return f"{words}; the posterior alone favours {likeliest.printed}, {posterior[likeliest]:.2f}"


def decisive(classification: Classification) -> tuple[TaskResult, ...]:
    """Return the tasks on the way to the diagnosis: the first, then one for each called class of several diagnoses."""
    return tuple(task for task in classification.tasks if task.task.applies_to(classification.diagnosis))


def volume_ml(volume: float) -> str:
    """Format a volume in mL, at most to a microliter: ``0.082``, ``9.18``, ``12.3``."""
    digits = 3 if volume < 1 else 2 if volume < 10 else 1
    return f"{volume:.{digits}f}"


def number(value: float | None, *, digits: int) -> str:
    """Format a number; a dash if it is undefined."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def levels(shares: Mapping[str, float] | None) -> str:
    """Return the vertebral levels of a lesion, from the first to the last: ``T12–L1``; a dash if unknown."""
    if not shares:
        return "–"
    main = main_levels(shares)
    return main[0] if len(main) == 1 else f"{main[0]}–{main[-1]}"


def place(result: CaseResult) -> str | None:
    """State the location of the lesions and their extent in vertebrae; None if the spine was not looked for."""
    if result.spine is None or not result.lesions:
        return None
    where, extent = case_location(result.lesions), extent_vertebrae(result.lesions)
    if extent is None:
        return "Location unknown: the vertebrae beside the lesions are not all numbered"
    summed = ", summed over the lesions" if len(result.lesions) > 1 else ""
    vertebrae = f"{extent} {'vertebra' if extent == 1 else 'vertebrae'}{summed}"
    return f"Location: {where.value if where else 'more than two regions of the spine'}; {vertebrae}"


def spine(found: FoundSpine | None) -> list[tuple[str, str]]:
    """Return what a scan shows of the spine as rows of a table; none if it was not looked for."""
    entry = spine_entry(found)
    if entry is None:
        return []
    if not entry["found"]:
        return [("Spine", "no spinal canal found")]
    shown, end, counted = entry["vertebrae"], entry["cord_ends_at"], counted_from(found)
    vertebrae = f"{shown[0]} to {shown[-1]}, counted from {counted}" if counted else "unknown"
    return [("Vertebrae", vertebrae), *([("Cord ends at", end)] if end else [])]


def counted_from(found: FoundSpine | None) -> str | None:
    """State what vertebrae were counted from, and whether that is in doubt; None if none was numbered."""
    if found is None or found.spine is None or not found.spine.shown:
        return None
    numbering = found.spine.numbering
    landmarks = " and ".join(LANDMARKS[name] for name in numbering.landmarks)
    return f"{landmarks}, with doubts that the record states" if numbering.doubts else landmarks


def ranges(numbers: Sequence[int]) -> str:
    """Join runs of ascending numbers: ``3, 7–9``."""
    runs: list[list[int]] = []
    for item in numbers:
        if runs and item == runs[-1][1] + 1:
            runs[-1][1] = item
        else:
            runs.append([item, item])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)
