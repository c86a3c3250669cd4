"""One self-contained HTML page about a case: nothing is loaded, nothing runs, every text is escaped."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from markupsafe import Markup

from spinal_tf.report import words
from spinal_tf.report.case_tables import sections
from spinal_tf.report.figure import contact_sheet
from spinal_tf.report.notice import notice
from spinal_tf.report.pages import embedded, page, part
from spinal_tf.report.record import not_classified
from spinal_tf.results import CaseResult


def write_html(result: CaseResult, path: Path) -> None:
    """Write the page as UTF-8."""
    path.write_text(html_page(result), encoding="utf-8")


def html_page(result: CaseResult) -> str:
    """Return the page as text."""
    name = Path(result.volume.source).name
    return page(
        title=f"{name}: spinal-tf report",
        notice=notice(result.models),
        heading=name,
        introduction=_summary(result),
        sections={"Slices": [_slices(result)], **sections(result)},
    )


def _summary(result: CaseResult) -> Iterator[Markup]:
    if result.classification:
        yield part("paragraph", f"{words.conclusion(result.classification)}.", "result")
    yield part("paragraph", f"{words.found(result)}; {words.provenance(result)}.", "result")
    missing = not_classified(result)
    if missing:
        yield part("paragraph", f"Not classified: {missing}.")
    if result.review and result.review.needed:
        yield part("callout", "A person should check the mask", result.review.reasons)
    warnings = [warning for warning in result.warnings if warning not in result.mask_doubts]
    if warnings:
        yield part("callout", "Warnings", warnings)


def _slices(result: CaseResult) -> Markup:
    buffer = BytesIO()
    contact_sheet(result).save(buffer, format="PNG", compress_level=3)
    shows = "with the lesion mask outlined" if result.lesions else "around the middle of the volume"
    heat = f" and {result.classification.method.printed} heat maps" if result.classification else ""
    return part("image", f"Sagittal slices {shows}{heat}", embedded(buffer.getvalue(), "image/png"))
