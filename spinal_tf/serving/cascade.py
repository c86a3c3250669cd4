"""The three tasks joined inside a graph: `spinal_tf.taxonomy.posterior`, and the diagnosis that is called."""

from __future__ import annotations

import tensorflow as tf

from spinal_tf.taxonomy import ASTROCYTOMA_VS_EPENDYMOMA, MS_VS_NMOSD, TASKS, TUMOR_VS_DEMYELINATING, Diagnosis

NOT_CLASSIFIED = "not classified"
"""Where a diagnosis stands otherwise: no lesion was found, or none was large enough for a tile."""

FIRST, OF_TUMORS, OF_DEMYELINATING = (
    TASKS.index(task) for task in (TUMOR_VS_DEMYELINATING, ASTROCYTOMA_VS_EPENDYMOMA, MS_VS_NMOSD)
)


def graph_posterior(positive: tf.Tensor) -> tf.Tensor:
    """Probabilities of the diagnoses in the order of `Diagnosis`: float32 (4,).

    Args:
        positive: float32 (3,), probability of the positive class in the order of `TASKS`.
    """
    demyelinating, ependymoma, nmosd = positive[FIRST], positive[OF_TUMORS], positive[OF_DEMYELINATING]
    of = {
        Diagnosis.ASTROCYTOMA: (1 - demyelinating) * (1 - ependymoma),
        Diagnosis.EPENDYMOMA: (1 - demyelinating) * ependymoma,
        Diagnosis.MS: demyelinating * (1 - nmosd),
        Diagnosis.NMOSD: demyelinating * nmosd,
    }
    return tf.stack([of[diagnosis] for diagnosis in Diagnosis])


def graph_diagnosis(called: tf.Tensor, tiles: tf.Tensor) -> tf.Tensor:
    """The diagnosis reached by following each task's operating point: string scalar.

    Args:
        called: int32 (3,), 1 where the positive class is called, in the order of `TASKS`.
        tiles: int32, number of tiles.
    """
    tumor = tf.gather(tf.constant(ASTROCYTOMA_VS_EPENDYMOMA.classes), called[OF_TUMORS])
    demyelination = tf.gather(tf.constant(MS_VS_NMOSD.classes), called[OF_DEMYELINATING])
    diagnosis = tf.where(called[FIRST] == 1, demyelination, tumor)
    return tf.where(tiles > 0, diagnosis, NOT_CLASSIFIED)
