"""Options of commands that fields declare, and the dataclasses made of their values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click
import pytest
from click.testing import CliRunner

from spinal_tf.cli.field_options import field_options, filled, with_options
from spinal_tf.option_fields import COUNT, POSITIVE, REQUIRED, Options, option


@dataclass(frozen=True, kw_only=True)
class Knead(Options):
    """Options of a dough."""

    bowl: Path = option(REQUIRED, "Folder of the bowl.", metavar="BOWL")
    flour: Literal["rye", "wheat"] = option("rye", "Kind of flour.")
    turns: int = option(3, "Number of turns.", COUNT)
    minutes: float | None = option(None, "Minutes of each. Default: until smooth.", POSITIVE)
    rests_h: tuple[float, ...] = option((1.0, 2.0), "Hours of rest.", POSITIVE, flag="--rest")
    covered: bool = option(False, "Cover the dough.")
    note: str = option("", "Note.")


def kneaded(*words):
    seen = []

    @click.command()
    @with_options(*field_options(Knead))
    def command(**given):
        seen.append(filled(Knead, given, bowl=Path("here")))

    return CliRunner().invoke(command, words), seen


def test_defaults_are_those_of_the_dataclass():
    result, [seen] = kneaded("--bowl", "x")
    assert result.exit_code == 0
    assert seen == Knead(bowl=Path("here"))


def test_values_have_the_fields_types():
    _, [seen] = kneaded("--bowl=x", "--flour=wheat", "--turns=2", "--minutes=1.5", "--rest=3", "--covered", "--note=a")
    made = {"flour": "wheat", "turns": 2, "minutes": 1.5, "rests_h": (3.0,), "covered": True, "note": "a"}
    assert seen == Knead(bowl=Path("here"), **made)


def test_help_shows_names_ranges_choices_and_defaults():
    result, _ = kneaded("--help")
    shown = " ".join(result.output.split())
    for part in (
        "--bowl BOWL Folder of the bowl. [required]",
        "--flour [rye|wheat] Kind of flour. [default: rye]",
        "--turns INTEGER RANGE Number of turns. [default: 3; x>=1]",
        "--minutes FLOAT RANGE Minutes of each. Default: until smooth. [x>0]",
        "--rest FLOAT RANGE Hours of rest. [default: 1.0, 2.0; x>0]",
        "--covered Cover the dough. --note",
    ):
        assert part in shown


def test_an_instance_gives_other_defaults_and_names_choose_and_order_the_options():
    chosen = field_options(Knead(bowl=Path(), turns=7), "minutes", "turns", help="Said otherwise.")
    made = [decorate(click.Command("none")).params[-1] for decorate in chosen]
    assert [(one.name, one.default, one.help) for one in made][1] == ("turns", 7, "Said otherwise.")
    assert [one.name for one in made] == ["minutes", "turns"]


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_number_that_click_lets_through_is_wrong_usage_too(value):
    result, seen = kneaded("--bowl", "x", "--minutes", value)
    assert (result.exit_code, seen) == (2, [])
    assert f"minutes must be a number, not {value}" in result.output
