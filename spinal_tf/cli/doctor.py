"""``spinal-tf doctor``: shows versions, devices and weights."""

from __future__ import annotations

import importlib
import platform
from contextlib import suppress

import click

from spinal_tf.cli.quiet import quiet_stderr
from spinal_tf.keras_start import ignored_settings, start_keras

MODULES = {
    "tensorflow": "tensorflow",
    "keras": "keras",
    "numpy": "numpy",
    "opencv": "cv2",
    "nibabel": "nibabel",
    "scipy": "scipy",
    "tf-keras-vis": "tf_keras_vis",
}
"""Shown names, and the modules that hold their versions."""


@click.command()
def doctor() -> None:
    """Show versions, devices, weights and ignored Keras settings; exit with 4 if weights are missing or damaged."""
    from spinal_tf import __version__

    _line("python", platform.python_version())
    _line("spinal-tf", __version__)
    with quiet_stderr():
        _start_keras()
        versions = {name: _version(module) for name, module in MODULES.items()}
        devices = _devices()
    for name, version in versions.items():
        _line(name, version)
    _line("devices", devices)
    for setting in ignored_settings():
        _line("ignored", f"{setting}: settings of other Keras projects have no effect here")
    _weights()


def _start_keras() -> None:
    with suppress(ImportError):  # the table of versions shows it
        start_keras()


def _line(name: str, value: str) -> None:
    click.echo(f"{name:28} {value}")


def _version(module: str) -> str:
    try:
        return str(importlib.import_module(module).__version__)
    except ImportError as error:
        return f"cannot be imported: {error}"


def _devices() -> str:
    try:
        import tensorflow as tf
    except ImportError:
        return "unknown without tensorflow"
    return ", ".join(["cpu", *(f"gpu:{index}" for index in range(len(tf.config.list_physical_devices("GPU"))))])


def _weights() -> None:
    from spinal_tf.checkpoints.manifest import REMEDY, find_faults, find_weights
    from spinal_tf.errors import WeightsError

    folder = find_weights()
    _line("weights", str(folder))
    faults = find_faults(folder)
    for name, fault in faults.items():
        _line(f"  {name}", fault or "sound")
    unsound = ", ".join(name for name, fault in faults.items() if fault)
    if unsound:
        raise WeightsError(f"{folder}: damaged or missing: {unsound}; {REMEDY}")
