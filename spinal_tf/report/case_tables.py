"""The numbers of a case as sections of the page."""

from __future__ import annotations

from spinal_tf.images.volume import Volume, file_slice_axis, file_slice_numbers
from spinal_tf.lesions import Lesion
from spinal_tf.report import words
from spinal_tf.report.markup import bar_chart, element, section, table
from spinal_tf.report.record import mask_volume_ml, software_versions
from spinal_tf.results import CaseResult, Classification
from spinal_tf.taxonomy import tree

REGIONS = {
    "core": "Lesion core",
    "rim": "Lesion rim",
    "perilesional": "Perilesional band",
    "elsewhere": "Elsewhere",
}


def diagnosis_section(classification: Classification, volume: Volume) -> str:
    """Build the section with posterior, tasks, probabilities per slice, and where the heat maps are active."""
    modalities = "T2w and contrast-enhanced T1w" if classification.with_t1c else "T2w alone"
    return section(
        "Classification",
        element("p", f"From {modalities}; the probability of a case is the mean over its lesion-bearing slices."),
        _posterior(classification),
        _tasks(classification),
        _activation(classification),
        _tiles(classification, volume),
    )


def lesion_section(result: CaseResult) -> str:
    """Build the section with one row per lesion, largest first."""
    header = (
        "Lesion",
        "Volume (mL)",
        "Length (mm)",
        "Width (mm)",
        "Diameter (mm)",
        "Center R, A, S (mm)",
        "Slices",
        "Contrast (SD)",
        "At border",
    )
    caption = (
        "Length runs cranio-caudally along the lesion, width antero-posteriorly, diameter is the largest in any "
        "direction; contrast is to the surrounding tissue; the border is that of the field of view"
    )
    total = ("All", words.volume_ml(mask_volume_ml(result)), *[""] * (len(header) - 2))
    rows = [_lesion(lesion) for lesion in result.lesions]
    return section("Lesions", table(caption, header, [*rows, total] if len(rows) > 1 else rows))


def origin_section(result: CaseResult) -> str:
    """Build the section with everything needed to repeat the result."""
    models = [
        (model.name if model.served is None else f"{model.name}, {model.served}", model.summary, model.sha256)
        for model in result.models
    ]
    parts = [table("Scan and mask", ("Item", "Value"), _scan_and_mask(result), numeric=())]
    if models:
        parts.append(table("Models", ("Model", "Trained on", "SHA-256 of the weights"), models, numeric=()))
    software = [(name, version or "not installed") for name, version in software_versions().items()]
    parts.append(table("Software", ("Package", "Version"), software))
    if result.timings_s:
        timings = [(stage, f"{seconds:.2f}") for stage, seconds in result.timings_s.items()]
        parts.append(table("Time", ("Stage", "Seconds"), timings))
    return section("How this was made", *parts)


def _posterior(classification: Classification) -> str:
    bars = [
        (diagnosis.printed, share, "diagnosis" if diagnosis == classification.diagnosis else "")
        for diagnosis, share in classification.posterior.items()
    ]
    return bar_chart("Posterior probability: that of the branch times that within the branch", bars)


def _tasks(classification: Classification) -> str:
    rows = [
        (
            " or ".join(tree().term(name) for name in result.task.classes),
            f"{tree().term(result.task.classes[1])} {result.probability:.3f}",
            f"{result.operating_point:.3f}",
            tree().term(result.called),
            "yes" if result.task.applies_to(classification.diagnosis) else "no, other branch",
        )
        for result in classification.tasks
    ]
    header = ("Task", "Probability", "Operating point", "Called", "Leads to the diagnosis")
    return table("Tasks; the class is called from the operating point upwards", header, rows, numeric=())


def _activation(classification: Classification) -> str:
    rows = [
        (
            tree().term(result.called),
            result.activation.zone.printed,
            *(words.number(result.activation.means[region], digits=2) for region in REGIONS),
        )
        for result in classification.tasks
    ]
    caption = (
        f"Where {classification.method.printed} for the called class is mainly active, and its mean in each region of "
        "the lesion-bearing slices, 0 to 1; the band is 5 mm wide"
    )
    return table(caption, ("Class", "Mainly active", *REGIONS.values()), rows)


def _tiles(classification: Classification, volume: Volume) -> str:
    numbers = file_slice_numbers(volume, classification.slices)
    rows = [
        (str(number), *(f"{result.tile_probabilities[tile]:.3f}" for result in classification.tasks))
        for tile, number in enumerate(numbers)
    ]
    header = ("Slice", *(tree().term(result.task.classes[1]) for result in classification.tasks))
    return table("Probability slice by slice", header, rows)


def _lesion(lesion: Lesion) -> tuple[str, ...]:
    return (
        str(lesion.number),
        words.volume_ml(lesion.volume_ml),
        f"{lesion.length_mm:.1f}",
        f"{lesion.width_mm:.1f}",
        f"{lesion.diameter_mm:.1f}",
        ", ".join(f"{coordinate:.1f}" for coordinate in lesion.centroid_mm),
        words.ranges(lesion.slices),
        words.number(lesion.contrast, digits=1),
        "yes" if lesion.touches_border else "no",
    )


def _scan_and_mask(result: CaseResult) -> list[tuple[str, str]]:
    volume, segmentation = result.volume, result.segmentation
    shape = " x ".join(str(length) for length in volume.data.shape)
    spacing = " x ".join(f"{length:.2f}" for length in volume.spacing_mm)
    rows = [
        ("Voxels (slices, rows, columns)", shape),
        ("Spacing (slices, rows, columns)", f"{spacing} mm"),
        ("Slice numbers", f"from 0 along axis {file_slice_axis(volume)} of the file"),
        ("Mask", words.provenance(result)),
    ]
    if segmentation:
        rows.append(("Lesion from a probability of", f"{segmentation.threshold:.2f}"))
        if segmentation.minimum_peak > segmentation.threshold:
            rows.append(("A lesion reaches somewhere", f"{segmentation.minimum_peak:.2f}"))
        rows.append(("Components removed below", f"{words.volume_ml(segmentation.minimum_volume_ml)} mL"))
    return rows
