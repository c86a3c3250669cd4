"""Which cases a simulated cohort has: the paper's numbers, or the diseases in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

from spinal_tf.cohort.case import Split
from spinal_tf.errors import CohortError
from spinal_tf.phantom.parameters import DISEASES, parameters_of
from spinal_tf.taxonomy import PAPER_TREE, Diagnosis, tree

PAPER_COUNTS = {
    Split.TRAIN: (94, 104, 81, 113),
    Split.VALIDATION: (24, 26, 20, 28),
    Split.TEST: (34, 45, 33, 45),
}
"""Cases of astrocytoma, ependymoma, MS and NMOSD in each split of Zhuo et al. 2022: 490 and 157."""

_T, _V, _S = Split.TRAIN, Split.VALIDATION, Split.TEST
SPLITS_IN_TURN = (_S, _T, _T, _V, _T, _T, _S, _T, _T, _T, _S, _T, _V, _T, _T, _S, _T, _V, _T, _S)
"""Split of one case of each disease after another where a number of cases is asked for: near the paper's shares."""


@dataclass(frozen=True, kw_only=True)
class PlannedCase:
    """A case to be simulated.

    Attributes:
        name: of its folder.
        seed: with the cohort's seed it seeds this case alone.
        diagnosis: None for a healthy person.
        split: of the cohort.
    """

    name: str
    seed: tuple[int, ...]
    diagnosis: Diagnosis | None
    split: Split


def plan_cohort(*, cases: int | None, diagnosis: Diagnosis | None = None, healthy: int = 0) -> list[PlannedCase]:
    """List the cases of a cohort.

    Args:
        cases: how many have a lesion; None for the paper's. A larger number begins with the cases of a smaller one.
        diagnosis: this disease alone.
        healthy: how many more have none; their seeds are their own, so they change no other case.

    Raises:
        CohortError: there is nothing to draw for the diagnosis, or the paper has no such case.
    """
    wanted = _simulated(diagnosis)
    kinds = _paper_order(wanted) if cases is None else list(islice(_in_turn(wanted), cases))
    planned = [
        PlannedCase(name=f"sim-{number:04d}", seed=(number,), diagnosis=disease, split=split)
        for number, (disease, split) in enumerate(kinds, start=1)
    ]
    return planned + [
        PlannedCase(name=f"healthy-{number:04d}", seed=(number, 2), diagnosis=None, split=split)
        for number, split in enumerate(islice(_splits(), healthy), start=1)
    ]


def _simulated(diagnosis: Diagnosis | None) -> list[Diagnosis]:
    """That diagnosis, or all of the tree that have parameters."""
    if diagnosis is not None:
        parameters_of(diagnosis)
        return [diagnosis]
    wanted = [one for one in tree().diagnoses if one in DISEASES]
    if not wanted:
        raise CohortError("no diagnosis of the tree has simulation parameters, so there is nothing to simulate")
    return wanted


def _paper_order(wanted: Sequence[Diagnosis]) -> list[tuple[Diagnosis, Split]]:
    """Every disease and split spread evenly over the cohort, so that its beginning is a smaller cohort."""
    places = []
    for split, numbers in PAPER_COUNTS.items():
        for disease, number in zip(PAPER_TREE.diagnoses, numbers, strict=True):
            if disease in wanted:
                places += [((index + 0.5) / number, disease, split) for index in range(number)]
    if not places:
        names = ", ".join(disease.value for disease in wanted)
        raise CohortError(f"{names}: the paper has no such case; say how many cases to simulate")
    order = sorted(range(len(places)), key=lambda index: (places[index][0], index))
    return [places[index][1:] for index in order]


def _in_turn(wanted: Sequence[Diagnosis]) -> Iterator[tuple[Diagnosis, Split]]:
    for split in _splits():
        yield from ((disease, split) for disease in wanted)


def _splits() -> Iterator[Split]:
    return (SPLITS_IN_TURN[number % len(SPLITS_IN_TURN)] for number in count())
