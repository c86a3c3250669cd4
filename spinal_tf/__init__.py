"""Segmentation and classification of intramedullary spinal cord lesions on sagittal T2-weighted MRI.

``docs/python.md`` describes the functions. Each function is imported on first use, so that importing the package is
fast; TensorFlow is imported when a network runs.
"""

import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from spinal_tf.errors import BusyError as BusyError
from spinal_tf.errors import CohortError as CohortError
from spinal_tf.errors import DeviceError as DeviceError
from spinal_tf.errors import OutputError as OutputError
from spinal_tf.errors import PortError as PortError
from spinal_tf.errors import RequirementError as RequirementError
from spinal_tf.errors import ServerError as ServerError
from spinal_tf.errors import SpinalTfError as SpinalTfError
from spinal_tf.errors import TrainingError as TrainingError
from spinal_tf.errors import VolumeError as VolumeError
from spinal_tf.errors import WeightsError as WeightsError

if TYPE_CHECKING:
    from spinal_tf.api.case_images import read as read
    from spinal_tf.api.case_results import ClassificationResult as ClassificationResult
    from spinal_tf.api.case_results import HeatMaps as HeatMaps
    from spinal_tf.api.case_results import SegmentationResult as SegmentationResult
    from spinal_tf.api.classifying import classify as classify
    from spinal_tf.api.classifying import explain as explain
    from spinal_tf.api.evaluating import EvaluationResult as EvaluationResult
    from spinal_tf.api.evaluating import PredictedCohort as PredictedCohort
    from spinal_tf.api.evaluating import evaluate as evaluate
    from spinal_tf.api.evaluating import predict_cohort as predict_cohort
    from spinal_tf.api.exporting import ExportedModel as ExportedModel
    from spinal_tf.api.exporting import export as export
    from spinal_tf.api.segmenting import segment as segment
    from spinal_tf.api.simulating import SimulatedCohort as SimulatedCohort
    from spinal_tf.api.simulating import simulate as simulate
    from spinal_tf.api.training_runs import TrainedNetwork as TrainedNetwork
    from spinal_tf.api.training_runs import train_anatomy as train_anatomy
    from spinal_tf.api.training_runs import train_classifier as train_classifier
    from spinal_tf.api.training_runs import train_segmenter as train_segmenter
    from spinal_tf.evaluation.evaluation_options import EvaluationOptions as EvaluationOptions
    from spinal_tf.images.volume import Volume as Volume
    from spinal_tf.loaded_weights import LoadedWeights as LoadedWeights
    from spinal_tf.loaded_weights import load_weights as load_weights
    from spinal_tf.prediction_options import MaskValues as MaskValues
    from spinal_tf.prediction_options import PredictionOptions as PredictionOptions
    from spinal_tf.prediction_options import SegmentationOptions as SegmentationOptions
    from spinal_tf.serving.export_options import ExportOptions as ExportOptions
    from spinal_tf.training.training_choices import TrainingOptions as TrainingOptions

HOMES = {
    "api.case_images": ("read",),
    "api.case_results": ("ClassificationResult", "HeatMaps", "SegmentationResult"),
    "api.classifying": ("classify", "explain"),
    "api.evaluating": ("EvaluationResult", "PredictedCohort", "evaluate", "predict_cohort"),
    "api.exporting": ("ExportedModel", "export"),
    "api.segmenting": ("segment",),
    "api.simulating": ("SimulatedCohort", "simulate"),
    "api.training_runs": ("TrainedNetwork", "train_anatomy", "train_classifier", "train_segmenter"),
    "evaluation.evaluation_options": ("EvaluationOptions",),
    "images.volume": ("Volume",),
    "loaded_weights": ("LoadedWeights", "load_weights"),
    "prediction_options": ("MaskValues", "PredictionOptions", "SegmentationOptions"),
    "serving.export_options": ("ExportOptions",),
    "training.training_choices": ("TrainingOptions",),
}
"""The same names by module, for use at run time; a test keeps both lists in sync."""

_MODULE_OF = {name: module for module, names in HOMES.items() for name in names}

try:
    __version__ = version("spinal-tf")
except PackageNotFoundError:  # a checkout on the path that is not installed
    __version__ = "0+unknown"


def _refuse_to_run() -> None:
    """End ``python -m spinal_tf.MODULE`` with a sentence; Python would import the module and end without a word."""
    module = sys.orig_argv[sys.orig_argv.index("-m") + 1]
    if module.startswith(f"{__name__}."):
        sys.stderr.write(f"spinal-tf: {module} is no program; run spinal-tf, or python -m {__name__}\n")
        raise SystemExit(2)


if sys.argv[:1] == ["-m"] and "-m" in sys.orig_argv:  # Python is looking for the module that -m names
    _refuse_to_run()


def __getattr__(name: str) -> object:
    """Import a public name from its module on first use."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names and those already in the module."""
    return sorted({*globals(), *_MODULE_OF})
