"""One self-contained HTML page about a case: nothing is loaded, nothing runs, every text is escaped."""

from __future__ import annotations

from importlib.resources import files
from io import BytesIO
from pathlib import Path

from spinal_tf.report import words
from spinal_tf.report.case_tables import diagnosis_section, lesion_section, origin_section
from spinal_tf.report.figure import contact_sheet
from spinal_tf.report.markup import callout, document, element, image, section
from spinal_tf.report.notice import notice
from spinal_tf.report.record import not_classified
from spinal_tf.results import CaseResult


def write_html(result: CaseResult, path: Path) -> None:
    """Write the page as UTF-8."""
    path.write_text(html_page(result), encoding="utf-8")


def html_page(result: CaseResult) -> str:
    """Return the page as text."""
    name = Path(result.volume.source).name
    parts = [*_summary(result, name), _slices(result)]
    if result.classification:
        parts.append(diagnosis_section(result.classification, result.volume))
    if result.lesions:
        parts.append(lesion_section(result))
    return document(f"{name}: spinal-tf report", *parts, origin_section(result), style=style())


def style() -> str:
    """Return the CSS that all pages share."""
    return files("spinal_tf.report").joinpath("page.css").read_text(encoding="utf-8")


def _summary(result: CaseResult, name: str) -> list[str]:
    parts = [element("p", notice(result.models), css_class="notice"), element("h1", name)]
    if result.classification:
        parts.append(element("p", f"{words.conclusion(result.classification)}.", css_class="result"))
    parts.append(element("p", f"{words.found(result)}; {words.provenance(result)}.", css_class="result"))
    missing = not_classified(result)
    if missing:
        parts.append(element("p", f"Not classified: {missing}."))
    if result.segmentation and result.segmentation.review.needed:
        parts.append(callout("A person should check the mask", result.segmentation.review.reasons))
    if result.warnings:
        parts.append(callout("Warnings", result.warnings))
    return parts


def _slices(result: CaseResult) -> str:
    buffer = BytesIO()
    contact_sheet(result).save(buffer, format="PNG", compress_level=3)
    shows = "with the lesion mask outlined" if result.lesions else "around the middle of the volume"
    heat = f" and {result.classification.method.printed} heat maps" if result.classification else ""
    return section("Slices", image(f"Sagittal slices {shows}{heat}", buffer.getvalue(), "image/png"))
