"""Networks of an export: graphs in common, weights of their own, kept in the precision that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from spinal_tf.checkpoints.manifest import load_network, read_manifest
from spinal_tf.serving.network import serve_networks
from spinal_tf.taxonomy import tree


@pytest.fixture(scope="module")
def small_checkpoints(tiny_weights):
    manifest = read_manifest(tiny_weights)
    return [manifest["segmenter"], *(manifest[task.name] for task in tree().tasks)]


def test_networks_of_one_structure_share_graphs_and_give_answers_of_their_own(tiny_weights, small_checkpoints):
    segmenter, *classifiers = serve_networks(tiny_weights, small_checkpoints)
    assert len({id(network.graphs) for network in classifiers}) == 1
    assert segmenter.graphs is not classifiers[0].graphs
    tiles = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    answers = [network(tf.constant(tiles)).numpy() for network in classifiers[:2]]
    for answer, checkpoint in zip(answers, small_checkpoints[1:], strict=False):
        expected = load_network(tiny_weights, checkpoint)(tiles, training=False)
        np.testing.assert_allclose(answer, expected, atol=1e-5)
    assert not np.allclose(*answers)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_kernels_are_kept_in_less_and_vectors_are_not(tiny_weights, small_checkpoints, precision):
    [network] = serve_networks(tiny_weights, small_checkpoints[:1], precision)
    kinds = {(variable.shape.rank >= 2, variable.dtype.name) for variable in network.variables}
    assert kinds == {(True, precision), (False, "float32")}
