"""Operating points in words, and what is said where the one that is applied was chosen on the other input."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spinal_tf.checkpoints.cutoffs import point_doubt, points_in_words
from spinal_tf.checkpoints.manifest import Checkpoint
from spinal_tf.preprocess import Preprocessing

T2W = Checkpoint(
    name="ms_vs_nmosd",
    network="densenet121",
    preprocessing=Preprocessing(),
    operating_point=0.37,
    mask_mode="channel",
    card="ms_vs_nmosd.md",
)
ONE_POINT = replace(T2W, modalities=("t2w", "t1c"))
BOTH = replace(ONE_POINT, operating_point_t1c=0.6)
ALWAYS_T1C = replace(ONE_POINT, training={"plan": {"tile_t1c_share": 1}})
PEAK = replace(T2W, name="segmenter", minimum_peak=0.95, mask_mode=None)


@pytest.mark.parametrize(
    ("checkpoint", "words"),
    [
        (T2W, "0.370"),
        (BOTH, "0.370 for T2w, 0.600 for T2w + T1c"),
        (ONE_POINT, "0.370 for T2w, none for T2w + T1c"),
        (ALWAYS_T1C, "0.370 for T2w + T1c, none for T2w"),
        (PEAK, "0.370, a lesion reaches 0.95 somewhere"),
    ],
)
def test_the_points_in_words_say_which_input_they_are_for(checkpoint, words):
    assert points_in_words(checkpoint) == words


@pytest.mark.parametrize("with_t1c", [False, True])
@pytest.mark.parametrize("checkpoint", [T2W, BOTH])
def test_a_point_for_the_input_leaves_no_doubt(checkpoint, with_t1c):
    assert point_doubt([checkpoint], with_t1c=with_t1c) == ()


def test_a_point_that_was_chosen_on_the_other_input_is_doubted():
    assert point_doubt([BOTH, ONE_POINT], with_t1c=False) == ()
    assert point_doubt([ALWAYS_T1C], with_t1c=True) == ()
    assert point_doubt([BOTH, ONE_POINT], with_t1c=True) == (
        "the operating point of ms_vs_nmosd was chosen without T1c, and is applied to scores computed with T1c; "
        "the called class may be wrong",
    )
    assert point_doubt([ALWAYS_T1C], with_t1c=False) == (
        "the operating point of ms_vs_nmosd was chosen with T1c, and is applied to scores computed without T1c; "
        "the called class may be wrong",
    )


@pytest.mark.parametrize("training", [{}, {"plan": "long"}, {"plan": {"tile_t1c_share": 0.4}}])
def test_a_training_record_that_does_not_tell_means_without_t1c(training):
    assert point_doubt([replace(ONE_POINT, training=training)], with_t1c=True)
