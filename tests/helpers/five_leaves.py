"""A tree with a fifth diagnosis: infarction beside demyelinating, so that a fourth task tells the two apart."""

from __future__ import annotations

from spinal_tf.taxonomy import (
    ASTROCYTOMA,
    ASTROCYTOMA_VS_EPENDYMOMA,
    EPENDYMOMA,
    MS,
    MS_VS_NMOSD,
    NMOSD,
    Diagnosis,
    Task,
    Tree,
)

INFARCTION = Diagnosis(value="infarction", term="infarction")

TUMOR_VS_OTHER = Task(
    name="tumor_vs_other",
    negative=frozenset({ASTROCYTOMA, EPENDYMOMA}),
    positive=frozenset({INFARCTION, MS, NMOSD}),
    classes=("tumor", "other"),
)
INFARCTION_VS_DEMYELINATING = Task(
    name="infarction_vs_demyelinating",
    negative=frozenset({INFARCTION}),
    positive=frozenset({MS, NMOSD}),
    classes=("infarction", "demyelinating"),
)
FIVE_LEAVES = Tree(
    diagnoses=(ASTROCYTOMA, EPENDYMOMA, INFARCTION, MS, NMOSD),
    tasks=(TUMOR_VS_OTHER, ASTROCYTOMA_VS_EPENDYMOMA, INFARCTION_VS_DEMYELINATING, MS_VS_NMOSD),
)
