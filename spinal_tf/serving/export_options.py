"""Options of an export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spinal_tf.option_fields import COUNT, Options, option

Precision = Literal["float32", "bfloat16", "float16"]
BareFormat = Literal["litert", "onnx"]
Format = Literal["savedmodel", "litert", "onnx"]
SAVED_MODEL: Literal["savedmodel"] = "savedmodel"


@dataclass(frozen=True, kw_only=True)
class ExportOptions(Options):
    """Options of an export."""

    version: int | None = option(None, "Version number. Default: the next free one.", COUNT)
    precision: Precision = option(
        "float32", "Precision of computation and stored weights; the last layers stay float32."
    )
    form: Format = option(
        SAVED_MODEL,
        "File format; litert and onnx hold the bare network alone and need the extra of that name.",
        flag="--format",
    )
