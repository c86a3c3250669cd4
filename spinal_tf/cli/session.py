"""One run of ``segment`` or ``classify`` over the given cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType

import click

from spinal_tf.case_files import (
    MORE,
    CaseFiles,
    read_reviewed_mask,
    sought_mask,
    write_diagnosis_files,
    write_lesion_files,
)
from spinal_tf.claims import Claims
from spinal_tf.cli.batch import Hold, Work, run_cases
from spinal_tf.cli.inputs import told_cases
from spinal_tf.cli.options import BESIDE, Choices, open_weights
from spinal_tf.cli.output_option import output_option
from spinal_tf.cli.summary import Outcome, outcome
from spinal_tf.cli.with_mask import NO_MATCHES, is_folder_of_masks, matched, without_masks
from spinal_tf.files import make_folder, output_files
from spinal_tf.images.contrast_scan import read_t1c
from spinal_tf.images.volume import Volume, read_volume
from spinal_tf.pipeline import ReviewedMask, diagnose
from spinal_tf.prediction_options import MaskValues
from spinal_tf.results import CaseResult
from spinal_tf.stopwatch import Stopwatch


class Session:
    """Runs the main path over the given cases."""

    def __init__(self, choices: Choices) -> None:
        """Find the cases and the weights without reading images.

        Raises:
            VolumeError: a folder of images cannot be listed.
            OutputError: two cases would write the same files.
            WeightsError: there are no weights.
            RequirementError: the server is addressed over gRPC, which is not installed.
            ServerError: a certificate file cannot be used.
            click.UsageError: a level is given with several cases.
        """
        self._choices = choices
        self._watch = Stopwatch()
        self._cases = told_cases(choices)
        if choices.level_at is not None and len(self._cases) > 1:
            raise click.UsageError("--level-at belongs to one case; give one case")
        self._weights = open_weights(choices)
        self._options = choices.segmentation

    def segment(self) -> None:
        """Segment every case."""
        self._run(self._segment_case, self._lesion_outputs)

    def classify(self, with_mask: Path | None, values: MaskValues, t1c: Path | None) -> None:
        """Classify every case.

        Args:
            with_mask: a mask file, a folder of masks (see `matched`), `BESIDE` for the mask beside each case, or None
                to segment first.
            values: which values of the mask are lesion.
            t1c: contrast-enhanced T1w image of the only case.

        Raises:
            click.UsageError: a named mask or a T1c image is given with several cases.
        """
        named = None if with_mask == Path(BESIDE) else with_mask
        matches = NO_MATCHES
        if named and is_folder_of_masks(named):
            self._cases = without_masks(self._cases, self._choices.inputs, named)
            matches, named = matched(self._cases, self._choices.inputs, named), None
        if len(self._cases) > 1 and (t1c or named):
            raise click.UsageError(
                "a named mask or T1c image belongs to one case; give one case, a bare --with-mask or a folder of masks"
            )

        def outputs(case: CaseFiles) -> tuple[Path, ...]:
            made = self._lesion_outputs(case) if with_mask is None else ()
            return made + case.diagnosis_outputs(self._choices.method)

        def work(case: CaseFiles, hold: Hold) -> Outcome:
            volume = self._read(case)
            mask = matches.masks.get(case.case)
            with sought_mask(case, mask) if mask else nullcontext():
                given = read_reviewed_mask(case, mask or named, like=volume, values=values) if with_mask else None
            contrast = read_t1c(t1c, like=volume) if t1c else None
            with self._output_files(case, outputs(case), hold) as temporary:
                result = self._classified(case, temporary, volume, given, contrast)
            return outcome(result, [path for path in outputs(case) if path.exists()])

        self._run(work, outputs, refused=matches.problems)

    def _segment_case(self, case: CaseFiles, hold: Hold) -> Outcome:
        volume, paths = self._read(case), self._lesion_outputs(case)
        with self._output_files(case, paths, hold) as temporary:
            result = diagnose(
                volume,
                self._weights.networks(self._watch, classify=False),
                options=self._options,
                stopwatch=self._watch,
            )
            write_lesion_files(result, temporary, self._watch, *self._more)
        return outcome(result, paths)

    def _classified(
        self,
        case: CaseFiles,
        temporary: tuple[Path, ...],
        volume: Volume,
        given: ReviewedMask | None,
        t1c: Volume | None,
    ) -> CaseResult:
        result = diagnose(
            volume,
            self._weights.networks(self._watch, segment=given is None),
            given=given,
            t1c=t1c,
            options=self._options,
            stopwatch=self._watch,
        )
        first = len(temporary) - len(case.diagnosis_outputs(self._choices.method))
        if given is None:
            write_lesion_files(result, temporary[:first], self._watch, *self._more)
        write_diagnosis_files(result, temporary[first:], self._watch)
        return result

    def _read(self, case: CaseFiles) -> Volume:
        self._watch = Stopwatch()  # a record holds the case's own times; imports and weights count for the first case
        choices = self._choices
        with self._watch.stage("read"):
            return read_volume(
                case.case, assume_orientation=choices.assume_orientation, allow_plane=choices.allow_plane
            )

    @contextmanager
    def _output_files(self, case: CaseFiles, paths: tuple[Path, ...], hold: Hold) -> Iterator[tuple[Path, ...]]:
        with output_option("--output"):
            if self._choices.output is not None:
                make_folder(case.folder)
            with hold(case), output_files(*paths, overwrite=self._choices.overwrite) as temporary:
                yield temporary

    def _lesion_outputs(self, case: CaseFiles) -> tuple[Path, ...]:
        return case.lesion_outputs(*self._more)

    @property
    def _more(self) -> tuple[str, ...]:
        """Names of the images that are written on request."""
        wanted = {"probability": self._choices.save_probability, "anatomy": self._choices.save_anatomy}
        return tuple(name for name in MORE if wanted[name])

    def _run(
        self,
        work: Work,
        outputs: Callable[[CaseFiles], tuple[Path, ...]],
        *,
        refused: Mapping[Path, str] = MappingProxyType({}),
    ) -> None:
        def always_written(case: CaseFiles) -> set[Path]:
            return set(outputs(case)).difference(case.heatmaps(self._choices.method))

        claims = Claims(self._cases, always_written)
        run_cases(self._cases, work, claims, resume=self._choices.resume, refused=refused)
