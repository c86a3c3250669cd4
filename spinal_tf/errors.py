"""Errors a person can act on; each carries the exit status of the command line."""


class SpinalTfError(Exception):
    """Base of all expected failures: one plain sentence naming the file, the fault and the remedy."""

    exit_code = 1


class VolumeError(SpinalTfError):
    """An image or mask that cannot be used."""

    exit_code = 3


class CohortError(SpinalTfError):
    """A cohort whose table or images cannot be used."""

    exit_code = 3


class OutputError(SpinalTfError):
    """A place that cannot be written to, or an output that exists and may not be replaced."""

    exit_code = 3


class BusyError(OutputError):
    """An output that another process is writing."""


class WeightsError(SpinalTfError):
    """Weights that are missing, damaged, or not made for what is asked of them."""

    exit_code = 4


class DeviceError(SpinalTfError):
    """A processor that this machine does not have, or that is not written as one."""

    exit_code = 2


class TrainingError(SpinalTfError):
    """A cohort that cannot be trained on, or a training that cannot go on."""

    exit_code = 3


class StoppedError(SpinalTfError):
    """A training that ended early because somebody asked for it, with its state saved; the status is Ctrl-C's."""

    exit_code = 130


class PortError(SpinalTfError):
    """A file of weights that cannot be taken over into the networks of this package."""

    exit_code = 3


class ServerError(SpinalTfError):
    """A server that cannot be asked, refuses, or has other networks than it should."""

    exit_code = 6


class RequirementError(SpinalTfError):
    """An optional part that is not installed, or cannot do what is asked of it."""

    exit_code = 2


def in_one_line(error: Exception) -> str:
    """What a person is told of an error: its sentence, or, of an error that nobody foresaw, its kind and words."""
    if isinstance(error, SpinalTfError):
        return str(error)
    return f"an error of ours: {' '.join(f'{type(error).__name__}: {error}'.split())}"
