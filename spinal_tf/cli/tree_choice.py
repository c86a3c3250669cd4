"""A choice among names of the tree of diagnoses, looked up when a command runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from spinal_tf.cohort.case import HEALTHY
from spinal_tf.taxonomy import tree

if TYPE_CHECKING:
    WordType = click.ParamType[str]
else:
    WordType = click.ParamType  # generic since click 8.4 alone


class TreeChoice(WordType):
    """As `click.Choice`, whose words are fixed once the module is imported."""

    name = "choice"

    def __init__(self, words: Callable[[], Iterable[str]]) -> None:
        """Remember how to list the words."""
        self._words = words

    def _choice(self) -> click.Choice[str]:
        return click.Choice(tuple(self._words()))

    def get_metavar(self, *given: Any, **named: Any) -> str | None:  # noqa: ANN401 - differs between versions of click
        """The words, as in ``--help``."""
        return self._choice().get_metavar(*given, **named)

    def get_missing_message(self, *given: Any, **named: Any) -> str:  # noqa: ANN401 - as above
        """What to choose from."""
        return self._choice().get_missing_message(*given, **named)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        """The word; refuses others."""
        return self._choice().convert(value, param, ctx)


ONE_TASK = TreeChoice(lambda: tree().task_names)

ONE_NETWORK = TreeChoice(lambda: ("segmenter", *tree().task_names))

ONE_DIAGNOSIS = TreeChoice(lambda: (diagnosis.value for diagnosis in tree().diagnoses))

ONE_KIND = TreeChoice(lambda: (*(diagnosis.value for diagnosis in tree().diagnoses), HEALTHY))
"""Kinds of cases: diagnoses, and healthy."""
