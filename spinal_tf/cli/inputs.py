"""Cases that the arguments of ``segment`` and ``classify`` name: what is taken, as a line or as a table."""

from __future__ import annotations

from collections.abc import Sequence

import click

from spinal_tf.case_files import CaseFiles
from spinal_tf.cli.options import Choices
from spinal_tf.find_cases import FoundCases, candidates, find_cases
from spinal_tf.folders.candidate import Candidate
from spinal_tf.images.image_header import ImageHeader
from spinal_tf.tables.terminal import aligned

COLUMNS = ("path", "plane", "voxel mm", "size", "looks like", "taken")


def told_cases(choices: Choices) -> tuple[CaseFiles, ...]:
    """Find the cases, and print a line about each folder of which something was left out.

    Raises:
        VolumeError: a folder cannot be listed, or none of its images is taken.
        OutputError: two cases would write the same files.
    """
    found = _found(choices)
    for search in found.searches:
        if search.taken and search.left_out:
            click.echo(f"{search}; --list shows each", err=True)
    return found.cases


def list_cases(choices: Choices) -> None:
    """Print a table of all images that are named or found, and why some are not taken; nothing else is done.

    Raises:
        VolumeError: a folder cannot be listed, or none of its images is taken.
        OutputError: two cases would write the same files.
    """
    found = _found(choices)
    click.echo(aligned([COLUMNS, *map(_row, candidates(found))]))
    for search in found.searches:
        click.echo(str(search), err=True)


def _found(choices: Choices) -> FoundCases:
    return find_cases(choices.inputs, choices.output, pattern=choices.pattern, allow_plane=choices.allow_plane)


def _row(candidate: Candidate) -> Sequence[str]:
    header = candidate.header
    known = ("", "", "") if header is None else (_plane(header), _by(header.spacing_mm, ".3g"), _by(header.shape, "d"))
    looks = candidate.contrast or ("contrast unknown" if header else "")
    return (
        str(candidate.path),
        *known,
        candidate.fault or looks,
        f"no: {candidate.left_out}" if candidate.left_out else "yes",
    )


def _plane(header: ImageHeader) -> str:
    return header.plane if header.oriented else "not stated"


def _by(numbers: Sequence[float], form: str) -> str:
    return " x ".join(format(number, form) for number in numbers)
