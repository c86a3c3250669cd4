"""Checklists of reporting, filled in as far as a run knows: CLAIM 2024 and TRIPOD+AI.

Items keep their published numbers; the words are ours. CLAIM: Tejani et al., Radiol Artif Intell 2024;6(4):e240300,
44 items. TRIPOD+AI: Collins et al., BMJ 2024;385:e078378, 27 items in 52 parts, as dated 11 January 2024.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files

from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_rows import Row
from spinal_tf.report.study.answers import ANSWERS


class State(str, Enum):
    """Who fills an item in; the value is how it is written."""

    RUN = "from this run"
    PARTLY = "partly"
    AUTHOR = "for the author"


@dataclass(frozen=True, kw_only=True)
class Checklist:
    """A published list.

    Attributes:
        name: of its file, without ending, here and in a report.
        title: as it is known.
        source: where it was published.
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
    """An item as it was filled in.

    Attributes:
        number: as published, such as ``12a``.
        section: of a paper.
        asks: what is to be reported.
        state: who fills it in.
        run: what the run says, may be empty.
        author: what is left to the author, may be empty.
    """

    number: str
    section: str
    asks: str
    state: State
    run: str
    author: str


def fill_in(checklist: Checklist, evaluation: Evaluation) -> tuple[Item, ...]:
    """Every item of a list in its order; one that the run knows nothing of is for the author."""
    text = files(__package__).joinpath(f"{checklist.name}.csv").read_text(encoding="utf-8")
    return tuple(_item(row, evaluation) for row in csv.DictReader(text.splitlines()))


def checklist_rows(items: Sequence[Item], *, note: str) -> list[Row]:
    """For a CSV file; the note, see `page.write_evaluation_page`, stands in every row."""
    return [
        {
            "item": item.number,
            "section": item.section,
            "asks": item.asks,
            "state": item.state.value,
            "run": item.run,
            "author": item.author,
            "note": note,
        }
        for item in items
    ]


def _item(row: dict[str, str], evaluation: Evaluation) -> Item:
    found = ANSWERS[row["answer"]](evaluation) if row["answer"] else None
    state = {"run": State.RUN, "partly": State.PARTLY}[row["known"]] if found else State.AUTHOR
    return Item(
        number=row["item"],
        section=row["section"],
        asks=row["asks"],
        state=state,
        run=found or "",
        author=row["author"],
    )
