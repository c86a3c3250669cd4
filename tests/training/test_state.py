"""The state on disk: nothing lost, nothing half-written, nothing foreign accepted."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from spinal_tf.errors import TrainingError
from spinal_tf.training.state import Progress, load_state, save_state

PROGRESS = Progress(
    step=7,
    seconds=0.1 + 0.2,
    losses=1 / 3,
    losses_count=2,
    gain_step=4,
    waiting_step=5,
    rate_factor=0.25,
    best={"step": 4, "score": [0.1, -2.5], "cases": [{"case": "ä", "dice": None}]},
)


def variables(seed=0, shape=(3, 2)):
    rng = np.random.default_rng(seed)
    return [
        keras.Variable(rng.random(shape).astype(np.float32)),
        keras.Variable(np.array(seed + 3), dtype="int64", trainable=False),
        keras.Variable(rng.random(4).astype(np.float32)),
    ]


def test_all_comes_back_to_the_last_bit(tmp_path):
    saved, loaded = variables(0), variables(1)
    save_state(tmp_path / "state.npz", PROGRESS, saved)
    assert load_state(tmp_path / "state.npz", loaded) == PROGRESS
    for one, other in zip(saved, loaded, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
        assert one.dtype == other.dtype


def test_saving_again_replaces_and_leaves_nothing_else(tmp_path):
    save_state(tmp_path / "state.npz", PROGRESS, variables(0))
    save_state(tmp_path / "state.npz", Progress(step=8), variables(1))
    assert load_state(tmp_path / "state.npz", variables(2)) == Progress(step=8)
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


def test_a_failed_save_keeps_the_state_before(tmp_path):
    save_state(tmp_path / "state.npz", PROGRESS, variables(0))
    with pytest.raises(TypeError):
        save_state(tmp_path / "state.npz", Progress(best={"not": object()}), variables(1))
    assert load_state(tmp_path / "state.npz", variables(2)) == PROGRESS
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


@pytest.mark.parametrize("damage", [lambda data: data[:-30], lambda data: b"", lambda data: b"text"])
def test_a_damaged_file_is_refused(tmp_path, damage):
    path = tmp_path / "state.npz"
    save_state(path, PROGRESS, variables(0))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TrainingError, match=r"state\.npz: a damaged training state; train again in another folder"):
        load_state(path, variables(1))


@pytest.mark.parametrize("record", ["[]", "3", "null", '{"format": 1, "unknown": 3}'])
def test_a_record_that_is_none_is_damaged(tmp_path, record):
    arrays = {f"{number:05d}": variable.numpy() for number, variable in enumerate(variables(0))}
    np.savez(tmp_path / "state.npz", record=np.array(record), **arrays)
    with pytest.raises(TrainingError, match=r"state\.npz: a damaged training state"):
        load_state(tmp_path / "state.npz", variables(1))


def test_the_state_of_another_network_is_refused_and_nothing_is_changed(tmp_path):
    save_state(tmp_path / "state.npz", PROGRESS, variables(0))
    others = variables(1, shape=(2, 3))
    before = others[0].numpy().copy()
    with pytest.raises(TrainingError, match="the state of another network or version"):
        load_state(tmp_path / "state.npz", others)
    np.testing.assert_array_equal(others[0].numpy(), before)
    with pytest.raises(TrainingError, match="the state of another network or version"):
        load_state(tmp_path / "state.npz", variables(1)[:2])
