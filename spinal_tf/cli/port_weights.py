"""``spinal-tf port-weights``: imports weights of the authors' public code into this package."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spinal_tf.cli.output_option import output_option
from spinal_tf.cli.tree_choice import ONE_NETWORK
from spinal_tf.cli.weights_folder import say_where, target_folder

if TYPE_CHECKING:
    from spinal_tf.porting.port import Ported

SEGMENTER = "segmenter"
TASK_ONLY = ("operating_point_t1c", "mask_mode", "modalities", "channels", "positive_output")
CHANNELS = ("t1c", "t2w", "mask")


def _channels(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(value.split(","))
    if sorted(names) != sorted(CHANNELS):
        raise click.BadParameter(f"write {','.join(CHANNELS)} in the file's order", ctx, parameter)
    return names


@click.command("port-weights")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--as",
    "name",
    required=True,
    type=ONE_NETWORK,
    help="Network that the weights are for.",
)
@click.option("--into", "folder", type=click.Path(file_okay=False, path_type=Path), help="Folder of weights to add to.")
@click.option(
    "--data",
    default="unknown cases",
    metavar="WORDS",
    help='Training data in words, for the card and every report, such as "312 patients of one hospital".',
)
@click.option(
    "--intensity",
    type=click.Choice(["zscore_clip", "zscore_no_clip", "minmax"]),
    default="zscore_clip",
    show_default=True,
    help="Intensity scaling in training.",
)
@click.option(
    "--fit",
    type=click.Choice(["stretch", "pad", "spacing"]),
    default="stretch",
    show_default=True,
    help="How slices were resized in training: stretched or padded to --size, or resampled to --spacing (segmenter).",
)
@click.option(
    "--size",
    nargs=2,
    type=click.IntRange(16, 2048),
    metavar="ROWS COLUMNS",
    help="Rows and columns of the input. Default: as in the file, then 256 256.",
)
@click.option("--spacing", "spacing_mm", type=click.FloatRange(0, 100, min_open=True), help="Pixel size in mm.")
@click.option(
    "--operating-point",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Probability from which a voxel is lesion, or a case positive by T2w alone.",
)
@click.option(
    "--operating-point-t1c",
    type=click.FloatRange(0, 1),
    help="Probability from which a case is positive by T2w and T1c, with --modalities t2w+t1c.",
)
@click.option(
    "--mask-mode",
    type=click.Choice(["channel", "multiply"]),
    default="channel",
    show_default=True,
    help="Mask as a separate channel, or images set to zero outside it.",
)
@click.option(
    "--modalities",
    type=click.Choice(["t2w", "t2w+t1c"]),
    default="t2w",
    show_default=True,
    help="Images used in training.",
)
@click.option(
    "--channels",
    default=",".join(CHANNELS),
    show_default=True,
    callback=_channels,
    help="Order of the channels in the file's network.",
)
@click.option(
    "--positive-output",
    type=click.IntRange(0, 1),
    default=1,
    show_default=True,
    help="Which of the file's two probabilities is the task's second, positive class.",
)
@click.option("--dry-run", is_flag=True, help="Map and compare without writing.")
@click.option("--overwrite", is_flag=True, help="Overwrite weights of the same name.")
def port_weights(file: Path, folder: Path | None, dry_run: bool, overwrite: bool, **options: Any) -> None:  # noqa: ANN401
    """Import weights trained with the authors' code into a folder of weights.

    FILE is a whole model or weights only as .h5, a .keras file, or the folder of a SavedModel. The network is
    DenseNet121 with the public code's head, or the reference MultiResUNet. Only arithmetic of the file is executed.
    Layers are matched by their connections and shapes. The mapping is shown, and both networks are compared on the
    same input before anything is written.

    Options give what the file does not contain; their defaults are the public code's. Destination: --into, then the
    folder that SPINAL_TF_WEIGHTS names, then the folder of the weights in use.
    """
    _refuse_contradictions(options)
    from spinal_tf.cli.quiet import quiet_stderr

    target = None if dry_run else target_folder(folder)
    with quiet_stderr():
        from spinal_tf.porting import port
        from spinal_tf.porting import target as plan

        options["modalities"] = tuple(options["modalities"].split("+"))
        ported = port.port_weights(file, plan.PortOptions(**options))
    _show(ported)
    if target is not None:
        with output_option("--into"):
            outcome = port.write_ported(ported, target, overwrite=overwrite)
        click.echo(f"{options['name']}: {outcome}{' (add --overwrite to replace it)' if outcome == 'kept' else ''}")
        say_where(target, folder)


def _refuse_contradictions(options: dict[str, Any]) -> None:
    context, is_segmenter = click.get_current_context(), options["name"] == SEGMENTER
    for parameter in context.command.params:
        given = context.get_parameter_source(str(parameter.name)) is click.core.ParameterSource.COMMANDLINE
        if is_segmenter and given and parameter.name in TASK_ONLY:
            raise click.UsageError(f"{parameter.opts[0]} is for classifiers; the segmenter sees the T2w slice alone")
    if (options["fit"] == "spacing") != (options["spacing_mm"] is not None):
        raise click.UsageError("--spacing belongs to --fit spacing, and to no other")
    if options["fit"] == "spacing" and not is_segmenter:
        raise click.UsageError("--fit spacing is for the segmenter; a classifier's tiles all have one size")
    if options["operating_point_t1c"] is not None and "t1c" not in options["modalities"]:
        raise click.UsageError("--operating-point-t1c belongs to --modalities t2w+t1c")
    if any(math.isnan(options[name] or 0) for name in ("operating_point", "operating_point_t1c", "spacing_mm")):
        raise click.UsageError("--operating-point, --operating-point-t1c and --spacing are numbers")


def _show(ported: Ported) -> None:
    source, comparison = ported.source, ported.comparison
    click.echo(f"{source.path}: {source.format}; {source.count:,} weights")
    width = max(len(pair.theirs) for pair in ported.pairs)
    for pair in ported.pairs:
        shapes = ", ".join(" x ".join(map(str, array.shape)) for array in pair.arrays)
        click.echo(f"  {pair.theirs:{width}} -> {pair.ours:22} {shapes}")
    how = "by their connections and shapes" if source.graph else "by Keras' order and their shapes"
    click.echo(f"{len(ported.pairs)} layers mapped, {how}")
    count, *shape = comparison.shape
    span = f"{comparison.lowest:.4f} to {comparison.highest:.4f}"
    if comparison.difference is None:
        click.echo(
            f"not compared: weights alone describe no network that could be run; ours gives probabilities of {span} on "
            f"{count} test inputs. If the whole model exists, import it instead"
        )
    else:
        click.echo(
            f"compared: both networks on {count} test inputs of {' x '.join(map(str, shape))}, "
            f"probabilities of {span}, largest difference {comparison.difference:.1e}"
        )
