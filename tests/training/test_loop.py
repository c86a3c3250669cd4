"""The loop on a network of one layer: learning, keeping the best, stopping, going on."""

from __future__ import annotations

import itertools
import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from spinal_tf.errors import OutputError, StoppedError, TrainingError
from spinal_tf.training import keeper, loop
from spinal_tf.training.loop import Training
from spinal_tf.training.run_folder import RunFolder
from spinal_tf.training.schedule import Schedule
from spinal_tf.training.setting import never
from spinal_tf.training.step import Trainer
from spinal_tf.training.training_choices import TrainingOptions
from spinal_tf.training.validation import Validation

X = np.linspace(-1, 1, 8, dtype=np.float32)[:, None]


def line() -> keras.Model:
    inputs = keras.Input((1,))
    return keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="zeros", name="slope")(inputs))


def batches(first_step, steps):
    """The target's slope changes with every step, so that order matters."""
    for step in range(first_step, min(steps, 10_000)):
        yield tf.constant(X), tf.constant(X * (2 + step % 3))


def near_two(predict, progress) -> Validation:
    slope = float(predict(np.ones((1, 1), np.float32))[0, 0])
    return Validation(score=(-abs(slope - 2),), operating_point=0.5, measures={"slope": slope}, cases=({"case": "x"},))


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    """Titles of the curves that would have been drawn; drawing them takes longest of all."""
    titles = []

    def draw(path, rows, *, title):
        titles.append(title)
        path.write_text(f"{len(rows)} points")

    monkeypatch.setattr(keeper, "draw_curves", draw)
    return titles


class Run:
    """A training in a folder; what it reports is kept."""

    def __init__(self, path, *, feed=batches, validate=near_two, report=None, stop=never, **options):
        self.trainer = Trainer(line, keras.losses.mean_squared_error, TrainingOptions(**options))
        self.folder, self.reports = RunFolder(path=path), []
        self.training = Training(
            self.trainer,
            Schedule(options=TrainingOptions(**options), steps_per_epoch=5),
            self.folder,
            feed=feed,
            validate=validate,
            report=report or self.reports.append,
            stop=stop,
        )

    def finish(self):
        return self.training.finish()

    @property
    def slope(self) -> float:
        return float(self.trainer.model.get_layer("slope").kernel[0, 0])

    @property
    def log(self):
        return keeper.read_numbers(self.folder.log)


def names(path):
    return sorted(file.name for file in path.iterdir())


def test_it_learns_validates_each_epoch_and_keeps_the_best(tmp_path):
    run = Run(tmp_path, steps=42, learning_rate=0.2)
    assert run.finish().step == 42
    assert [row["step"] for row in run.log] == [5, 10, 15, 20, 25, 30, 35, 40, 42]
    best = run.folder.read_best()
    closest = min(run.log, key=lambda row: abs(row["slope"] - 2))
    assert best["step"] == closest["step"]
    assert best["score"] == [-abs(closest["slope"] - 2)]
    assert best["cases"] == [{"case": "x"}]
    assert names(tmp_path) == [
        f"best-{best['step']:07d}.weights.h5",
        "best.json",
        "curves.png",
        "log.csv",
        "state.npz",
        "tensorboard",
    ]
    kept = line()
    kept.load_weights(tmp_path / best["file"])
    assert float(kept.get_layer("slope").kernel[0, 0]) == pytest.approx(closest["slope"])
    assert float(kept.get_layer("slope").kernel[0, 0]) != run.slope


def test_the_logged_loss_is_the_mean_since_the_last_validation(tmp_path):
    run = Run(tmp_path, steps=10, learning_rate=1e-12)
    run.finish()
    squares = float(np.mean(X**2))
    expected = [np.mean([(2 + step % 3) ** 2 * squares for step in steps]) for steps in (range(5), range(5, 10))]
    assert [row["loss"] for row in run.log] == pytest.approx(expected, rel=1e-5)


def test_what_is_reported_tells_validations_and_the_share_done(tmp_path):
    run = Run(tmp_path, steps=10, learning_rate=1e-3)
    run.finish()
    judged = [report for report in run.reports if report.validation]
    assert [(report.step, report.share, report.best) for report in judged] == [(5, 0.5, True), (10, 1.0, True)]
    assert all(math.isfinite(report.loss) for report in run.reports)


def stop_at(step):
    def report(told):
        if told.step >= step:
            raise KeyboardInterrupt

    return report


def state(run):
    return [variable.numpy() for variable in run.trainer.variables]


def test_interrupted_and_gone_on_with_equals_left_alone(tmp_path):
    options = {"steps": 23, "learning_rate": 0.2, "schedule": "cosine", "warm_up_steps": 4, "validation_every": 4}
    alone = Run(tmp_path / "alone", **options)
    alone.finish()
    for stop in (3, 9, 14):  # before the first state, and twice in between
        with pytest.raises(KeyboardInterrupt):
            Run(tmp_path / "cut", report=stop_at(stop), **options).finish()
    again = Run(tmp_path / "cut", **options)
    assert again.finish().step == 23
    for one, other in zip(state(again), state(alone), strict=True):
        np.testing.assert_array_equal(one, other)
    without_time = [[{**row, "seconds": 0} for row in run.log] for run in (again, alone)]
    assert without_time[0] == without_time[1]
    assert again.folder.best.read_bytes() == alone.folder.best.read_bytes()
    assert names(tmp_path / "cut") == names(tmp_path / "alone")


def asked_at(call):
    """Whether the end is asked for: from one of the calls on."""
    calls = itertools.count(1)
    return lambda: next(calls) >= call


@pytest.mark.parametrize("call", [4, 6, 7])
def test_asked_to_stop_wherever_it_is_and_gone_on_with_equals_left_alone(tmp_path, call):
    options = {"steps": 11, "learning_rate": 0.2, "schedule": "cosine", "validation_every": 3}
    alone, stops = Run(tmp_path / "alone", **options), 0
    alone.finish()
    while True:
        again = Run(tmp_path / "cut", stop=asked_at(call), **options)
        try:
            again.finish()
            break
        except StoppedError:
            stops += 1
    assert 1 <= stops <= 6
    for one, other in zip(state(again), state(alone), strict=True):
        np.testing.assert_array_equal(one, other)
    without_time = [[{**row, "seconds": 0} for row in run.log] for run in (again, alone)]
    assert without_time[0] == without_time[1]
    assert again.folder.best.read_bytes() == alone.folder.best.read_bytes()


def test_the_step_is_finished_and_the_state_saved_before_it_stops(tmp_path):
    run = Run(tmp_path, stop=asked_at(3), steps=100, validation_every=50)
    words = r"stopped after step 3, and the state is saved; repeat the command with --resume to continue"
    with pytest.raises(StoppedError, match=words):
        run.finish()
    with np.load(run.folder.state) as stored:
        assert json.loads(str(stored["record"]))["step"] == 3
    assert names(tmp_path) == ["state.npz", "tensorboard"]


def test_a_validation_is_left_at_once_and_made_up_for(tmp_path):
    predictions = []

    def slow(predict, progress):
        for _ in range(10):
            predictions.append(predict(np.ones((1, 1), np.float32)))
        return near_two(predict, progress)

    with pytest.raises(StoppedError, match="stopped after step 5"):
        Run(tmp_path, validate=slow, stop=lambda: len(predictions) == 3, steps=6).finish()
    assert len(predictions) == 3
    assert Run(tmp_path, validate=slow, steps=6).finish().step == 6
    assert [row["step"] for row in keeper.read_numbers(tmp_path / "log.csv")] == [5, 6]


def test_the_cases_of_a_validation_are_reported_between_steps(tmp_path):
    def two_cases(predict, progress):
        progress(1, 2)
        progress(2, 2)
        return near_two(predict, progress)

    run = Run(tmp_path, validate=two_cases, steps=10)
    run.finish()
    shown = [(report.step, report.cases, report.validation is not None) for report in run.reports]
    of_each = [(None, False), ((1, 2), False), ((2, 2), False), (None, True)]
    assert shown == [(step, *rest) for step in (5, 10) for rest in of_each]
    assert [report.share for report in run.reports] == [0.5] * 4 + [1.0] * 4
    assert all(math.isfinite(report.loss) for report in run.reports)


def test_a_finished_training_given_again_does_nothing_more(tmp_path):
    first = Run(tmp_path, steps=6)
    first.finish()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file() and file.suffix != ".png"}

    def none(first_step, steps):
        raise AssertionError("no batch is wanted")

    assert Run(tmp_path, steps=6, feed=none).finish().step == 6
    assert before == {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.name in before}


def test_a_new_end_is_trained_up_to(tmp_path):
    Run(tmp_path, steps=6).finish()
    longer = Run(tmp_path, steps=12)
    assert longer.finish().step == 12
    assert [row["step"] for row in longer.log] == [5, 6, 10, 12]


def test_lines_after_the_saved_state_are_done_again(tmp_path):
    Run(tmp_path, steps=10).finish()
    rows = keeper.read_numbers(tmp_path / "log.csv")
    keeper.replace_csv(tmp_path / "log.csv", [*rows, {**rows[-1], "step": 15, "seconds": 99}])
    Run(tmp_path, steps=15).finish()
    assert [row["step"] for row in keeper.read_numbers(tmp_path / "log.csv")] == [5, 10, 15]
    assert keeper.read_numbers(tmp_path / "log.csv")[-1]["seconds"] != 99


def test_a_kill_between_state_and_record_is_made_good(tmp_path):
    run = Run(tmp_path, steps=5)
    run.finish()
    right = run.folder.best.read_text()
    run.folder.best.write_text(json.dumps({"step": 1, "file": "best-0000001.weights.h5"}))
    (tmp_path / "best-0000001.weights.h5").write_text("older")
    Run(tmp_path, steps=5).finish()
    assert run.folder.best.read_text() == right
    assert "best-0000001.weights.h5" not in names(tmp_path)


def test_patience_ends_it(tmp_path):
    worse = itertools.count()

    def validate(predict, progress):
        return Validation(score=(-next(worse),), operating_point=0.5, measures={"m": 0.0}, cases=())

    run = Run(tmp_path, validate=validate, patience_epochs=2)
    assert run.finish().step == 15  # best at 5
    assert run.folder.read_best()["step"] == 5


def test_a_plateau_lowers_the_rate_in_the_log(tmp_path):
    def validate(predict, progress):
        return Validation(score=(0.0,), operating_point=0.5, measures={"m": 0.0}, cases=())

    run = Run(tmp_path, validate=validate, steps=20, plateau_epochs=2, learning_rate=1e-3)
    run.finish()
    assert [row["learning_rate"] for row in run.log] == pytest.approx([1e-3, 1e-3, 1e-3, 5e-4])


def test_the_clock_ends_it(tmp_path):
    run = Run(tmp_path, minutes=1e-9, epochs=None)
    assert run.finish().step == loop.LOSSES_AT_ONCE // 2  # the epoch's end is the first look at the clock
    assert run.log


@pytest.mark.parametrize(
    ("bad", "kept"), [(7, "the weights of step 5 are kept in best-0000005"), (3, "no weights were")]
)
def test_a_loss_that_is_no_number_ends_it_and_keeps_the_last_good(tmp_path, bad, kept):
    def poisoned(first_step, steps):
        for step, (images, targets) in enumerate(batches(first_step, steps), start=first_step + 1):
            yield images, targets * (math.nan if step == bad else 1)

    run = Run(tmp_path, feed=poisoned, steps=20)
    with pytest.raises(TrainingError, match=f"the loss is not a number at step {bad}, {kept}.*lower --learning-rate"):
        run.finish()
    if bad == 7:
        with np.load(run.folder.state) as stored:
            assert json.loads(str(stored["record"]))["step"] == 5
            assert all(np.isfinite(stored[name]).all() for name in stored.files if name != "record")
        assert run.folder.curves.exists()
    else:
        assert names(tmp_path) == ["tensorboard"]


def test_the_state_is_saved_between_validations_when_time_has_passed(tmp_path):
    saved = []

    def report(told):
        saved.append(RunFolder(path=tmp_path).state.exists())

    Run(tmp_path, steps=4, validation_every=1000, save_every_minutes=0.0, report=report).finish()
    assert saved[1]
    assert not saved[0]


def test_a_full_disk_ends_it_in_a_sentence_and_leaves_the_last_state(tmp_path, monkeypatch):
    run = Run(tmp_path, steps=10)

    def full(path, progress, variables):
        if progress.step == 10:
            raise OutputError(f"{path}: the disk is full, nothing was written")
        save(path, progress, variables)

    save = keeper.save_state
    monkeypatch.setattr(keeper, "save_state", full)
    with pytest.raises(OutputError, match="the disk is full"):
        run.finish()
    monkeypatch.undo()
    again = Run(tmp_path, steps=10)
    assert again.finish().step == 10
    assert [row["step"] for row in again.log] == [5, 10]
