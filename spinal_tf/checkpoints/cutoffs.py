"""Operating points of a checkpoint in words, and the input on which each was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spinal_tf.checkpoints.manifest import Checkpoint


def points_in_words(checkpoint: Checkpoint) -> str:
    """Describe the operating points and the minimum peak of a lesion, for cards and lists."""
    point, with_t1c = checkpoint.operating_point, checkpoint.operating_point_t1c
    if with_t1c is not None:
        return f"{point:.3f} for T2w, {with_t1c:.3f} for T2w + T1c"
    if "t1c" in checkpoint.modalities:
        chosen, other = ("T2w + T1c", "T2w") if _chosen_with_t1c(checkpoint) else ("T2w", "T2w + T1c")
        return f"{point:.3f} for {chosen}, none for {other}"
    peak = f", a lesion reaches {checkpoint.minimum_peak:.2f} somewhere" if checkpoint.minimum_peak else ""
    return f"{point:.3f}{peak}"


def point_doubt(checkpoints: Sequence[Checkpoint], *, with_t1c: bool) -> tuple[str, ...]:
    """Warn about classifiers whose only operating point was chosen on a different input (with or without T1c).

    Args:
        checkpoints: checkpoints of classifiers.
        with_t1c: whether the case has a T1c scan.

    Returns:
        At most one sentence.
    """
    doubtful = [
        one.name
        for one in checkpoints
        if "t1c" in one.modalities and one.operating_point_t1c is None and _chosen_with_t1c(one) != with_t1c
    ]
    if not doubtful:
        return ()
    return (
        f"the operating point of {', '.join(doubtful)} was chosen {_with(not with_t1c)} T1c, and is applied to scores "
        f"computed {_with(with_t1c)} T1c; the called class may be wrong",
    )


def _chosen_with_t1c(checkpoint: Checkpoint) -> bool:
    """Return whether the only operating point was chosen with T1c: if every tile kept its T1c in training."""
    plan = checkpoint.training.get("plan")
    return isinstance(plan, Mapping) and plan.get("tile_t1c_share") == 1


def _with(present: bool) -> str:  # noqa: FBT001 - a word for a truth value
    return "with" if present else "without"
