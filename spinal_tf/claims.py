"""Claims on cases, so that runs at the same time, also on other machines, share the cases of a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from spinal_tf.case_files import CaseFiles
from spinal_tf.errors import BusyError, OutputError
from spinal_tf.locks import locked_if_possible

Stamp = tuple[tuple[int, int], ...]
"""Time of change in ns and inode of each output."""


class FinishedElsewhereError(OutputError):
    """A case that another run has finished since this run started."""


class Claims:
    """Claims of one run on its cases.

    A claim is a lock of the operating system, so it ends with its process, however that ends.
    """

    def __init__(self, cases: Iterable[CaseFiles], outputs: Callable[[CaseFiles], Iterable[Path]]) -> None:
        """Note the outputs that exist before the run.

        Args:
            cases: cases of the run.
            outputs: function that returns the outputs without which a case is unfinished.
        """
        self._outputs = outputs
        self._before = {case.case: self._stamp(case) for case in cases}

    def finished_before(self, case: CaseFiles) -> bool:
        """Return whether all outputs existed when the run started."""
        return self._before[case.case] is not None

    @contextmanager
    def hold(self, case: CaseFiles) -> Iterator[None]:
        """Hold the claim on a case while the block runs; its folder for outputs must exist.

        Raises:
            BusyError: another process holds it.
            FinishedElsewhereError: another run has written the outputs since this run started.
        """
        try:
            with locked_if_possible(case.output("")):
                self.refuse_finished(case)
                yield
        except BusyError as error:
            remedy = "wait until that has ended, or choose another folder for outputs"
            raise BusyError(f"{case.case}: another run is working on this case; {remedy}") from error
        except OutputError:
            self.refuse_finished(case)  # on network folders, outputs of others may be seen late
            raise

    def refuse_finished(self, case: CaseFiles) -> None:
        """Refuse a case that another run has finished.

        Raises:
            FinishedElsewhereError: another run has written the outputs since this run started.
        """
        now = self._stamp(case)
        if now is not None and now != self._before[case.case]:
            raise FinishedElsewhereError(f"{case.case}: another run has written its outputs meanwhile; they were kept")

    def _stamp(self, case: CaseFiles) -> Stamp | None:
        try:
            found = [path.stat() for path in self._outputs(case)]
        except OSError:
            return None
        return tuple((status.st_mtime_ns, status.st_ino) for status in found)
