"""A deterministic training adds gradients in one order, whatever else still reads them."""

from __future__ import annotations

import pytest
import tensorflow as tf

from spinal_tf.errors import TrainingError
from spinal_tf.training.step import configure_tensorflow
from spinal_tf.training.training_choices import TrainingOptions

SUMS = """
import sys

import numpy as np
import tensorflow as tf

from spinal_tf.training.step import configure_tensorflow
from spinal_tf.training.training_choices import TrainingOptions

configure_tensorflow(TrainingOptions(steps=1, deterministic=True))
x = tf.constant(np.random.default_rng(0).standard_normal((400, 400), dtype=np.float32))

@tf.function
def sums_of_three(x):
    sums, readers = [], []
    for number in range(20):
        terms = [tf.sin(x * (number + place)) for place in (1.0, 2.0, 3.0)]
        readers += [tf.linalg.matmul(term, term) for term in terms[:2]]  # done before the sum, or after
        sums.append(tf.add_n(terms))
    return tf.stack(sums), tf.stack(readers)

print(len({sums_of_three(x)[0].numpy().tobytes() for _ in range(20)}))
"""


def test_sums_of_three_terms_do_not_depend_on_when_others_have_read_them(processes):
    [printed] = processes.finish(processes.start("-c", SUMS))
    assert printed.split() == ["1"]


def test_a_process_in_which_tensorflow_has_started_is_refused():
    tf.constant(1.0)
    with pytest.raises(TrainingError, match="a deterministic training has to start in a new process"):
        configure_tensorflow(TrainingOptions(steps=1, deterministic=True))
