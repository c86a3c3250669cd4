"""The log in its three forms."""

from __future__ import annotations

import struct

import cv2
import pytest
import tensorflow as tf

from spinal_tf.tables.csv_file import read_numbers, replace_csv
from spinal_tf.training.logs import TensorBoard, draw_curves

ROWS = [
    {"step": 2, "epoch": 0.5, "seconds": 1.5, "learning_rate": 1e-4, "loss": 1 / 3, "accuracy": 0.5},
    {"step": 4, "epoch": 1.0, "seconds": 3.0, "learning_rate": 5e-5, "loss": 0.25, "accuracy": 0.75},
]


def test_the_table_comes_back_to_the_last_bit(tmp_path):
    replace_csv(tmp_path / "log.csv", ROWS)
    assert read_numbers(tmp_path / "log.csv") == ROWS
    assert (tmp_path / "log.csv").read_text().splitlines()[1].startswith("2,0.5,1.5,")


def test_no_log_has_no_lines(tmp_path):
    assert read_numbers(tmp_path / "log.csv") == []


def events(path):
    """The records of an event file: length, its checksum, data, its checksum."""
    data = path.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        event = tf.compat.v1.Event()
        event.ParseFromString(data[12 : 12 + length])
        data = data[16 + length :]
        yield from ((value, event.step) for value in event.summary.value)


def test_tensorboard_gets_every_number_at_its_step(tmp_path):
    board = TensorBoard(tmp_path / "tensorboard")
    for row in ROWS:
        board.write(row)
    [path] = (tmp_path / "tensorboard").iterdir()
    found = list(events(path))
    assert {value.metadata.plugin_data.plugin_name for value, _ in found if value.HasField("metadata")} == {"scalars"}
    numbers = {(value.tag, step): float(tf.make_ndarray(value.tensor)) for value, step in found}
    assert numbers == pytest.approx({(name, row["step"]): row[name] for row in ROWS for name in row})


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1]])
def test_the_curves_are_a_picture(tmp_path, rows):
    draw_curves(tmp_path / "curves.png", rows, title="segmenter")
    picture = cv2.imread(str(tmp_path / "curves.png"))
    assert picture.shape == (880, 990, 3)
    assert picture.std() > 10
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]
