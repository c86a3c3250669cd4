from pathlib import Path

import numpy as np
import pytest

from spinal_tf.errors import PortError
from spinal_tf.porting.target import PortOptions, plan_checkpoint
from spinal_tf.porting.weights_source import Array, Source
from spinal_tf.preprocess import Preprocessing


def source(*shapes, input_shape=(None, None, None)):
    arrays = tuple(
        Array(layer=f"layer_{index}", values=np.zeros(shape, np.float32)) for index, shape in enumerate(shapes)
    )
    return Source(path=Path("old.h5"), format="", arrays=arrays, input_shape=input_shape)


def unet(channels=1, end=((1, 1, 51, 1), (1,), (1,), (1,)), **options):
    """The arrays that a segmenter is told by; widths from the top are 32 and 64."""
    return source((3, 3, channels, 8), (2, 2, 64, 212), (64,), (2, 2, 32, 105), (32,), *end, **options)


def classifier(channels=3, classes=2, **options):
    return source((7, 7, channels, 64), (1024, 128), (128,), (128, classes), (classes,), **options)


def task(**options):
    return PortOptions(name="ms_vs_nmosd", **options)


SEGMENTER = PortOptions(name="segmenter")


def test_the_defaults_are_the_public_code():
    checkpoint = plan_checkpoint(classifier(), task())
    assert checkpoint.preprocessing == Preprocessing(intensity="zscore_clip", fit="stretch", size=(256, 256))
    assert (checkpoint.network, checkpoint.arguments) == ("densenet121", {})
    assert (checkpoint.mask_mode, checkpoint.modalities, checkpoint.operating_point) == ("channel", ("t2w",), 0.5)
    assert (checkpoint.name, checkpoint.card) == ("ms_vs_nmosd", "ms_vs_nmosd.md")


def test_a_segmenter_has_no_mask_and_sees_t2w_alone():
    checkpoint = plan_checkpoint(unet(), PortOptions(name="segmenter", modalities=("t2w", "t1c")))
    assert (checkpoint.network, checkpoint.mask_mode, checkpoint.modalities) == ("multiresunet", None, ("t2w",))


def test_width_and_head_are_read_from_the_shapes():
    assert plan_checkpoint(unet(), SEGMENTER).arguments == {"width": 32, "output_batch_norm": True}
    plain = unet(end=((1, 1, 51, 1), (1,)))
    assert plan_checkpoint(plain, SEGMENTER).arguments == {"width": 32, "output_batch_norm": False}


def test_what_the_file_cannot_tell_comes_from_the_options():
    options = task(
        intensity="minmax",
        fit="pad",
        size=(96, 128),
        operating_point=0.3,
        operating_point_t1c=0.2,
        mask_mode="multiply",
        modalities=("t2w", "t1c"),
    )
    checkpoint = plan_checkpoint(classifier(), options)
    assert checkpoint.preprocessing == Preprocessing(intensity="minmax", fit="pad", size=(96, 128))
    assert checkpoint.arguments == {"size": (96, 128)}
    assert (checkpoint.operating_point, checkpoint.mask_mode) == (0.3, "multiply")
    assert (checkpoint.modalities, checkpoint.operating_point_t1c) == (("t2w", "t1c"), 0.2)


def test_the_size_that_the_file_tells_is_taken_and_may_not_be_contradicted():
    told = classifier(input_shape=(64, 96, 3))
    assert plan_checkpoint(told, task()).preprocessing.size == (64, 96)
    assert plan_checkpoint(told, task(size=(64, 96))).arguments == {"size": (64, 96)}
    with pytest.raises(PortError, match=r"old\.h5: made for inputs of 64 x 96, but --size says 256 x 256"):
        plan_checkpoint(told, task(size=(256, 256)))


def test_a_segmenter_may_be_used_at_a_fixed_spacing_whatever_its_size_was():
    options = PortOptions(name="segmenter", fit="spacing", spacing_mm=0.8)
    assert plan_checkpoint(unet(input_shape=(100, 100, 1)), options).preprocessing.spacing_mm == 0.8


@pytest.mark.parametrize(
    ("file", "options", "fault"),
    [
        (classifier(channels=1), task(), "takes 1 input channel, where a tile has three"),
        (classifier(channels=4), task(), "takes 4 input channels, where a tile has three"),
        (classifier(classes=3), task(), "gives 3 classes, where a task has two"),
        (classifier(classes=1), task(), "gives 1 classes, where a task has two"),
        (unet(channels=3), SEGMENTER, "takes 3 input channels, where a ported segmenter takes one"),
        (unet(end=((1, 1, 51, 4), (4,), (4,), (4,))), SEGMENTER, "gives 4 classes, where the segmenter gives one"),
        (unet(input_shape=(100, 96, 1)), SEGMENTER, "inputs of 100 x 96, whose sides are no multiples of 16"),
        (classifier(channels=1), SEGMENTER, "so it is not MultiResUNet; name its task with --as"),
        (source((128, 2), (2,)), task(), "holds no convolution"),
        (source(), SEGMENTER, "holds no convolution"),
    ],
)
def test_what_cannot_fit_is_refused_in_one_sentence(file, options, fault):
    with pytest.raises(PortError, match=f"^old.h5: .*{fault}") as caught:
        plan_checkpoint(file, options)
    assert caught.value.exit_code == 3
