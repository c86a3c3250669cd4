"""Options that take a name of the tree of diagnoses follow the tree in use."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner
from five_leaves import FIVE_LEAVES

from spinal_tf.cli.tree_choice import ONE_KIND, ONE_TASK
from spinal_tf.taxonomy import using


@click.command()
@click.option("--task", required=True, type=ONE_TASK)
@click.option("--kind", type=ONE_KIND)
def command(task: str, kind: str | None) -> None:
    click.echo(f"{task} {kind}")


def told(*arguments):
    result = CliRunner().invoke(command, arguments)
    return result.exit_code, " ".join(result.output.replace("\t", " ").split())


def test_names_of_the_tree_are_taken():
    assert told("--task", "ms_vs_nmosd", "--kind", "healthy") == (0, "ms_vs_nmosd healthy")
    with using(FIVE_LEAVES):
        assert told("--task", "tumor_vs_other", "--kind", "infarction") == (0, "tumor_vs_other infarction")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--task", "tumor_vs_other"], "'tumor_vs_other' is not one of 'tumor_vs_demyelinating', 'astro"),
        (["--task", "ms_vs_nmosd", "--kind", "infarction"], "'infarction' is not one of 'astrocytoma', 'ependymoma', "),
        ([], "Missing option '--task'. Choose from: tumor_vs_demyelinating, astrocytoma_vs_ependymoma, ms_vs_nmosd"),
    ],
)
def test_other_names_are_refused_with_those_of_the_tree(arguments, words):
    status, text = told(*arguments)
    assert status == 2
    assert words in text


def test_help_lists_the_names():
    assert "[tumor_vs_demyelinating|astrocytoma_vs_ependymoma|ms_vs_nmosd]" in told("--help")[1]
