"""Plan of a simulated cohort: the paper's numbers of cases, or the diseases in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

from spinal_tf.cohort.case import Split
from spinal_tf.errors import CohortError
from spinal_tf.option_fields import COUNT, NOT_NEGATIVE, Options, option
from spinal_tf.phantom.parameters import DISEASES, parameters_of
from spinal_tf.taxonomy import PAPER_TREE, Diagnosis, tree

PAPER_COUNTS = {
    Split.TRAIN: (94, 104, 81, 113),
    Split.VALIDATION: (24, 26, 20, 28),
    Split.TEST: (34, 45, 33, 45),
}
"""Cases of astrocytoma, ependymoma, MS and NMOSD in each split of Zhuo et al. 2022: 490 and 157 in total."""

_T, _V, _S = Split.TRAIN, Split.VALIDATION, Split.TEST
SPLITS_IN_TURN = (_S, _T, _T, _V, _T, _T, _S, _T, _T, _T, _S, _T, _V, _T, _T, _S, _T, _V, _T, _S)
"""Split of the first, second, ... case of each disease if a number of cases is given: close to the paper's shares."""


@dataclass(frozen=True, kw_only=True)
class SimulationOptions(Options):
    """Numbers of a simulation."""

    cases: int | None = option(
        None, "Number of cases with a lesion, at least 16 to train on. Default: as in the paper, 490 + 157.", COUNT
    )
    seed: int = option(0, "Random seed; the same seed gives the same cases.", NOT_NEGATIVE)
    healthy: int = option(0, "Add N cases without lesion.", NOT_NEGATIVE, metavar="N", show_default=False)
    workers: int | None = option(None, "Number of processes. Default: one for each usable core.", COUNT)


@dataclass(frozen=True, kw_only=True)
class PlannedCase:
    """A case to simulate.

    Attributes:
        name: name of its folder.
        seed: seed of this case, combined with the cohort's seed.
        diagnosis: disease, None for a healthy person.
        split: split of the cohort.
    """

    name: str
    seed: tuple[int, ...]
    diagnosis: Diagnosis | None
    split: Split


def plan_cohort(*, cases: int | None, diagnosis: Diagnosis | None = None, healthy: int = 0) -> list[PlannedCase]:
    """List the cases of a cohort.

    Args:
        cases: number of cases with a lesion; None for the paper's. A larger cohort begins with the cases of a smaller.
        diagnosis: only this disease.
        healthy: number of additional healthy people; they have their own seeds, so they change no other case.

    Raises:
        CohortError: the diagnosis has no parameters, or the paper has no such case.
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
    """Return the given diagnosis, or all of the tree that have parameters."""
    if diagnosis is not None:
        parameters_of(diagnosis)
        return [diagnosis]
    wanted = [one for one in tree().diagnoses if one in DISEASES]
    if not wanted:
        raise CohortError("no diagnosis of the tree has simulation parameters, so there is nothing to simulate")
    return wanted


def _paper_order(wanted: Sequence[Diagnosis]) -> list[tuple[Diagnosis, Split]]:
    """Spread every disease and split evenly over the cohort, so that its beginning is a smaller cohort."""
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
