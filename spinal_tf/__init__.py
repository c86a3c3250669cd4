"""Segmentation and classification of intramedullary spinal cord lesions on sagittal T2-weighted MRI."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("spinal-tf")
except PackageNotFoundError:  # a checkout on the path, not installed
    __version__ = "0+unknown"
