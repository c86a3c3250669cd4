"""Write all figures of an evaluation to ``figures/`` in its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.files import make_folder, output_files
from spinal_tf.report.study.calibration_figure import draw_decisions, draw_reliability
from spinal_tf.report.study.figure_file import FOLDER, FORMS, NAMES, FigureFile, remove_figures
from spinal_tf.report.study.flow import draw_flow
from spinal_tf.report.study.learning import draw_learning
from spinal_tf.report.study.mask_figures import draw_dice, draw_volumes
from spinal_tf.report.study.pictures import CasePicture
from spinal_tf.report.study.pipeline_steps import draw_pipeline
from spinal_tf.report.study.representative import draw_cases, representative_cases
from spinal_tf.report.study.roc_figure import draw_roc
from spinal_tf.report.study.style import Drawing, save, settings
from spinal_tf.report.study.subgroup_forest import draw_forest


def write_figures(
    evaluation: Evaluation,
    out: Path,
    *,
    overwrite: bool,
    note: str = "",
    learning_curves: Sequence[Path] = (),
    pictures: Mapping[str, CasePicture] | None = None,
) -> tuple[FigureFile, ...]:
    """Write every figure that has data, as SVG and PNG; all or none.

    With ``overwrite``, figures of an earlier evaluation are removed if this one has no data for them.

    Args:
        evaluation: results of the evaluation.
        out: folder of the evaluation; ``figures`` is created in it.
        overwrite: replace existing figures.
        note: what a reader must know about the data, for example that they are simulated; printed below each figure.
        learning_curves: tables of ``train learning-curve``.
        pictures: slice by case name, for the cases that `representative.representative_cases` chooses.

    Returns:
        The figures in the order of `NAMES`.

    Raises:
        CohortError: a table of a learning curve cannot be read.
        OutputError: the folder cannot be made or written to, or a figure exists and ``overwrite`` is not set.
    """
    folder = out / FOLDER
    make_folder(folder)
    with settings():
        drawings = all_drawings(evaluation, note, learning_curves, pictures or {})
        targets = [folder / f"{drawing.name}{form}" for drawing in drawings for form in FORMS]
        with output_files(*targets, overwrite=overwrite) as temporaries:
            for drawing, place in zip(drawings, range(0, len(targets), len(FORMS)), strict=True):
                for path in temporaries[place : place + len(FORMS)]:
                    save(drawing, path)
    if overwrite:
        remove_figures(out, but=[drawing.name for drawing in drawings])
    return tuple(_file(drawing, folder) for drawing in drawings)


def all_drawings(
    evaluation: Evaluation, note: str, learning_curves: Sequence[Path], pictures: Mapping[str, CasePicture]
) -> list[Drawing]:
    """Draw every figure that has data, without writing it; see `write_figures`."""
    chosen = (case.name for case in representative_cases(evaluation).values())
    of_steps = next((pictures[name] for name in chosen if name in pictures), None)
    found = [
        *draw_flow(evaluation, note),
        *draw_pipeline(of_steps, note),
        *draw_cases(evaluation, pictures, note),
        *draw_roc(evaluation, note),
        *draw_reliability(evaluation, note),
        *draw_decisions(evaluation, note),
        *draw_volumes(evaluation, note),
        *draw_dice(evaluation, note),
        *draw_forest(evaluation, note),
        *draw_learning(learning_curves, note),
    ]
    return sorted(found, key=lambda drawing: NAMES.index(drawing.name))


def _file(drawing: Drawing, folder: Path) -> FigureFile:
    return FigureFile(
        name=drawing.name,
        title=drawing.title,
        caption=drawing.caption,
        svg=folder / f"{drawing.name}.svg",
        png=folder / f"{drawing.name}.png",
    )
