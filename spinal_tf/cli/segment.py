"""``spinal-tf segment``."""

from __future__ import annotations

from typing import Any

import click

from spinal_tf.cli.field_options import filled
from spinal_tf.cli.options import Choices, case_options, level_option, segmentation_options
from spinal_tf.cli.server_options import server_options


@click.command()
@case_options
@segmentation_options
@level_option
@server_options
def segment(**given: Any) -> None:  # noqa: ANN401 - the options of the decorators
    """Find lesions on sagittal T2w scans and outline them.

    CASE is an image, or a folder, which is searched for scans at any depth. Masks, other contrasts and planes, hidden
    folders and outputs of earlier runs below it are left out; --list shows which. An image that you name is taken as it
    is. Writes beside the case CASE_lesion.nii.gz (the mask, on the image's own grid), CASE_lesion.json (lesions,
    volumes, whether a person should look) and CASE_lesion.png. Finding no lesion is a result, not an error.
    """
    choices = filled(Choices, given)
    if choices.list_only:
        from spinal_tf.cli.inputs import list_cases

        list_cases(choices)
        return
    from spinal_tf.cli.session import Session

    Session(choices).segment()
