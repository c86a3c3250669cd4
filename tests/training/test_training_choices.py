"""Which trainings are refused, and which differences matter when one goes on."""

from __future__ import annotations

import json

import pytest

from spinal_tf.training.training_choices import TrainingOptions, differing


def test_the_defaults_are_the_authors():
    options = TrainingOptions()
    assert (options.batch, options.learning_rate, options.epochs, options.plateau_epochs) == (32, 1e-4, 500, 20)
    assert (options.schedule, options.patience_epochs, options.clip_norm) == ("plateau", None, None)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"precision": "float16"}, "precision 'float16' is not known"),
        ({"schedule": "linear"}, "schedule 'linear' is not known"),
        ({"batch": 0}, "batch at least 1"),
        ({"seed": -1}, "seed"),
        ({"learning_rate": 0.0}, "above 0"),
        ({"epochs": None}, "an end is missing"),
        ({"deterministic": True, "minutes": 5.0}, "ends by the clock is not deterministic; give epochs or steps"),
    ],
)
def test_what_cannot_be_trained_with_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        TrainingOptions(**wrong)


def test_the_record_survives_json():
    options = TrainingOptions(steps=7, precision="mixed_bfloat16")
    assert TrainingOptions(**json.loads(json.dumps(options.to_dict()))) == options


def test_only_the_end_may_differ():
    before = TrainingOptions().to_dict()
    assert differing(TrainingOptions(epochs=None, steps=3, minutes=1.0).to_dict(), before) == []
    assert differing(TrainingOptions(batch=4, seed=1).to_dict(), before) == ["batch", "seed"]
    assert differing({"batch": 32}, {}) == ["batch"]
