"""``spinal-tf evaluate``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spinal_tf.cli.field_options import field_options, filled, with_options
from spinal_tf.cli.options import FOLDER, PredictionChoices, open_weights, prediction_options, refuse_options
from spinal_tf.cli.server_options import address_option, server_options
from spinal_tf.prediction_options import PredictionOptions

if TYPE_CHECKING:
    from spinal_tf.api.evaluating import Pictures
    from spinal_tf.evaluation.map_check import MapCheck
    from spinal_tf.evaluation.prediction_checks import Checked
    from spinal_tf.evaluation.scored import EvaluationOptions
    from spinal_tf.results import ModelRecord

FILE = click.Path(path_type=Path)

with_mask_option = with_options(*field_options(PredictionOptions, "with_mask"))
gradcam_check_option = click.option(
    "--gradcam-check",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="CASES",
    help="Also compare the Grad-CAM maps of this many cases of each task with those of random weights. "
    "Takes six times as long as classifying them.",
)
lesions_option = click.option("--lesions", type=FILE, metavar="FILE", help="Table of the lesions in both masks.")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Values of the options below; see their help."""

    cohort: Path | None
    predictions: Path | None
    out: Path
    with_mask: bool
    gradcam_check: int
    lesions: Path | None
    against: Path | None
    poor_dice: float
    points: tuple[str, ...]
    subgroups: tuple[str, ...]
    resamples: int
    seed: int
    learning_curves: tuple[Path, ...]
    no_figures: bool
    note: str
    overwrite: bool


@click.command()
@click.option("--cohort", type=FILE, metavar="FILE", help="Table of cases with images; missing predictions are made.")
@click.option(
    "--predictions", type=FILE, metavar="FILE", help="Table of cases with probabilities, instead of --cohort."
)
@click.option(
    "--out",
    type=FOLDER,
    required=True,
    metavar="REPORT",
    help="Folder for the results, created if needed.",
)
@with_mask_option
@prediction_options
@server_options
@gradcam_check_option
@lesions_option
@click.option("--against", type=FILE, metavar="FILE", help="Another model's predictions of the same cases.")
@click.option(
    "--operating-point",
    "points",
    multiple=True,
    metavar="CHOICE",
    help="NUMBER for all tasks, TASK=NUMBER for one (may be repeated), or the split that chooses it: validation "
    "(default) or test (with a warning).",
)
@click.option(
    "--subgroup",
    "subgroups",
    multiple=True,
    metavar="COLUMN",
    help="Also evaluate by groups of this column; may be repeated.",
)
@click.option(
    "--poor-dice",
    type=click.FloatRange(0, 1),
    default=0.7,
    show_default=True,
    help="Dice below which a mask counts as poor when flags for review are evaluated.",
)
@click.option(
    "--resamples", type=click.IntRange(100), default=2000, show_default=True, help="Number of bootstrap resamples."
)
@click.option("--seed", type=click.IntRange(0), default=2022, show_default=True, help="Random seed of the bootstrap.")
@click.option(
    "--learning-curve",
    "learning_curves",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Also draw this learning-curve.csv of train learning-curve; may be repeated.",
)
@click.option("--no-figures", is_flag=True, help="Skip the figures, which take most of the time.")
@click.option(
    "--note", default="", metavar="TEXT", help="Note for all outputs, for example that the cases are simulated."
)
@click.option("--overwrite", is_flag=True, help="Overwrite existing results; predictions are kept.")
def evaluate(**given: Any) -> None:  # noqa: ANN401 - the options above
    """Evaluate predictions beside the paper's numbers, with intervals, comparisons, subgroups and calibration.

    With --cohort, the cases of validation and test are segmented and classified first. REPORT keeps masks and
    predictions, and existing ones are not made again. With --predictions, neither images nor weights are needed.

    Writes metrics.json, each table as CSV and LaTeX, figures, a report as one HTML page, and the checklists CLAIM 2024
    and TRIPOD+AI as far as they can be filled in. docs/evaluation.md describes them. All faults of the tables are
    listed in one pass. Exits with 3 if there are any, with 5 if some cases could not be predicted.
    """
    from spinal_tf.api.evaluating import no_pictures

    chosen = Choices(**{field.name: given.pop(field.name) for field in fields(Choices)})
    if chosen.cohort and chosen.predictions or not (chosen.cohort or chosen.predictions):
        raise click.UsageError("give either --cohort or --predictions")
    if chosen.learning_curves and chosen.no_figures:
        raise click.UsageError("--learning-curve and --no-figures exclude each other; leave one of them out")
    if chosen.predictions:
        refuse_options(prediction_options, "is for making predictions; --predictions already has them")
        refuse_options(with_mask_option, "is for making predictions; --predictions already has them")
        refuse_options(address_option, "is for making predictions; --predictions already has them")
        refuse_options(gradcam_check_option, "needs networks and images; --predictions has neither")
        _judge(chosen, chosen.predictions, chosen.lesions, no_pictures)
    elif chosen.cohort:
        refuse_options(lesions_option, "belongs to --predictions; --cohort finds the lesions itself")
        if given["server"]:
            refuse_options(
                gradcam_check_option, "needs random weights, which a server does not have; leave out --server"
            )
        _predict_and_judge(chosen, chosen.cohort, given)


def _predict_and_judge(chosen: Choices, cohort: Path, given: dict[str, Any]) -> None:
    from spinal_tf.cli.batch import exit_if_failed, tell_case
    from spinal_tf.prediction.cohort_prediction import CohortPrediction

    _refuse_existing(chosen)  # before hours of work
    choices = filled(PredictionChoices, given, overwrite=chosen.overwrite)
    options = filled(PredictionOptions, given, segmentation=choices.segmentation, with_mask=chosen.with_mask)
    prediction = CohortPrediction(cohort, chosen.out, open_weights(choices), options, overwrite=chosen.overwrite)
    with prediction.provisional_table() as table:
        _checked(chosen, table, None)
    say = partial(click.echo, err=True)
    predicted = prediction.predict(tell=tell_case, say=say, warn=say)
    checks = prediction.check_maps(chosen.gradcam_check, say=say)
    _judge(chosen, predicted.predictions, predicted.lesions, prediction.pictures, checks, prediction.models)
    exit_if_failed(predicted.failed, predicted.total)


def _refuse_existing(chosen: Choices) -> None:
    from spinal_tf.api.evaluating import refuse_saved

    refuse_saved(chosen.out, figures=not chosen.no_figures, overwrite=chosen.overwrite)


def _judge(
    chosen: Choices,
    predictions: Path,
    lesions: Path | None,
    pictures: Pictures,
    checks: Sequence[MapCheck] = (),
    models: Sequence[ModelRecord] = (),
) -> None:
    from spinal_tf.api.evaluating import EvaluationResult
    from spinal_tf.evaluation.evaluation import evaluate as judge
    from spinal_tf.report.notice import with_training

    checked, options = _checked(chosen, predictions, lesions)
    evaluation = judge(checked, options, map_checks=checks)
    note = with_training(chosen.note or evaluation.predictions.note, models)
    result = EvaluationResult(evaluation=evaluation, note=note, pictures=pictures)
    written = result.save(
        chosen.out,
        figures=not chosen.no_figures,
        learning_curves=chosen.learning_curves,
        overwrite=chosen.overwrite,
    )
    click.echo("\n\n".join(filter(None, (result.note, result.text))))
    figures = [path for path in written if path.suffix == ".svg"]
    tables = [path for path in written if path.parent == chosen.out]
    click.echo("\n" + "\n".join(map(str, tables)))
    if figures:
        click.echo(f"{figures[0].parent}: {len(figures)} figures, each as SVG and as PNG")


def _checked(chosen: Choices, predictions: Path, lesions: Path | None) -> tuple[Checked, EvaluationOptions]:
    """Check the tables and print every fault.

    Raises:
        CohortError: the tables have faults.
    """
    from spinal_tf.errors import CohortError
    from spinal_tf.evaluation.prediction_checks import check_predictions
    from spinal_tf.evaluation.scored import EvaluationOptions
    from spinal_tf.evaluation.statistics.bootstrap import Resampling

    options = filled(
        EvaluationOptions,
        vars(chosen),
        **_operating_points(chosen.points),
        subgroups=tuple(name.lower() for name in chosen.subgroups),
        resampling=Resampling(resamples=chosen.resamples, seed=chosen.seed),
    )
    checked = check_predictions(predictions, options, chosen.against, lesions)
    for source, found in checked.faults:
        for fault in found:
            click.echo(f"{source.name}: {fault}")
    if number := sum(len(found) for _, found in checked.faults):
        faults = "1 fault" if number == 1 else f"{number} faults"
        raise CohortError(f"{faults}, listed above; correct them and evaluate again")
    return checked, options


def _operating_points(choices: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments of `EvaluationOptions` that choose the operating points."""
    from spinal_tf.cohort.case import Split
    from spinal_tf.taxonomy import tree

    options: dict[str, Any] = {"points": {}}
    for choice in choices:
        task, _, number = choice.rpartition("=")
        if choice in (Split.VALIDATION.value, Split.TEST.value):
            options["chosen_on"] = Split(choice)
        elif task and task not in tree().task_names:
            raise click.BadParameter(f'no task is called "{task}"; the tasks are {", ".join(tree().task_names)}')
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
