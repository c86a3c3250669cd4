"""Errors that users can act on; each has an exit status for the command line."""


class SpinalTfError(Exception):
    """Base class of all expected failures: one plain sentence that names the file, the fault and the remedy."""

    exit_code = 1


class VolumeError(SpinalTfError):
    """An image or mask that cannot be used."""

    exit_code = 3


class CohortError(SpinalTfError):
    """A cohort whose table or images cannot be used."""

    exit_code = 3


class OutputError(SpinalTfError):
    """An output that cannot be written, or that exists and may not be replaced."""

    exit_code = 3


class BusyError(OutputError):
    """An output that another process is currently writing."""


class WeightsError(SpinalTfError):
    """Weights that are missing, damaged, or unsuitable for the requested use."""

    exit_code = 4


class DeviceError(SpinalTfError):
    """A device that this machine does not have, or an invalid device name."""

    exit_code = 2


class TrainingError(SpinalTfError):
    """A cohort that cannot be trained on, or a training that cannot continue."""

    exit_code = 3


class StoppedError(SpinalTfError):
    """A training that was stopped on request, with its state saved; the exit status is that of Ctrl-C."""

    exit_code = 130


class PortError(SpinalTfError):
    """A weights file that cannot be imported into the networks of this package."""

    exit_code = 3


class ServerError(SpinalTfError):
    """A server that cannot be reached, refuses a request, or has unexpected networks."""

    exit_code = 6


class RequirementError(SpinalTfError):
    """An optional dependency that is not installed, or does not support the request."""

    exit_code = 2


def in_one_line(error: Exception) -> str:
    """Describe an error in one line: its sentence, or the type and message of an unexpected error."""
    if isinstance(error, SpinalTfError):
        return str(error)
    return f"an error of ours: {' '.join(f'{type(error).__name__}: {error}'.split())}"
