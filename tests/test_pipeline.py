"""The main path with stub networks whose answers are known by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spinal_tf.explanation.gradcam import Explanation
from spinal_tf.images.volume import read_volume
from spinal_tf.models import Classifier, Networks, Segmenter
from spinal_tf.pipeline import (
    ReviewedMask,
    classify_volume,
    diagnose,
)
from spinal_tf.prediction_options import MINIMUM_VOLUME_ML, SegmentationOptions
from spinal_tf.preprocess import Preprocessing
from spinal_tf.report.record import not_classified
from spinal_tf.results import Zone
from spinal_tf.scaling import normalise
from spinal_tf.segmentation import segment_volume
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.taxonomy import ASTROCYTOMA, EPENDYMOMA, MS, NMOSD, tree

AS_IT_IS = Preprocessing(fit="stretch", size=(40, 48))
"""Leaves the phantom's planes in their size, so that what a stub gives is what comes back."""

TUMOR, ENTITY, DEMYELINATION = (task.name for task in tree().tasks)


@pytest.fixture
def volume(bright_file):
    return read_volume(bright_file)


@pytest.fixture
def make_segmenter(checkpoints):
    """A function from an engine to a segmenter."""

    def make(engine, operating_point=0.7) -> Segmenter:
        record = replace(checkpoints["segmenter"], preprocessing=AS_IT_IS, operating_point=operating_point)
        return Segmenter(checkpoint=record, engine=engine)

    return make


@pytest.fixture
def segmenter(make_segmenter):
    """Brightness is the probability."""
    return make_segmenter(lambda batch: batch)


class StubExplainer:
    """Gives every tile the same probability and keeps what it was asked."""

    def __init__(self, positive: float) -> None:
        self.positive, self.images, self.class_index = positive, None, None

    def __call__(self, images, *, class_index) -> Explanation:
        # Tiles alternate around the mean, so that a mean over tiles is needed to get it.
        positive = self.positive + 0.1 * np.resize([1, -1], len(images)) * (len(images) % 2 == 0)
        probabilities = np.stack([1 - positive, positive], axis=1).astype(np.float32)
        self.images, self.class_index = images, class_index(probabilities)
        return Explanation(probabilities=probabilities, maps=np.ones(images.shape[:3], np.float32))


@pytest.fixture
def make_classifiers(checkpoints):
    """A function from the three positive probabilities to classifiers; keywords replace fields of every record."""

    def make(*positive, **changes) -> tuple[Classifier, ...]:
        return tuple(
            Classifier(
                task=task, checkpoint=replace(checkpoints[task.name], **changes), explain=StubExplainer(probability)
            )
            for task, probability in zip(tree().tasks, positive, strict=True)
        )

    return make


def run(volume, segmenter, **options):
    return segment_volume(volume, segmenter, SegmentationOptions(**options), Stopwatch())


# Segmentation


def test_bright_voxels_become_the_mask(volume, segmenter, lesion):
    result = run(volume, segmenter)
    np.testing.assert_array_equal(result.mask, lesion)
    assert [round(found.volume_ml, 6) for found in result.lesions] == [round(168 * 3.3 * 0.7 * 0.8 / 1000, 6)]
    assert result.probability.dtype == np.float32
    assert (result.threshold, result.minimum_volume_ml) == (0.7, MINIMUM_VOLUME_ML)


def test_probability_is_the_engines_answer_on_the_volumes_grid(volume, segmenter):
    expected = normalise(volume.data, intensity="zscore_clip", source="")
    np.testing.assert_allclose(run(volume, segmenter).probability, expected, atol=1e-6)


def test_threshold_replaces_the_operating_point(volume, make_segmenter):
    segmenter = make_segmenter(lambda batch: 0.6 * batch)  # at most 0.6
    assert not run(volume, segmenter).mask.any()
    found = run(volume, segmenter, threshold=0.6 - 1e-6)
    assert (found.mask.sum(), found.threshold) == (168, 0.6 - 1e-6)


def test_a_voxel_at_the_threshold_is_lesion(volume, make_segmenter):
    half = make_segmenter(lambda batch: np.full_like(batch, 0.5), operating_point=0.5)
    assert run(volume, half).mask.all()


@pytest.mark.parametrize(("minimum_ml", "kept"), [(0.31, True), (0.3105, False)])
def test_specks_below_the_least_volume_are_removed(volume, segmenter, minimum_ml, kept):
    # 168 voxels of 1.848 microlitres are 0.310464 mL.
    assert run(volume, segmenter, minimum_volume_ml=minimum_ml).mask.any() == kept


def _uneven(shape):
    """A weight for every pixel, different under every flip."""
    rows, columns = np.indices(shape)
    return (1 + rows + 100 * columns).astype(np.float32) / 5000


def test_tta_is_the_mean_of_the_four_flips(volume, make_segmenter):
    weight = _uneven((40, 48))
    segmenter = make_segmenter(lambda batch: batch * weight[..., np.newaxis])
    plain = normalise(volume.data, intensity="zscore_clip", source="")
    # Flipping there and back leaves the image and flips the weight.
    mean = (weight + weight[::-1] + weight[:, ::-1] + weight[::-1, ::-1]) / 4
    np.testing.assert_allclose(run(volume, segmenter, tta=True).probability, plain * mean, atol=1e-5)
    np.testing.assert_allclose(run(volume, segmenter).probability, plain * weight, atol=1e-5)


def test_review_looks_at_the_mirrored_lesion_slices_only(volume, make_segmenter):
    sizes = []

    def engine(batch):
        sizes.append(len(batch))
        return batch

    run(volume, make_segmenter(engine))
    assert sizes == [7, 3]


@pytest.mark.parametrize("tta", [False, True])
def test_taking_slices_a_few_at_a_time_changes_nothing(volume, make_segmenter, monkeypatch, tta):
    segmenter = make_segmenter(lambda batch: batch * _uneven((40, 48))[..., np.newaxis])
    whole = run(volume, segmenter, tta=tta, threshold=0.3)
    monkeypatch.setattr("spinal_tf.network_slices.SLICES_AT_ONCE", 2)
    parts = run(volume, segmenter, tta=tta, threshold=0.3)
    np.testing.assert_array_equal(parts.probability, whole.probability)
    np.testing.assert_array_equal(parts.mask, whole.mask)
    assert parts.mask.any()
    assert parts.review == whole.review


@pytest.mark.parametrize("tta", [False, True])
def test_a_network_may_see_the_slices_about_so_many_millimetres_away(volume, make_segmenter, monkeypatch, tta):
    monkeypatch.setattr("spinal_tf.network_slices.SLICES_AT_ONCE", 2)
    one, three = (
        make_segmenter(lambda batch, channel=channel: batch[..., channel : channel + 1]) for channel in (0, 2)
    )
    seen = replace(AS_IT_IS, neighbour_mm=6.0)  # two slices of 3.3 mm
    before, after = (
        replace(each, checkpoint=replace(each.checkpoint, preprocessing=seen, arguments={"channels": 3}))
        for each in (one, three)
    )
    expected = normalise(volume.data, intensity="zscore_clip", source="")
    last = len(expected) - 1
    shifted = expected[np.clip(np.arange(last + 1) - 2, 0, last)], expected[np.clip(np.arange(last + 1) + 2, 0, last)]
    for segmenter, planes in zip((before, after), shifted, strict=True):
        np.testing.assert_allclose(run(volume, segmenter, tta=tta).probability, planes, atol=1e-6)


def test_thin_slices_may_be_averaged_over_so_many_millimetres(volume, make_segmenter):
    segmenter = make_segmenter(lambda batch: batch)
    thick = replace(segmenter.checkpoint, preprocessing=replace(AS_IT_IS, slab_mm=9.9))  # three slices of 3.3 mm
    data = np.pad(volume.data, ((1, 1), (0, 0), (0, 0)), mode="edge")
    means = (data[:-2] + data[1:-1] + data[2:]) / 3
    expected = normalise(means, intensity="zscore_clip", source="")
    np.testing.assert_allclose(run(volume, replace(segmenter, checkpoint=thick)).probability, expected, atol=1e-5)


def test_disagreement_with_the_mirrored_slices_is_a_reason(volume, make_segmenter):
    front = np.zeros((40, 48, 1), np.float32)
    front[:, :24] = 1  # sees the front half alone; the lesion's columns are 21 to 27
    review = run(volume, make_segmenter(lambda batch: batch * front)).review
    # Ours: columns 21, 22, 23. Mirrored back, the front half is the rear half: columns 24 to 27. Nothing in common.
    assert review.needed
    assert "the mask of the mirrored slices agrees little (Dice 0.00)" in review.reasons


def _disagreements(review):
    return [reason for reason in review.reasons if "mirrored" in reason]


def _patched(volume, *, slices, rows, columns, intensity):
    """The volume with a patch of one intensity; above all of the phantom's tissue from 800 on."""
    data = volume.data.copy()
    data[slices, rows, columns] = intensity
    return replace(volume, data=data)


@pytest.mark.parametrize("tta", [False, True])
def test_a_symmetric_network_agrees_with_itself_about_what_it_leaves_out(volume, make_segmenter, lesion, tta):
    def engine(batch):  # the lesion 0.97, the patch 0.90, wherever they lie
        return np.select([batch > 0.95, batch > 0.6], [0.97, 0.90], 0).astype(np.float32)

    # On the lesion's slices: a patch as large that reaches the threshold and not the peak, and a speck that is sure.
    beside = _patched(volume, slices=slice(2, 5), rows=slice(24, 32), columns=slice(30, 37), intensity=1100)
    beside = _patched(beside, slices=3, rows=5, columns=5, intensity=1500)
    result = run(beside, make_segmenter(engine), threshold=0.5, minimum_peak=0.95, tta=tta)
    np.testing.assert_array_equal(result.mask, lesion)
    assert _disagreements(result.review) == []


def test_slices_that_lie_apart_stay_apart_in_the_mirrored_mask(volume, make_segmenter):
    front = np.zeros((40, 48, 1), bool)
    front[:, :24] = True

    def engine(batch):  # the lesions anywhere, patches in front alone: in the mirrored slices, those in the rear
        return np.where((batch > 0.95) | ((batch > 0.6) & front), 0.97, 0).astype(np.float32)

    scan = replace(volume, data=np.where(volume.data > 800, 100, volume.data))
    for number in (2, 4):  # five voxels are 0.0092 mL, six 0.0111
        scan = _patched(scan, slices=number, rows=10, columns=slice(10, 16), intensity=1500)
        for row in (20, 30):
            scan = _patched(scan, slices=number, rows=row, columns=slice(35, 40), intensity=1100)
    result = run(scan, make_segmenter(engine), minimum_volume_ml=0.01)
    assert result.mask.sum() == 12
    assert _disagreements(result.review) == []


def test_with_tta_the_flips_that_exchange_front_and_back_are_compared_with_those_that_do_not(volume, make_segmenter):
    upper, front = np.zeros((2, 40, 48, 1), np.float32)
    upper[:14] = front[:, :24] = 1  # the lesion's rows are 10 to 17, its columns 21 to 27
    one = run(volume, make_segmenter(lambda batch: batch * upper), threshold=0.4, tta=True)
    other = run(volume, make_segmenter(lambda batch: batch * front), threshold=0.4, tta=True)
    assert one.mask.any()
    assert _disagreements(one.review) == []
    assert _disagreements(other.review) == ["the mask of the mirrored slices agrees little (Dice 0.00)"]


def test_with_tta_the_review_asks_nothing_more(volume, make_segmenter):
    sizes = []

    def engine(batch):
        sizes.append(len(batch))
        return batch

    run(volume, make_segmenter(engine), tta=True)
    assert sizes == [7] * 4


def test_a_mask_at_the_surface_of_the_body_is_flagged(volume, make_segmenter):
    def both_edges(slices):
        answer = np.zeros_like(slices)
        answer[:, :, :4] = answer[:, :, -4:] = 0.95  # on both sides, so that the mirrored slices agree
        return answer

    reasons = run(volume, make_segmenter(both_edges)).review.reasons
    assert any("at the surface of the body" in reason for reason in reasons)


def test_a_sure_and_symmetric_answer_needs_no_review(volume, segmenter):
    review = run(volume, segmenter).review
    assert (review.needed, review.reasons) == (False, ())


def test_no_lesion_is_a_result(volume, make_segmenter, make_classifiers):
    classifiers = make_classifiers(0.5, 0.5, 0.5)
    result = diagnose(volume, Networks(segmenter=make_segmenter(np.zeros_like), classifiers=classifiers))
    assert result.lesions == ()
    assert result.classification is None
    assert [model.name for model in result.models] == ["segmenter"]
    assert all(classifier.explain.images is None for classifier in classifiers)
    assert result.segmentation.review.needed is False


# From a mask


def test_without_segmenter_and_mask_there_is_nothing_to_do(volume):
    with pytest.raises(ValueError, match="give a segmenter or a mask"):
        diagnose(volume, Networks())


@pytest.mark.parametrize(("automatic", "provenance"), [(True, "automatic"), (False, "reviewed")])
def test_a_given_mask_is_used_as_it_is(volume, segmenter, lesion, automatic, provenance):
    mask = np.roll(lesion, 2, axis=1)
    given = ReviewedMask(mask=mask, source="drawn.nii.gz", automatic=automatic)
    result = diagnose(volume, Networks(segmenter=segmenter), given=given)
    np.testing.assert_array_equal(result.mask, mask)
    assert (result.mask_provenance, result.mask_source) == (provenance, "drawn.nii.gz")
    assert (result.segmentation, result.models) == (None, ())
    assert len(result.lesions) == 1


def test_a_mask_that_was_just_made_is_automatic(volume, segmenter):
    result = diagnose(volume, Networks(segmenter=segmenter))
    assert (result.mask_provenance, result.mask_source) == ("automatic", None)


def test_an_empty_mask_is_a_result(volume, lesion, make_classifiers):
    given = ReviewedMask(mask=np.zeros_like(lesion), source="empty.nii.gz")
    result = diagnose(volume, Networks(classifiers=make_classifiers(0.9, 0.9, 0.9)), given=given)
    assert (result.classification, result.lesions, result.models, result.warnings[1:]) == (None, (), (), ())


# Classification


@pytest.mark.parametrize(
    ("positive", "diagnosis"),
    [
        ((0.2, 0.1, 0.9), ASTROCYTOMA),
        ((0.2, 0.9, 0.1), EPENDYMOMA),
        ((0.5, 0.9, 0.1), MS),
        ((0.8, 0.1, 0.5), NMOSD),
    ],
)
def test_the_diagnosis_follows_the_operating_points(volume, lesion, make_classifiers, positive, diagnosis):
    classification = classify_volume(volume, lesion, make_classifiers(*positive))
    assert classification.diagnosis is diagnosis
    assert sum(classification.posterior.values()) == pytest.approx(1)
    tumor, entity, demyelination = positive
    assert classification.posterior[EPENDYMOMA] == pytest.approx((1 - tumor) * entity)
    assert classification.posterior[MS] == pytest.approx(tumor * (1 - demyelination))


def test_a_cases_score_is_the_mean_over_its_tiles(volume, lesion, make_classifiers):
    two_slices = lesion.copy()
    two_slices[4] = False
    (result, *_) = classify_volume(volume, two_slices, make_classifiers(0.45, 0.5, 0.5)).tasks
    assert result.tile_probabilities == pytest.approx((0.55, 0.35))
    assert result.probability == pytest.approx(0.45)
    assert result.called == "tumor"


@pytest.mark.parametrize(("operating_point", "explained"), [(0.4, 1), (0.5, 1), (0.6, 0)])
def test_the_map_explains_the_class_that_is_called(volume, lesion, make_classifiers, operating_point, explained):
    classifiers = make_classifiers(0.5, 0.5, 0.5, operating_point=operating_point)
    result = classify_volume(volume, lesion, classifiers).tasks[0]
    assert classifiers[0].explain.class_index == explained
    assert result.called == result.task.classes[explained]


def test_heat_maps_lie_on_the_lesion_slices(volume, lesion, make_classifiers):
    classification = classify_volume(volume, lesion, make_classifiers(0.5, 0.5, 0.5))
    assert classification.slices == (2, 3, 4)
    for task in classification.tasks:
        assert task.heatmap.shape == volume.data.shape
        assert np.flatnonzero(task.heatmap.any(axis=(1, 2))).tolist() == [2, 3, 4]
        # The stub's maps are one everywhere, so nowhere in particular.
        assert task.activation.zone is Zone.ELSEWHERE
        assert task.activation.means == pytest.approx(dict.fromkeys(("core", "rim", "perilesional", "elsewhere"), 1))


def test_classifiers_are_named_in_the_result(volume, segmenter, make_classifiers):
    result = diagnose(volume, Networks(segmenter=segmenter, classifiers=make_classifiers(0.5, 0.5, 0.5)))
    assert [model.name for model in result.models] == ["segmenter", TUMOR, ENTITY, DEMYELINATION]
    assert result.models[0].summary == "nothing: bright is lesion"


def test_lesions_thinner_than_a_tiles_pixel_are_said_to_be_too_thin(volume, make_classifiers):
    mask = np.zeros(volume.data.shape, bool)
    mask[3, 0, 0] = True  # of the 16 x 16 tile's pixels none takes its value from that corner
    classifiers = make_classifiers(0.5, 0.5, 0.5, preprocessing=Preprocessing(size=(16, 16)))
    result = diagnose(volume, Networks(classifiers=classifiers), given=ReviewedMask(mask=mask, source="m.nii"))
    assert result.classification is None
    assert "thinner than a pixel of the classifiers' input" in result.warnings[-1]
    assert not_classified(result) == result.warnings[-1]


# T1c


def _contrast(volume):
    return replace(volume, source="t1c.nii.gz", warnings=("t1c.nii.gz: odd",))


POINTS = {"modalities": ("t2w", "t1c"), "operating_point": 0.6, "operating_point_t1c": 0.4}


def test_contrast_image_fills_its_channel_where_the_weights_know_it(volume, lesion, make_classifiers):
    classifiers = make_classifiers(0.5, 0.5, 0.5, **POINTS)
    given = ReviewedMask(mask=lesion, source="m.nii")
    result = diagnose(volume, Networks(classifiers=classifiers), given=given, t1c=_contrast(volume))
    assert result.classification.with_t1c
    assert result.warnings == (*volume.warnings, "t1c.nii.gz: odd")
    for classifier in classifiers:
        np.testing.assert_array_equal(classifier.explain.images[..., 0], classifier.explain.images[..., 1])


def test_scores_with_contrast_are_called_at_the_point_chosen_with_contrast(volume, lesion, make_classifiers):
    for t1c, point, called in ((None, 0.6, "tumor"), (_contrast(volume), 0.4, "demyelinating")):
        classifiers = make_classifiers(0.5, 0.5, 0.5, **POINTS)
        given = ReviewedMask(mask=lesion, source="m.nii")
        result = diagnose(volume, Networks(classifiers=classifiers), given=given, t1c=t1c)
        task = result.classification.tasks[0]
        assert (task.operating_point, task.called) == (point, called)
        assert classifiers[0].explain.class_index == task.task.classes.index(called)
        assert not any("operating point" in warning for warning in result.warnings)


def test_contrast_that_a_network_does_not_see_leaves_its_point_alone(volume, lesion, make_classifiers):
    first, *others = make_classifiers(0.5, 0.5, 0.5, **POINTS)
    without = replace(first.checkpoint, modalities=("t2w",), operating_point_t1c=None)
    classification = classify_volume(
        volume, lesion, [replace(first, checkpoint=without), *others], t1c=_contrast(volume)
    )
    assert [task.operating_point for task in classification.tasks] == [0.6, 0.4, 0.4]


def test_a_point_that_was_chosen_without_contrast_is_said_to_be(volume, lesion, make_classifiers):
    classifiers = make_classifiers(0.5, 0.5, 0.5, modalities=("t2w", "t1c"))
    given = ReviewedMask(mask=lesion, source="m.nii")
    alone = diagnose(volume, Networks(classifiers=classifiers), given=given)
    assert not any("operating point" in warning for warning in alone.warnings)
    result = diagnose(volume, Networks(classifiers=classifiers), given=given, t1c=_contrast(volume))
    assert result.warnings[-1] == (
        f"the operating point of {TUMOR}, {ENTITY}, {DEMYELINATION} was chosen without T1c, and is applied to scores "
        "computed with T1c; the called class may be wrong"
    )


def test_contrast_image_is_left_out_with_a_warning_where_the_weights_do_not(volume, lesion, make_classifiers):
    classifiers = make_classifiers(0.5, 0.5, 0.5)
    given = ReviewedMask(mask=lesion, source="m.nii")
    result = diagnose(volume, Networks(classifiers=classifiers), given=given, t1c=_contrast(volume))
    assert not result.classification.with_t1c
    assert result.warnings[-1] == (
        f"t1c.nii.gz: not used for {TUMOR}, {ENTITY}, {DEMYELINATION}, "
        "whose weights were not trained with contrast images"
    )
    assert not classifiers[0].explain.images[..., 0].any()


def test_each_classifier_gets_the_contrast_image_it_was_trained_with(volume, lesion, make_classifiers):
    with_t1c = make_classifiers(0.5, 0.5, 0.5, modalities=("t2w", "t1c"))[:2]
    classifiers = (*with_t1c, make_classifiers(0.5, 0.5, 0.5)[2])
    given = ReviewedMask(mask=lesion, source="m.nii")
    result = diagnose(volume, Networks(classifiers=classifiers), given=given, t1c=_contrast(volume))
    assert not result.classification.with_t1c
    assert f"not used for {DEMYELINATION}, whose" in result.warnings[-1]
    assert [bool(c.explain.images[..., 0].any()) for c in classifiers] == [True, True, False]


# Time


def test_time_is_kept_by_stage(volume, segmenter, make_classifiers):
    watch = Stopwatch()
    result = diagnose(
        volume, Networks(segmenter=segmenter, classifiers=make_classifiers(0.5, 0.5, 0.5)), stopwatch=watch
    )
    assert result.timings_s is watch.seconds
    assert list(watch.seconds) == ["preprocess", "network", "postprocess", "measure", "review", "classify"]


def test_a_stage_adds_up(monkeypatch):
    ticks = iter([10.0, 12.5, 20.0, 21.0])
    monkeypatch.setattr("spinal_tf.stopwatch.perf_counter", lambda: next(ticks))
    watch = Stopwatch()
    for _ in range(2):
        with watch.stage("write"):
            pass
    assert watch.seconds == {"write": 3.5}
