"""``spinal-tf evaluate``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from spinal_tf.evaluation.evaluate import Evaluation
    from spinal_tf.report.study.figure_file import FigureFile

FILE = click.Path(path_type=Path)


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What was chosen with the options below; see their help."""

    predictions: Path
    out: Path
    against: Path | None
    points: tuple[str, ...]
    subgroups: tuple[str, ...]
    resamples: int
    seed: int
    learning_curves: tuple[Path, ...]
    no_figures: bool
    note: str
    overwrite: bool


@click.command()
@click.option("--predictions", type=FILE, required=True, metavar="FILE", help="Table of cases with probabilities.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="REPORT",
    help="Folder for the results, made if needed.",
)
@click.option("--against", type=FILE, metavar="FILE", help="Another model's predictions of the same cases.")
@click.option(
    "--operating-point",
    "points",
    multiple=True,
    metavar="CHOICE",
    help="NUMBER for all tasks or TASK=NUMBER for one (may be repeated), or the split to choose it on: validation "
    "(the default) or test (which warns).",
)
@click.option(
    "--subgroup", "subgroups", multiple=True, metavar="COLUMN", help="Also divide by this column; may be repeated."
)
@click.option("--resamples", type=click.IntRange(100), default=2000, show_default=True, help="Of the bootstrap.")
@click.option("--seed", type=click.IntRange(0), default=2022, show_default=True, help="Of the bootstrap.")
@click.option(
    "--learning-curve",
    "learning_curves",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="learning-curve.csv of train learning-curve, to be drawn; may be repeated.",
)
@click.option("--no-figures", is_flag=True, help="Draw no figures, which takes most of the time.")
@click.option(
    "--note", default="", metavar="TEXT", help="What readers must know of the cases, such as that they are simulated."
)
@click.option("--overwrite", is_flag=True, help="Replace results that exist.")
def evaluate(**given: Any) -> None:  # noqa: ANN401 - the options above
    """Judge predictions beside the paper's numbers, with intervals, comparisons, subgroups and calibration.

    docs/evaluation.md describes the table of predictions and everything that is written: metrics.json, a CSV file for
    each table, Table 2 as LaTeX, and figures. Every fault of the tables is listed in one pass; exit 3 if there is one.
    """
    from spinal_tf.errors import CohortError
    from spinal_tf.evaluation.checks import check_predictions
    from spinal_tf.evaluation.evaluate import evaluate as judge
    from spinal_tf.evaluation.evaluation_files import write_evaluation
    from spinal_tf.evaluation.evaluation_text import as_text
    from spinal_tf.evaluation.scored import EvaluationOptions
    from spinal_tf.evaluation.statistics.bootstrap import Resampling

    chosen = Choices(**given)
    if chosen.learning_curves and chosen.no_figures:
        raise click.UsageError("--learning-curve is to be drawn, and --no-figures draws nothing; leave one of them out")
    options = EvaluationOptions(
        **_operating_points(chosen.points),
        subgroups=tuple(name.lower() for name in chosen.subgroups),
        resampling=Resampling(resamples=chosen.resamples, seed=chosen.seed),
    )
    checked = check_predictions(chosen.predictions, options, chosen.against)
    for table in checked.tables:
        for fault in table.faults:
            click.echo(f"{table.predictions.source.name}: {fault}")
    if number := sum(len(table.faults) for table in checked.tables):
        faults = "1 fault" if number == 1 else f"{number} faults"
        raise CohortError(f"{faults}, listed above; correct what is wrong and evaluate again")
    evaluation = judge(checked, options)
    figures = _figures(evaluation, chosen)
    written = write_evaluation(evaluation, chosen.out, overwrite=chosen.overwrite)
    click.echo(as_text(evaluation))
    click.echo("\n" + "\n".join(map(str, written)))
    if figures:
        click.echo(f"{figures[0].svg.parent}: {len(figures)} figures, each as SVG and as PNG")


def _figures(evaluation: Evaluation, chosen: Choices) -> tuple[FigureFile, ...]:
    if not chosen.no_figures:
        from spinal_tf.report.study.figures import write_figures

        note, curves = chosen.note or evaluation.predictions.note, chosen.learning_curves
        return write_figures(evaluation, chosen.out, overwrite=chosen.overwrite, note=note, learning_curves=curves)
    if chosen.overwrite:
        from spinal_tf.report.study.figure_file import remove_figures

        remove_figures(chosen.out)  # of other numbers
    return ()


def _operating_points(choices: tuple[str, ...]) -> dict[str, Any]:
    """Options of `EvaluationOptions` that say where the operating points are from."""
    from spinal_tf.cohort.case import Split
    from spinal_tf.taxonomy import TASKS

    names = [task.name for task in TASKS]
    options: dict[str, Any] = {"points": {}}
    for choice in choices:
        task, _, number = choice.rpartition("=")
        if choice in (Split.VALIDATION.value, Split.TEST.value):
            options["chosen_on"] = Split(choice)
        elif task and task not in names:
            raise click.BadParameter(f'no task is called "{task}"; the tasks are {", ".join(names)}')
        elif not task:
            options["point"] = _probability(number)
        else:
            options["points"] |= {task: _probability(number)}
    return options


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise click.BadParameter(f'"{text}" is not an operating point; write 0 to 1, TASK=0.5, validation or test')
    return value
