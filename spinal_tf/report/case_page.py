"""One self-contained HTML page about a case: nothing is loaded, nothing runs, every text is escaped."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from spinal_tf.report import words
from spinal_tf.report.case_tables import sections
from spinal_tf.report.figure import contact_sheet
from spinal_tf.report.notice import notice
from spinal_tf.report.pages import embedded, page
from spinal_tf.report.record import not_classified
from spinal_tf.results import CaseResult


def write_html(result: CaseResult, path: Path) -> None:
    """Write the page as UTF-8."""
    path.write_text(html_page(result), encoding="utf-8")


def html_page(result: CaseResult) -> str:
    """Return the page as text."""
    name, classified = Path(result.volume.source).name, result.classification
    review = result.segmentation.review if result.segmentation else None
    shows = "with the lesion mask outlined" if result.lesions else "around the middle of the volume"
    heat = f" and {classified.method.printed} heat maps" if classified else ""
    found = f"{words.found(result)}; {words.provenance(result)}"
    return page(
        "case.html",
        title=f"{name}: spinal-tf report",
        notice=notice(result.models),
        name=name,
        results=[words.conclusion(classified), found] if classified else [found],
        missing=not_classified(result),
        doubts=review.reasons if review and review.needed else (),
        warnings=result.warnings,
        seen=f"Sagittal slices {shows}{heat}",
        picture=embedded(_png(result), "image/png"),
        sections=sections(result),
    )


def _png(result: CaseResult) -> bytes:
    buffer = BytesIO()
    contact_sheet(result).save(buffer, format="PNG", compress_level=3)
    return buffer.getvalue()
