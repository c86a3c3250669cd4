"""Joins the tasks inside a graph: `spinal_tf.taxonomy.Tree.joined`, and the called diagnosis."""

from __future__ import annotations

import tensorflow as tf

from spinal_tf.taxonomy import tree

NOT_CLASSIFIED = "not classified"
"""Output in place of a diagnosis: no lesion was found, or every lesion was too small for a tile."""


def graph_posterior(positive: tf.Tensor) -> tf.Tensor:
    """Return the probabilities of the diagnoses in the order of the tree: float32 (diagnoses,).

    Args:
        positive: float32 (tasks,), probability of the positive class in the order of the tree's tasks.
    """
    names = tree().task_names
    joined = tree().joined(dict(zip(names, tf.unstack(positive, num=len(names)), strict=True)))
    return tf.stack([joined[diagnosis] for diagnosis in tree().diagnoses])


def graph_diagnosis(called: tf.Tensor, tiles: tf.Tensor) -> tf.Tensor:
    """Return the diagnosis reached by following each task's operating point: string scalar.

    Args:
        called: int32 (tasks,), 1 where the positive class is called, in the order of the tree's tasks.
        tiles: int32, number of tiles.
    """
    names = tf.constant([diagnosis.value for diagnosis in tree().diagnoses])
    diagnosis = tf.gather(names, tf.argmax(graph_posterior(called)))
    return tf.where(tiles > 0, diagnosis, NOT_CLASSIFIED)
