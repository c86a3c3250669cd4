"""One run of ``segment`` or ``classify``: networks loaded once, when the first case is known to be suitable."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from spinal_tf.case_files import (
    CaseFiles,
    find_cases,
    read_reviewed_mask,
    write_diagnosis_files,
    write_lesion_files,
)
from spinal_tf.checkpoints import find_weights
from spinal_tf.cli.batch import run_cases
from spinal_tf.cli.options import BESIDE, Choices
from spinal_tf.cli.quiet import quiet_stderr
from spinal_tf.cli.summary import summary
from spinal_tf.files import output_files
from spinal_tf.models import Classifier, Segmenter, load_classifiers, load_segmenter
from spinal_tf.pipeline import SegmentationOptions, diagnose
from spinal_tf.results import CaseResult
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.volume import Volume, read_aligned, read_volume


class Session:
    """Runs the main path over the cases that were asked for."""

    def __init__(self, choices: Choices) -> None:
        """Look for the cases and the weights; nothing is read yet.

        Raises:
            SpinalTfError: there is no case, no weights, or no place for outputs.
        """
        self._choices = choices
        self._watch = Stopwatch()
        self._cases = find_cases(choices.inputs, choices.output)
        self._weights = choices.weights_folder or find_weights()
        self._options = SegmentationOptions(
            threshold=choices.threshold, minimum_volume_ml=choices.minimum_volume_ml, tta=choices.tta
        )

    def segment(self) -> None:
        """Segment every case."""
        run_cases(self._cases, self._segment_case, done=self._done(self._lesion_outputs))

    def classify(self, with_mask: Path | None, t1c: Path | None) -> None:
        """Classify every case.

        Args:
            with_mask: a mask, `BESIDE` for the one beside each case, None to segment first.
            t1c: contrast-enhanced T1w image of the only case.
        """

        def outputs(case: CaseFiles) -> tuple[Path, ...]:
            made = self._lesion_outputs(case) if with_mask is None else ()
            return made + case.diagnosis_outputs()

        def work(case: CaseFiles) -> str:
            return self._classify_case(case, outputs(case), with_mask, t1c)

        run_cases(self._cases, work, done=self._done(outputs))

    @cached_property
    def _segmenter(self) -> Segmenter:
        self._import_tensorflow()
        with self._watch.stage("weights"), quiet_stderr():
            return load_segmenter(self._weights, device=self._choices.device)

    @cached_property
    def _classifiers(self) -> tuple[Classifier, ...]:
        self._import_tensorflow()
        with self._watch.stage("weights"), quiet_stderr():
            return load_classifiers(self._weights, device=self._choices.device)

    def _import_tensorflow(self) -> None:
        with self._watch.stage("imports"), quiet_stderr():
            import tensorflow  # noqa: F401 - most of a cold start, timed apart from the weights

    def _segment_case(self, case: CaseFiles) -> str:
        paths = self._lesion_outputs(case)
        with output_files(*paths, overwrite=self._choices.overwrite) as temporary:
            volume = self._read(case)
            result = diagnose(volume, segmenter=self._segmenter, options=self._options, stopwatch=self._watch)
            self._write(result, temporary, ())
        return summary(result, paths)

    def _classify_case(self, case: CaseFiles, paths: tuple[Path, ...], mask: Path | None, t1c: Path | None) -> str:
        with output_files(*paths, overwrite=self._choices.overwrite) as temporary:
            volume = self._read(case)
            named = None if mask is None or mask == Path(BESIDE) else mask
            given = None if mask is None else read_reviewed_mask(case, named, like=volume)
            contrast = read_aligned(t1c, like=volume) if t1c else None
            result = diagnose(
                volume,
                segmenter=self._segmenter if given is None else None,
                given=given,
                classifiers=self._classifiers,
                t1c=contrast,
                options=self._options,
                stopwatch=self._watch,
            )
            own = len(case.diagnosis_outputs())
            self._write(result, temporary[:-own], temporary[-own:])
        return summary(result, paths)

    def _read(self, case: CaseFiles) -> Volume:
        choices = self._choices
        with self._watch.stage("read"):
            return read_volume(
                case.case, assume_orientation=choices.assume_orientation, allow_plane=choices.allow_plane
            )

    def _write(self, result: CaseResult, lesion: tuple[Path, ...], diagnosis: tuple[Path, ...]) -> None:
        if lesion:
            write_lesion_files(result, lesion, self._watch)
        if diagnosis:
            write_diagnosis_files(result, diagnosis, self._watch)
        self._watch = Stopwatch()  # imports and weights belong to the first case alone

    def _lesion_outputs(self, case: CaseFiles) -> tuple[Path, ...]:
        return case.lesion_outputs(probability=self._choices.save_probability)

    def _done(self, outputs: Callable[[CaseFiles], tuple[Path, ...]]) -> Callable[[CaseFiles], bool] | None:
        if not self._choices.resume:
            return None
        return lambda case: all(path.exists() for path in outputs(case))
