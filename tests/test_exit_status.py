"""The table of exit statuses: each row has something that ends so, and each error stands in its row."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import click
import pytest

from spinal_tf import errors
from spinal_tf.cli.batch import SOME_FAILED
from spinal_tf.cli.failures import READER_GONE
from spinal_tf.cli.main import INTERRUPTED, OUR_FAULT, TERMINATED

PAGE = (Path(__file__).parents[1] / "docs" / "cli.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Exit status\n", 1)[1].split("\n#", 1)[0]
ROWS = {int(status): meaning for status, meaning in re.findall(r"^\| (\d+) \| (.+) \|$", SECTION, re.MULTILINE)}

PHRASES = {
    errors.SpinalTfError: "our fault",
    errors.VolumeError: "input is unsuitable",
    errors.CohortError: "input is unsuitable",
    errors.OutputError: "output cannot be written",
    errors.BusyError: "output cannot be written",
    errors.WeightsError: "weights are missing",
    errors.DeviceError: "a device",
    errors.TrainingError: "input is unsuitable",
    errors.StoppedError: "interrupted with Ctrl-C",
    errors.PortError: "input is unsuitable",
    errors.ServerError: "a server",
    errors.RequirementError: "an optional part",
}
"""What a row says of an error; no other row says so."""

OTHERS = {
    0: "done",
    OUR_FAULT: "our fault",
    click.UsageError.exit_code: "written wrongly",
    SOME_FAILED: "of several inputs some failed",
    INTERRUPTED: "interrupted",
    READER_GONE: "nobody reads",
    TERMINATED: "SIGTERM",
}
"""What the command line itself ends with."""


def rows_that_say(phrase: str) -> list[int]:
    return [status for status, meaning in ROWS.items() if re.search(rf"\b{phrase}\b", meaning)]


def test_every_error_is_listed_above() -> None:
    classes = {found for _, found in inspect.getmembers(errors, inspect.isclass)}
    assert set(PHRASES) == classes


@pytest.mark.parametrize("error", PHRASES)
def test_an_error_has_the_status_of_the_row_that_tells_of_it(error: type[errors.SpinalTfError]) -> None:
    assert rows_that_say(PHRASES[error]) == [error.exit_code]


@pytest.mark.parametrize("status", OTHERS)
def test_a_status_of_the_command_line_has_its_row(status: int) -> None:
    assert rows_that_say(OTHERS[status]) == [status]


def test_every_row_is_of_an_error_or_of_the_command_line() -> None:
    assert sorted(ROWS) == sorted({error.exit_code for error in PHRASES} | set(OTHERS))
