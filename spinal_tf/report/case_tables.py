"""The numbers of a case as tables of the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from markupsafe import Markup

from spinal_tf.images.volume import Volume, file_slice_axis, file_slice_numbers
from spinal_tf.report import words
from spinal_tf.report.pages import part
from spinal_tf.report.record import mask_volume_ml, software_versions
from spinal_tf.results import CaseResult, Classification, TaskResult
from spinal_tf.tables.html_table import html
from spinal_tf.tables.table_model import Column, Table, filled, listed, number_column
from spinal_tf.taxonomy import tree

REGIONS = {
    "core": "Lesion core",
    "rim": "Lesion rim",
    "perilesional": "Perilesional band",
    "elsewhere": "Elsewhere",
}

LESIONS = (
    Column("Lesion", lambda one: str(one.number)),
    number_column("Volume (mL)", lambda one: words.volume_ml(one.volume_ml)),
    number_column("Length (mm)", lambda one: f"{one.length_mm:.1f}"),
    number_column("Width (mm)", lambda one: f"{one.width_mm:.1f}"),
    number_column("Diameter (mm)", lambda one: f"{one.diameter_mm:.1f}"),
    number_column("Center R, A, S (mm)", lambda one: ", ".join(f"{length:.1f}" for length in one.centroid_mm)),
    Column("Levels", lambda one: words.levels(one.levels)),
    number_column("Slices", lambda one: words.ranges(one.slices)),
    number_column("Contrast (SD)", lambda one: words.number(one.contrast, digits=1)),
    number_column("At border", lambda one: "yes" if one.touches_border else "no"),
)

LESIONS_CAPTION = (
    "Length runs cranio-caudally along the lesion, width antero-posteriorly, diameter is the largest in any "
    "direction; contrast is to the surrounding tissue; the border is that of the field of view"
)


def sections(result: CaseResult) -> dict[str, list[Markup]]:
    """Return the sections with the numbers of a case, then with everything needed to repeat the result."""
    found = {}
    if result.classification:
        found["Classification"] = list(_classification(result.classification, result.volume))
    if result.lesions:
        found["Lesions"] = list(_lesions(result))
    return {**found, "How this was made": list(map(html, _origin(result)))}


def _classification(classification: Classification, volume: Volume) -> Iterator[Markup]:
    modalities = "T2w and contrast-enhanced T1w" if classification.with_t1c else "T2w alone"
    sentence = f"From {modalities}; the probability of a case is the mean over its lesion-bearing slices."
    bars = [
        (diagnosis.printed, share, "diagnosis" if diagnosis == classification.diagnosis else "")
        for diagnosis, share in classification.posterior.items()
    ]
    yield part("paragraph", sentence)
    yield part("bars", "Posterior probability: that of the branch times that within the branch", bars)
    yield from map(html, (_tasks(classification), _activation(classification), _tiles(classification, volume)))


def _lesions(result: CaseResult) -> Iterator[Markup]:
    place = words.place(result)
    if place:
        yield part("paragraph", f"{place}.")
    yield html(_lesion_table(result))


def _lesion_table(result: CaseResult) -> Table:
    """Return a row for each lesion, largest first, and their total if there are several."""
    table = filled(LESIONS, result.lesions, caption=LESIONS_CAPTION)
    total = ("All", words.volume_ml(mask_volume_ml(result)), *[""] * (len(LESIONS) - 2))
    return replace(table, rows=(*table.rows, total)) if len(table.rows) > 1 else table


def _origin(result: CaseResult) -> Iterator[Table]:
    yield listed("Scan and mask", ("Item", "Value"), _scan_and_mask(result))
    if result.models:
        models = [
            (model.name if model.served is None else f"{model.name}, {model.served}", model.summary, model.sha256)
            for model in result.models
        ]
        yield listed("Models", ("Model", "Trained on", "SHA-256 of the weights"), models)
    software = [(name, version or "not installed") for name, version in software_versions().items()]
    yield listed("Software", ("Package", "Version"), software, numeric=True)
    if result.timings_s:
        timings = [(stage, f"{seconds:.2f}") for stage, seconds in result.timings_s.items()]
        yield listed("Time", ("Stage", "Seconds"), timings, numeric=True)


def _tasks(classification: Classification) -> Table:
    columns = (
        Column("Task", lambda result: " or ".join(map(tree().term, result.task.classes))),
        Column("Probability", lambda result: f"{tree().term(result.task.classes[1])} {result.probability:.3f}"),
        Column("Operating point", lambda result: f"{result.operating_point:.3f}"),
        Column("Called", lambda result: tree().term(result.called)),
        Column("Leads to the diagnosis", lambda result: _leads(result, classification)),
    )
    caption = "Tasks; the class is called from the operating point upwards"
    return filled(columns, classification.tasks, caption=caption)


def _leads(result: TaskResult, classification: Classification) -> str:
    return "yes" if result.task.applies_to(classification.diagnosis) else "no, other branch"


def _activation(classification: Classification) -> Table:
    caption = (
        f"Where {classification.method.printed} for the called class is mainly active, and its mean in each region of "
        "the lesion-bearing slices, 0 to 1; the band is 5 mm wide"
    )
    rows = [
        (
            tree().term(result.called),
            result.activation.zone.printed,
            *(words.number(result.activation.means[region], digits=2) for region in REGIONS),
        )
        for result in classification.tasks
    ]
    return listed(caption, ("Class", "Mainly active", *REGIONS.values()), rows, numeric=True)


def _tiles(classification: Classification, volume: Volume) -> Table:
    numbers = file_slice_numbers(volume, classification.slices)
    rows = [
        (str(number), *(f"{result.tile_probabilities[tile]:.3f}" for result in classification.tasks))
        for tile, number in enumerate(numbers)
    ]
    header = ("Slice", *(tree().term(result.task.classes[1]) for result in classification.tasks))
    return listed("Probability slice by slice", header, rows, numeric=True)


def _scan_and_mask(result: CaseResult) -> list[tuple[str, str]]:
    volume, segmentation = result.volume, result.segmentation
    shape = " x ".join(str(length) for length in volume.data.shape)
    spacing = " x ".join(f"{length:.2f}" for length in volume.spacing_mm)
    rows = [
        ("Voxels (slices, rows, columns)", shape),
        ("Spacing (slices, rows, columns)", f"{spacing} mm"),
        ("Slice numbers", f"from 0 along axis {file_slice_axis(volume)} of the file"),
        ("Mask", words.provenance(result)),
        *words.spine(result.spine),
    ]
    if segmentation:
        rows.append(("Lesion from a probability of", f"{segmentation.threshold:.2f}"))
        if segmentation.minimum_peak > segmentation.threshold:
            rows.append(("A lesion reaches somewhere", f"{segmentation.minimum_peak:.2f}"))
        rows.append(("Components removed below", f"{words.volume_ml(segmentation.minimum_volume_ml)} mL"))
    return rows
