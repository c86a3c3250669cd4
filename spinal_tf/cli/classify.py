"""``spinal-tf classify``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spinal_tf.cli.explain_option import explain_option, tell_cost
from spinal_tf.cli.field_options import field_options, filled, with_options
from spinal_tf.cli.options import BESIDE, Choices, case_options, level_option, refuse_options, segmentation_options
from spinal_tf.cli.server_options import server_options
from spinal_tf.cli.with_mask_command import WithMaskCommand
from spinal_tf.map_methods import MapMethod
from spinal_tf.prediction_options import MaskValues

mask_values_options = with_options(*field_options(MaskValues))


@click.command(cls=WithMaskCommand)
@case_options
@segmentation_options
@level_option
@click.option(
    "--with-mask",
    type=click.Path(path_type=Path),
    is_flag=False,
    flag_value=BESIDE,
    metavar="[MASK]",
    help="Use this mask, checked or drawn by a person. A folder holds a mask for each case, found by its name. "
    "Without MASK, use the mask that segment wrote.",
)
@mask_values_options
@click.option(
    "--t1c",
    type=click.Path(path_type=Path),
    metavar="IMAGE",
    help="Contrast-enhanced T1w scan, registered and resampled to the case.",
)
@explain_option
@server_options
def classify(with_mask: Path | None, t1c: Path | None, **given: Any) -> None:  # noqa: ANN401 - as in segment
    """Classify the lesions down to the disease, with heat maps of the evidence.

    CASE is an image, or a folder that is searched for scans at any depth, as segment does. Put it before --with-mask.
    Without --with-mask, the case is segmented first. Writes CASE_diagnosis.json, CASE_diagnosis.html, CASE_gradcam.png
    and a heat map for each task on the way to the diagnosis, CASE_gradcam_TASK.nii.gz, beside the case.
    With --explain, maps are named by the method.
    """
    if with_mask is not None:
        refuse_options(segmentation_options, "applies to segmentation, which --with-mask skips")
    else:
        refuse_options(mask_values_options, "says how a mask is read; give the mask with --with-mask")
    values = filled(MaskValues, given)
    choices = filled(Choices, given)
    if choices.list_only:
        from spinal_tf.cli.inputs import list_cases

        list_cases(choices)
        return
    from spinal_tf.cli.session import Session

    if choices.server and choices.method is not MapMethod.GRADCAM:
        raise click.UsageError(f"--explain {choices.method.value} needs the networks here; leave out --server")
    session = Session(choices)
    tell_cost(choices.method)
    session.classify(with_mask, values, t1c)
