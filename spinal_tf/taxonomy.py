"""Diagnoses, the two-class tasks that distinguish them, and the tree that combines the tasks.

To add a diagnosis, edit only this file: add a `Diagnosis`, and the `Task` that distinguishes it from the others, to
`TREE`. All other code calls `tree()` at run time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]*")
"""Valid names of diagnoses, tasks and classes, since file and column names contain them."""

RESERVED = frozenset({"healthy", "segmenter", "anatomy", "pipeline"})
"""Names that have another meaning in tables and on servers."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """A disease, a leaf of the tree.

    Attributes:
        value: name in all files.
        term: name in a sentence: ``MS``, ``ependymoma``.
    """

    value: str
    term: str

    def __post_init__(self) -> None:
        """Refuse a name that is invalid in files."""
        _require_plain(self.value)

    @property
    def printed(self) -> str:
        """Name at the start of a line: ``MS``, ``Ependymoma``."""
        return capitalized(self.term)


@dataclass(frozen=True, kw_only=True)
class Task:
    """A two-class task; the positive class comes second, as in Table 2 of Zhuo et al. 2022.

    Attributes:
        classes: names of the negative and the positive class; a class of one diagnosis has that diagnosis' name.
    """

    name: str
    negative: frozenset[Diagnosis]
    positive: frozenset[Diagnosis]
    classes: tuple[str, str]

    def __post_init__(self) -> None:
        """Refuse classes that are empty, overlap, or have invalid names."""
        for name in (self.name, *self.classes):
            _require_plain(name)
        if not self.negative or not self.positive or self.negative & self.positive:
            raise ValueError(f"{self.name}: both classes need diagnoses, and no diagnosis can be in both")
        for name, members in zip(self.classes, (self.negative, self.positive), strict=True):
            values = {diagnosis.value for diagnosis in members}
            if (name in values) is not (len(values) == 1):
                raise ValueError(f"{self.name}: only a class of one diagnosis is named as a diagnosis, not {name}")

    @property
    def printed(self) -> str:
        """Name as in a column heading of the paper: ``Tumor vs demyelinating``, ``MS vs NMOSD``."""
        return capitalized(" vs ".join(map(tree().term, self.classes)))

    @property
    def members(self) -> frozenset[Diagnosis]:
        """Diagnoses of both classes."""
        return self.negative | self.positive

    def applies_to(self, diagnosis: Diagnosis) -> bool:
        """Return whether a case with this diagnosis belongs to the task."""
        return diagnosis in self.members

    def label(self, diagnosis: Diagnosis) -> int:
        """Return 0 for the negative class, 1 for the positive class.

        Raises:
            ValueError: the diagnosis is in neither class.
        """
        if not self.applies_to(diagnosis):
            raise ValueError(f"{diagnosis.value} is not part of {self.name}")
        return int(diagnosis in self.positive)

    def to_dict(self) -> dict[str, list[str]]:
        """Return the diagnoses of each class by name, JSON-serializable; weights store it as their classes."""
        members = (self.negative, self.positive)
        return {
            name: sorted(diagnosis.value for diagnosis in group)
            for name, group in zip(self.classes, members, strict=True)
        }


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A binary tree: the first task splits all diagnoses, and each class of several diagnoses has its own task.

    Attributes:
        diagnoses: leaves, in the order of tables.
        tasks: tasks, in the order of tables.
    """

    diagnoses: tuple[Diagnosis, ...]
    tasks: tuple[Task, ...]

    def __post_init__(self) -> None:
        """Refuse duplicate names, and tasks that do not form one tree over the diagnoses."""
        classes = [name for task in self.tasks for name in task.classes]
        for names in ([one.value for one in self.diagnoses], [task.name for task in self.tasks], classes):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"names must be unique; {', '.join(twice)} occurs twice")
        splits = {task.members: task for task in self.tasks}
        groups = [frozenset(self.diagnoses)]
        while groups:
            group = groups.pop()
            if len(group) == 1:
                continue
            if group not in splits:
                raise ValueError(f"no task distinguishes {self._listed(group)}")
            task = splits.pop(group)
            groups += [task.negative, task.positive]
        for task in splits.values():
            raise ValueError(f"{task.name}: no other task leads to {self._listed(task.members)}")

    def _listed(self, group: frozenset[Diagnosis]) -> str:
        return ", ".join(sorted(diagnosis.value for diagnosis in group)) or "no diagnosis"

    @property
    def task_names(self) -> tuple[str, ...]:
        """Names of the tasks, in order."""
        return tuple(task.name for task in self.tasks)

    def task(self, name: str) -> Task:
        """Return the task with this name.

        Raises:
            ValueError: there is no such task.
        """
        for task in self.tasks:
            if task.name == name:
                return task
        raise ValueError(f"no task is called {name}; the tasks are {', '.join(self.task_names)}")

    def diagnosis(self, value: str) -> Diagnosis:
        """Return the diagnosis with this name in files.

        Raises:
            ValueError: there is no such diagnosis.
        """
        for diagnosis in self.diagnoses:
            if diagnosis.value == value:
                return diagnosis
        known = ", ".join(diagnosis.value for diagnosis in self.diagnoses)
        raise ValueError(f"no diagnosis is called {value}; the diagnoses are {known}")

    @property
    def groups(self) -> dict[str, frozenset[Diagnosis]]:
        """Diagnoses of each class with several, by class name."""
        classes = [
            pair for task in self.tasks for pair in zip(task.classes, (task.negative, task.positive), strict=True)
        ]
        return {name: members for name, members in classes if len(members) > 1}

    def way_to(self, diagnosis: Diagnosis) -> tuple[Task, ...]:
        """Return the tasks that lead to a diagnosis, the first task of the tree first."""
        applying = [task for task in self.tasks if task.applies_to(diagnosis)]
        return tuple(sorted(applying, key=lambda task: -len(task.members)))

    def splitting(self, members: frozenset[Diagnosis]) -> Task | None:
        """Return the task that splits a class; None for a class of one diagnosis."""
        return next((task for task in self.tasks if task.members == members), None)

    def term(self, name: str) -> str:
        """Return a class name for a sentence: ``MS``, ``ependymoma``, ``tumor``."""
        terms = {diagnosis.value: diagnosis.term for diagnosis in self.diagnoses}
        return terms.get(name, name.replace("_", " "))

    def joined(self, positive: Mapping[str, Any]) -> dict[Diagnosis, Any]:
        """Compute the probability of each diagnosis: the product of its class' probabilities over its tasks.

        P(astrocytoma) = P(tumor) P(astrocytoma given tumor), and so on; the sum is 1. With calls (0 or 1) instead of
        probabilities, the called diagnosis gets 1 and all others 0.

        Args:
            positive: probability of the positive class, keyed by task name: a number, or a tensor of any framework.
        """
        return {
            diagnosis: math.prod(
                positive[task.name] if diagnosis in task.positive else 1 - positive[task.name]
                for task in self.way_to(diagnosis)
            )
            for diagnosis in self.diagnoses
        }

    def posterior(self, positive: Mapping[str, float]) -> dict[Diagnosis, float]:
        """Combine the tasks' probabilities into those of the diagnoses; see `joined`.

        Args:
            positive: probability of the positive class, keyed by task name.

        Raises:
            ValueError: a probability is outside 0 to 1 or not a number.
        """
        for name, value in positive.items():
            if not (math.isfinite(value) and 0 <= value <= 1):
                raise ValueError(f"{name}: {value} is not a probability")
        return self.joined(positive)

    def follow(self, called: Mapping[str, int]) -> Diagnosis:
        """Return the diagnosis that the tasks' calls lead to.

        Args:
            called: 1 for the positive class, 0 for the negative class, keyed by task name.
        """
        reached = self.joined(called)
        return next(diagnosis for diagnosis in self.diagnoses if reached[diagnosis] == 1)


def capitalized(term: str) -> str:
    """Capitalize the first letter of a term and leave the rest unchanged."""
    return term[:1].upper() + term[1:]


def _require_plain(name: str) -> None:
    if not PLAIN_NAME.fullmatch(name) or name in RESERVED:
        raise ValueError(
            f"{name!r} cannot name a diagnosis, task or class; write lower-case letters, digits and _, "
            f"and none of {', '.join(sorted(RESERVED))}"
        )


ASTROCYTOMA = Diagnosis(value="astrocytoma", term="astrocytoma")
EPENDYMOMA = Diagnosis(value="ependymoma", term="ependymoma")
MS = Diagnosis(value="ms", term="MS")
NMOSD = Diagnosis(value="nmosd", term="NMOSD")

TUMOR_VS_DEMYELINATING = Task(
    name="tumor_vs_demyelinating",
    negative=frozenset({ASTROCYTOMA, EPENDYMOMA}),
    positive=frozenset({MS, NMOSD}),
    classes=("tumor", "demyelinating"),
)
ASTROCYTOMA_VS_EPENDYMOMA = Task(
    name="astrocytoma_vs_ependymoma",
    negative=frozenset({ASTROCYTOMA}),
    positive=frozenset({EPENDYMOMA}),
    classes=("astrocytoma", "ependymoma"),
)
MS_VS_NMOSD = Task(name="ms_vs_nmosd", negative=frozenset({MS}), positive=frozenset({NMOSD}), classes=("ms", "nmosd"))
PAPER_TREE = Tree(
    diagnoses=(ASTROCYTOMA, EPENDYMOMA, MS, NMOSD),
    tasks=(TUMOR_VS_DEMYELINATING, ASTROCYTOMA_VS_EPENDYMOMA, MS_VS_NMOSD),
)
"""The tree of Zhuo et al. 2022; its tables are shown beside ours if `TREE` is this tree."""

TREE = PAPER_TREE
"""The tree in use; replace it to add a diagnosis."""

_in_use = [TREE]


def tree() -> Tree:
    """Return the tree in use; call it when needed, and do not keep the result in module constants."""
    return _in_use[-1]


@contextmanager
def using(other: Tree) -> Iterator[Tree]:
    """Use another tree inside a ``with`` block, in all threads of this process."""
    _in_use.append(other)
    try:
        yield other
    finally:
        _in_use.pop()
