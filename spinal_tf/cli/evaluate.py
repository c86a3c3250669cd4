"""``spinal-tf evaluate``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spinal_tf.cli.field_options import field_options, filled, with_options
from spinal_tf.cli.options import FOLDER, PredictionChoices, open_weights, prediction_options, refuse_options
from spinal_tf.cli.server_options import address_option, server_options
from spinal_tf.evaluation.evaluation_options import EvaluationOptions, Resampling
from spinal_tf.option_fields import NOT_NEGATIVE, REQUIRED, Options, option
from spinal_tf.prediction_options import PredictionOptions

if TYPE_CHECKING:
    from spinal_tf.api.evaluating import Pictures
    from spinal_tf.evaluation.map_check import MapCheck
    from spinal_tf.evaluation.prediction_checks import Checked
    from spinal_tf.results import ModelRecord

FILE = click.Path(path_type=Path)


@dataclass(frozen=True, kw_only=True)
class Choices(Options):
    """Values of this command's own options, and the options of the evaluation made from others."""

    cohort: Path | None = option(
        None, "Table of cases with images; missing predictions are made.", type=FILE, metavar="FILE"
    )
    predictions: Path | None = option(
        None, "Table of cases with probabilities, instead of --cohort.", type=FILE, metavar="FILE"
    )
    out: Path = option(REQUIRED, "Folder for the results, created if needed.", type=FOLDER, metavar="REPORT")
    gradcam_check: int = option(
        0,
        "Also compare the Grad-CAM maps of this many cases of each task with those of random weights. "
        "Takes six times as long as classifying them.",
        NOT_NEGATIVE,
        metavar="CASES",
    )
    lesions: Path | None = option(None, "Table of the lesions in both masks.", type=FILE, metavar="FILE")
    against: Path | None = option(None, "Another model's predictions of the same cases.", type=FILE, metavar="FILE")
    learning_curves: tuple[Path, ...] = option(
        (),
        "Also draw this learning-curve.csv of train learning-curve; may be repeated.",
        flag="--learning-curve",
        type=FILE,
        metavar="FILE",
    )
    no_figures: bool = option(False, "Skip the figures, which take most of the time.")
    note: str = option("", "Note for all outputs, for example that the cases are simulated.", metavar="TEXT")
    overwrite: bool = option(False, "Overwrite existing results; predictions are kept.")
    options: EvaluationOptions


mask_options = with_options(*field_options(PredictionOptions, "with_mask", "mask_label", "mask_threshold"))
gradcam_check_option, lesions_option = field_options(Choices, "gradcam_check", "lesions")


@click.command()
@with_options(*field_options(Choices, "cohort", "predictions", "out"))
@mask_options
@prediction_options
@server_options
@gradcam_check_option
@lesions_option
@with_options(*field_options(Choices, "against"))
@click.option(
    "--operating-point",
    "points",
    multiple=True,
    metavar="CHOICE",
    help="NUMBER for all tasks, TASK=NUMBER for one (may be repeated), or the split that chooses it: validation "
    "(default) or test (with a warning).",
)
@with_options(
    *field_options(EvaluationOptions, "subgroups", "poor_dice"),
    *field_options(Resampling, "resamples", type=click.IntRange(100)),
    *field_options(Resampling, "seed"),
    *field_options(Choices, "learning_curves", "no_figures", "note", "overwrite"),
)
def evaluate(**given: Any) -> None:  # noqa: ANN401 - the options above
    """Evaluate predictions beside the paper's numbers, with intervals, comparisons, subgroups and calibration.

    With --cohort, the cases of validation and test are segmented and classified first. REPORT keeps masks and
    predictions, and existing ones are not made again. With --predictions, neither images nor weights are needed.

    Writes metrics.json, each table as CSV and LaTeX, figures, a report as one HTML page, and the checklists CLAIM 2024
    and TRIPOD+AI as far as they can be filled in. docs/evaluation.md describes them. All faults of the tables are
    listed in one pass. Exits with 3 if there are any, with 5 if some cases could not be predicted.
    """
    from spinal_tf.api.evaluating import no_pictures

    chosen = filled(Choices, given, options=_options(given))
    if chosen.cohort and chosen.predictions or not (chosen.cohort or chosen.predictions):
        raise click.UsageError("give either --cohort or --predictions")
    if chosen.learning_curves and chosen.no_figures:
        raise click.UsageError("--learning-curve and --no-figures exclude each other; leave one of them out")
    if chosen.predictions:
        refuse_options(prediction_options, "is for making predictions; --predictions already has them")
        refuse_options(mask_options, "is for making predictions; --predictions already has them")
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

    choices = filled(PredictionChoices, given)
    options = filled(PredictionOptions, given, segmentation=choices.segmentation)
    _refuse_existing(chosen)  # before hours of work
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

    evaluation = judge(_checked(chosen, predictions, lesions), chosen.options, map_checks=checks)
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


def _checked(chosen: Choices, predictions: Path, lesions: Path | None) -> Checked:
    """Check the tables and print every fault.

    Raises:
        CohortError: the tables have faults.
    """
    from spinal_tf.cohort.table import HEADER_ROW
    from spinal_tf.errors import CohortError
    from spinal_tf.evaluation.prediction_checks import check_predictions

    checked = check_predictions(predictions, chosen.options, chosen.against, lesions)
    for source, found in checked.faults:
        provisional = chosen.cohort if source == predictions else None
        for fault in found:
            # A cohort has no columns of probabilities; what is wrong with their cases stands in the problem.
            nowhere = provisional and fault.row == HEADER_ROW and fault.column.startswith("p_")
            click.echo(f"{provisional or source}: {fault.problem if nowhere else fault}")
    if number := sum(len(found) for _, found in checked.faults):
        faults = "1 fault" if number == 1 else f"{number} faults"
        raise CohortError(f"{faults}, listed above; correct them and evaluate again")
    return checked


def _options(given: Mapping[str, Any]) -> EvaluationOptions:
    names = tuple(name.lower() for name in given["subgroups"])
    points = _operating_points(given["points"])
    return filled(EvaluationOptions, given, subgroups=names, resampling=filled(Resampling, given), **points)


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
