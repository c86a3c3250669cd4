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
    WordType = click.ParamType  # generic only since click 8.4


class TreeChoice(WordType):
    """Like `click.Choice`, but the words are looked up at run time instead of import time."""

    name = "choice"

    def __init__(self, words: Callable[[], Iterable[str]]) -> None:
        """Store the function that lists the words."""
        self._words = words

    def _choice(self) -> click.Choice[str]:
        return click.Choice(tuple(self._words()))

    def get_metavar(self, *given: Any, **named: Any) -> str | None:  # noqa: ANN401 - differs between versions of click
        """Return the words, as shown in ``--help``."""
        return self._choice().get_metavar(*given, **named)

    def get_missing_message(self, *given: Any, **named: Any) -> str:  # noqa: ANN401 - as above
        """Return the message that lists the words if none is given."""
        return self._choice().get_missing_message(*given, **named)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        """Return the word if it is one of the choices, else raise a usage error."""
        return self._choice().convert(value, param, ctx)


ONE_TASK = TreeChoice(lambda: tree().task_names)

ONE_NETWORK = TreeChoice(lambda: ("segmenter", *tree().task_names))

ONE_DIAGNOSIS = TreeChoice(lambda: (diagnosis.value for diagnosis in tree().diagnoses))

ONE_KIND = TreeChoice(lambda: (*(diagnosis.value for diagnosis in tree().diagnoses), HEALTHY))
"""Choice among kinds of cases: diagnoses, and healthy."""
