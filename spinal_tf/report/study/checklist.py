"""Reporting checklists CLAIM 2024 and TRIPOD+AI, filled in as far as a run can answer.

Items keep their published numbers; the wording is ours. CLAIM: Tejani et al., Radiol Artif Intell 2024;6(4):e240300,
44 items. TRIPOD+AI: Collins et al., BMJ 2024;385:e078378, 27 items in 52 parts, as dated 11 January 2024.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files

from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.report.study.answers import ANSWERS
from spinal_tf.tables.table_model import Column


class State(str, Enum):
    """Who fills an item in; the value is the printed text."""

    RUN = "from this run"
    PARTLY = "partly"
    AUTHOR = "for the author"


@dataclass(frozen=True, kw_only=True)
class Checklist:
    """A published checklist.

    Attributes:
        name: file name without extension, here and in a report.
        title: common name.
        source: publication.
    """

    name: str
    title: str
    source: str


CHECKLISTS = (
    Checklist(
        name="claim",
        title="CLAIM 2024",
        source=(
            "Checklist for Artificial Intelligence in Medical Imaging, 2024 update (Tejani et al., Radiol Artif Intell "
            "2024;6(4):e240300), 44 items"
        ),
    ),
    Checklist(
        name="tripod-ai",
        title="TRIPOD+AI",
        source=(
            "TRIPOD+AI (Collins et al., BMJ 2024;385:e078378), 27 items, version of 11 January 2024; all of them, "
            "those on development too"
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Item:
    """A filled-in item.

    Attributes:
        number: published number, such as ``12a``.
        section: section of a paper.
        asks: what to report.
        state: who fills it in.
        run: answer of the run, may be empty.
        author: part left to the author, may be empty.
    """

    number: str
    section: str
    asks: str
    state: State
    run: str
    author: str


COLUMNS = (
    Column("Item", lambda item: item.number, name="item"),
    Column("Section", lambda item: item.section, name="section"),
    Column("To be reported", lambda item: item.asks, name="asks"),
    Column("State", lambda item: item.state.value, name="state"),
    Column("What this run says", lambda item: item.run, name="run"),
    Column("Left to the author", lambda item: item.author, name="author"),
)


def fill_in(checklist: Checklist, evaluation: Evaluation) -> tuple[Item, ...]:
    """Fill in every item of a checklist in its order; items that the run cannot answer are left to the author."""
    text = files(__package__).joinpath(f"{checklist.name}.csv").read_text(encoding="utf-8")
    return tuple(_item(row, evaluation) for row in csv.DictReader(text.splitlines()))


def checklist_rows(items: Sequence[Item], *, note: str) -> list[dict[str, str]]:
    """Return rows for a CSV file; the note, see `study_page.evaluation_page`, is in every row."""
    return [{column.name: column.text(item) for column in COLUMNS} | {"note": note} for item in items]


def _item(row: dict[str, str], evaluation: Evaluation) -> Item:
    found = ANSWERS[row["answer"]](evaluation) if row["answer"] else None
    state = {"run": State.RUN, "partly": State.PARTLY}[row["known"]] if found else State.AUTHOR
    given = {name: row[name] for name in ("section", "asks", "author")}
    return Item(number=row["item"], state=state, run=found or "", **given)
