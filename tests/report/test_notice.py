"""The notice follows the weights in use."""

from __future__ import annotations

import pytest

from spinal_tf.report.notice import notice, trained_on_simulated
from spinal_tf.results import ModelRecord

START = "Research use only. Not a medical device."
END = "Probabilities from such weights say nothing about patients."


def models(**kinds):
    return [ModelRecord(name=name, sha256="a1" * 32, summary="words", kind=kind) for name, kind in kinds.items()]


@pytest.mark.parametrize(
    ("used", "sentences"),
    [
        (models(), []),
        (models(segmenter="patients", ms_vs_nmosd=None), []),
        (models(segmenter="simulated"), ["The weights in use were trained on simulated lesions.", END]),
        (
            models(segmenter="simulated", anatomy="mixed"),
            ["The weights in use were trained on simulated lesions.", END],
        ),
        (models(a="simulated", b="simulated"), ["The weights in use were trained on simulated lesions.", END]),
        (
            models(a="simulated", b="patients", c="mixed", d="simulated"),
            [
                "The weights of a, d were trained on simulated lesions.",
                "The weights of c were partly trained on simulated lesions.",
                END,
            ],
        ),
        (models(a="mixed"), ["The weights in use were partly trained on simulated lesions."]),
    ],
)
def test_the_notice_names_the_weights_that_were_trained_on_simulated_lesions(used, sentences):
    assert notice(used) == " ".join([START, *sentences])
    assert trained_on_simulated(used) == [sentence for sentence in sentences if sentence != END]
