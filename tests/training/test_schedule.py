"""End and learning rate of a training, by hand."""

from __future__ import annotations

import pytest

from spinal_tf.training.schedule import Schedule
from spinal_tf.training.state import Progress
from spinal_tf.training.training_choices import TrainingOptions


def schedule(steps_per_epoch=10, **options) -> Schedule:
    return Schedule(options=TrainingOptions(**options), steps_per_epoch=steps_per_epoch)


def test_epochs_are_counted_in_steps_and_steps_take_their_place():
    assert schedule(epochs=3).steps == 30
    assert schedule(epochs=3, steps=7).steps == 7
    assert schedule(epochs=None, minutes=1).steps is None
    assert schedule().validation_every == 10
    assert schedule(validation_every=4).validation_every == 4


@pytest.mark.parametrize(
    ("progress", "share"),
    [
        (Progress(), 0.0),
        (Progress(step=15), 0.5),
        (Progress(step=15, seconds=90), 0.75),
        (Progress(step=30), 1.0),
        (Progress(step=1, seconds=500), 1.0),
    ],
)
def test_it_is_over_by_steps_or_by_the_clock_whichever_comes_first(progress, share):
    both = schedule(epochs=3, minutes=2)
    assert both.share_done(progress) == pytest.approx(share)
    assert both.is_over(progress) == (share == 1)


def test_without_steps_only_the_clock_ends_it():
    clock = schedule(epochs=None, minutes=1)
    assert not clock.is_over(Progress(step=10**9, seconds=59.9))
    assert clock.is_over(Progress(step=1, seconds=60))


def test_patience_ends_it_after_epochs_without_gain():
    impatient = schedule(patience_epochs=2)
    assert not impatient.is_over(Progress(step=29, gain_step=10))
    assert impatient.is_over(Progress(step=30, gain_step=10))


def test_the_rate_rises_over_the_first_steps():
    rising = schedule(learning_rate=1e-2, warm_up_steps=10)
    assert [rising.rate(Progress(step=step)) for step in (0, 4, 9, 50)] == pytest.approx([1e-3, 5e-3, 1e-2, 1e-2])


def test_the_cosine_falls_to_a_hundredth():
    falling = schedule(learning_rate=1e-2, schedule="cosine", epochs=10)
    assert falling.rate(Progress(step=50)) == pytest.approx(5e-3)
    assert falling.rate(Progress(step=100 // 3)) == pytest.approx(7.5e-3, rel=0.02)
    assert falling.rate(Progress(step=100)) == pytest.approx(1e-4)


def test_a_plateau_halves_the_rate_every_20_epochs_without_gain():
    plateau, progress = schedule(learning_rate=1e-4), Progress(step=10)
    plateau.judge(progress, gained=True)
    rates = []
    for step in range(20, 620, 10):
        progress.step = step
        plateau.judge(progress, gained=False)
        rates.append(plateau.rate(progress))
    assert rates == pytest.approx([1e-4] * 19 + [5e-5] * 20 + [2.5e-5] * 20 + [1.25e-5])


def test_a_gain_starts_the_waiting_anew_and_keeps_the_rate():
    plateau, progress = schedule(), Progress(step=190, rate_factor=0.5)
    plateau.judge(progress, gained=True)
    assert (progress.gain_step, progress.waiting_step, progress.rate_factor) == (190, 190, 0.5)
    progress.step = 380
    plateau.judge(progress, gained=False)
    assert progress.rate_factor == 0.5
    progress.step = 390
    plateau.judge(progress, gained=False)
    assert (progress.rate_factor, progress.waiting_step, progress.gain_step) == (0.25, 390, 190)


def test_waiting_does_not_depend_on_how_often_is_validated():
    often, seldom = Progress(), Progress()
    plateau = schedule()
    for step in range(5, 405, 5):
        often.step = step
        plateau.judge(often, gained=False)
    for step in range(40, 440, 40):
        seldom.step = step
        plateau.judge(seldom, gained=False)
    assert often.rate_factor == seldom.rate_factor == 0.25
