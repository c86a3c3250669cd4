"""The command in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from spinal_tf.cli.main import main


@pytest.fixture
def run():
    """The function that runs ``spinal-tf`` with arguments; exit status and output are in what it returns."""
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def refused(run):
    """The function that runs ``spinal-tf``, expects an exit status and one sentence, and returns the sentence."""

    def run_refused(*arguments, status: int = 3) -> str:
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (status, ""), result.output
        assert result.stderr.startswith("spinal-tf: ")
        assert result.stderr.count("\n") == 1
        return result.stderr.removeprefix("spinal-tf: ").rstrip("\n")

    return run_refused


@pytest.fixture
def names():
    """The function that lists a folder, hidden files too."""
    return lambda folder: sorted(path.name for path in Path(folder).iterdir())
