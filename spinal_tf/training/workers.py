"""Communication between the processes that share a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import tensorflow as tf

from spinal_tf.errors import TrainingError

Result = TypeVar("Result")

LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
"""Errors that TensorFlow raises if another process has ended."""


class Workers:
    """The processes of a strategy, seen from this one; usually it is the only one.

    Only the chief reads and writes the run folder, validates and decides. All processes must call each method at the
    same point, since it waits for the others.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        """Determine the role of this process."""
        self._strategy = strategy
        resolver = strategy.cluster_resolver
        machines = resolver.cluster_spec().as_dict() if resolver else {}
        self.count = max(1, sum(len(addresses) for addresses in machines.values()))
        first = ("chief", 0) if "chief" in machines else ("worker", 0)
        self.is_chief = self.count == 1 or (resolver.task_type, resolver.task_id) == first

    @property
    def alone(self) -> bool:
        """Whether this is the only process."""
        return self.count == 1

    def from_chief(self, *values: float) -> tuple[float, ...]:
        """Return the chief's numbers in every process."""
        return tuple(self.arrays_from_chief([np.array(values, np.float64)])[0].tolist())

    def anywhere(self, flag: bool) -> bool:
        """Return whether the flag is set in any process."""
        return flag if self.alone else bool(self._sum(np.array([float(flag)]))[0])

    def arrays_from_chief(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the chief's arrays in every process.

        Args:
            arrays: real numbers, or integers below 2^53, with the same shapes and types in every process.
        """
        if self.alone:
            return list(arrays)
        flat = np.concatenate([array.ravel().astype(np.float64) for array in arrays])
        flat = self._sum(flat if self.is_chief else np.zeros_like(flat))
        parts = np.split(flat, np.cumsum([array.size for array in arrays])[:-1])
        return [part.reshape(array.shape).astype(array.dtype) for part, array in zip(parts, arrays, strict=True)]

    def chief_first(self, work: Callable[[], Result]) -> Result:
        """Do the work after the chief has done it, so that its results on a shared disk are found."""
        if not self.is_chief:
            self._wait()
            return work()
        result = work()
        self._wait()
        return result

    @contextmanager
    def together(self) -> Iterator[None]:
        """Turn errors from a lost process into one readable message.

        Raises:
            TrainingError: another process has ended.
        """
        try:
            yield
        except LOST as error:
            if self.alone:
                raise
            raise TrainingError(
                "another process of this training ended or cannot be reached; see what it said, then start all of them "
                "again with --resume"
            ) from error

    def _wait(self) -> None:
        with self.together():
            self.anywhere(False)

    def _sum(self, values: np.ndarray) -> np.ndarray:
        """Sum over the processes; each counts once, however many devices it has."""
        devices = self._strategy.num_replicas_in_sync // self.count

        def share(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
            first = context.replica_id_in_sync_group % devices == 0
            return tf.constant(values if first else np.zeros_like(values))

        shares = self._strategy.experimental_distribute_values_from_function(share)
        return np.asarray(self._strategy.reduce(tf.distribute.ReduceOp.SUM, shares, axis=None))
