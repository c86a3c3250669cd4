"""The processes that share a training, each on its machine: what one knows and the others need."""

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
"""What TensorFlow raises where another process is gone."""


class Workers:
    """This process among those of a strategy; most often it is the only one.

    The chief alone reads and writes the run folder, judges, and decides. All call each method at the same point of
    their work, since it waits for the others.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        """Find out which one this is."""
        self._strategy = strategy
        resolver = strategy.cluster_resolver
        machines = resolver.cluster_spec().as_dict() if resolver else {}
        self.count = max(1, sum(len(addresses) for addresses in machines.values()))
        first = ("chief", 0) if "chief" in machines else ("worker", 0)
        self.is_chief = self.count == 1 or (resolver.task_type, resolver.task_id) == first

    @property
    def alone(self) -> bool:
        """Whether there is no other process."""
        return self.count == 1

    def from_chief(self, *values: float) -> tuple[float, ...]:
        """The chief's numbers, everywhere."""
        return tuple(self.arrays_from_chief([np.array(values, np.float64)])[0].tolist())

    def anywhere(self, flag: bool) -> bool:
        """Whether a flag is set in one of them."""
        return flag if self.alone else bool(self._sum(np.array([float(flag)]))[0])

    def arrays_from_chief(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The chief's arrays, everywhere.

        Args:
            arrays: real or whole numbers below 2^53, of the same shapes and types everywhere.
        """
        if self.alone:
            return list(arrays)
        flat = np.concatenate([array.ravel().astype(np.float64) for array in arrays])
        flat = self._sum(flat if self.is_chief else np.zeros_like(flat))
        parts = np.split(flat, np.cumsum([array.size for array in arrays])[:-1])
        return [part.reshape(array.shape).astype(array.dtype) for part, array in zip(parts, arrays, strict=True)]

    def chief_first(self, work: Callable[[], Result]) -> Result:
        """Do the work after the chief has, so that what it leaves on a shared disk is found there."""
        if not self.is_chief:
            self._wait()
            return work()
        result = work()
        self._wait()
        return result

    @contextmanager
    def together(self) -> Iterator[None]:
        """Say it in a sentence where another process is gone.

        Raises:
            TrainingError: one is.
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
        """Sum over the processes, each counted once however many devices it has."""
        devices = self._strategy.num_replicas_in_sync // self.count

        def share(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
            first = context.replica_id_in_sync_group % devices == 0
            return tf.constant(values if first else np.zeros_like(values))

        shares = self._strategy.experimental_distribute_values_from_function(share)
        return np.asarray(self._strategy.reduce(tf.distribute.ReduceOp.SUM, shares, axis=None))
