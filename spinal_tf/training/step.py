"""One step of a training: forward, loss, gradients, update."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from spinal_tf.errors import TrainingError
from spinal_tf.networks.network_spec import Loss
from spinal_tf.training.training_choices import Precision, TrainingOptions


class Trainer:
    """A network and its optimizer, updated together.

    Model and variables are created in the scope of a strategy, and the step runs in each of its replicas.
    TensorFlow's default strategy has one device.
    """

    def __init__(
        self,
        build: Callable[[], keras.Model],
        loss: Loss,
        options: TrainingOptions,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        """Build the network.

        Args:
            build: function that builds the network.
            loss: function of targets and predictions; returns a scalar or one value per sample, and its mean is
                minimized. A scalar other than a mean over samples must be computed from sums `over_replicas`.
            options: training options; precision, clipping and seed are used here.
            strategy: strategy to run in; None for TensorFlow's current one.
        """
        self._loss = loss
        self.strategy = strategy or tf.distribute.get_strategy()
        replicas = self.strategy.num_replicas_in_sync
        # Clipping and loss scaling both depend on the gradient of the whole batch.
        self._mean_first = replicas > 1 and (options.clip_norm is not None or options.precision == "mixed_float16")
        keras.utils.set_random_seed(options.seed)
        with self.strategy.scope(), dtype_policy(options.precision):
            self.model = build()
            if replicas > 1:
                _normalise_over_replicas(self.model)
            self._optimizer = _optimizer(options, replicas)
            self._optimizer.build(self.model.trainable_variables)
        self._run = tf.function(self._step, reduce_retracing=True)
        signature = [tf.TensorSpec(self.model.inputs[0].shape, tf.float32)]
        self._infer = tf.function(self._inference, input_signature=signature)

    @property
    def variables(self) -> list[keras.Variable]:
        """All variables that change in training, in a fixed order."""
        return [*self.model.variables, *self._optimizer.variables]

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the next steps."""
        with self.strategy.scope():
            self._optimizer.learning_rate = rate

    def __call__(self, images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """Run one step.

        Returns:
            The loss, a scalar that may still be computing.
        """
        return self._run(images, targets)

    def predict(self, batch: np.ndarray) -> np.ndarray:
        """Return the network's output in inference mode, float32."""
        return np.asarray(self._infer(tf.constant(batch, tf.float32)))

    def _inference(self, batch: tf.Tensor) -> tf.Tensor:
        return self.model(batch, training=False)

    def _step(self, images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        losses = self.strategy.run(self._replica_step, args=(images, targets))
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

    def _replica_step(self, images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """Run a step on one replica; shares are equal, so the mean over the batch is the mean of their means."""
        with tf.GradientTape() as tape:
            loss = keras.ops.mean(self._loss(targets, self.model(images, training=True)))
            loss = loss / self.strategy.num_replicas_in_sync
            scaled = self._optimizer.scale_loss(loss)
        variables = self.model.trainable_variables
        gradients = tape.gradient(scaled, variables)
        if self._mean_first:
            # Keras sums over replicas only after clipping and unscaling; summing equal means gives the intended sum.
            context = tf.distribute.get_replica_context()
            gradients = context.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
        self._optimizer.apply(gradients, variables)
        return loss


def over_replicas(sums: tf.Tensor) -> tf.Tensor:
    """Add up sums over the replicas' shares of a batch, giving those over the whole batch; differentiable."""
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, sums) if context.num_replicas_in_sync > 1 else sums


def _normalise_over_replicas(model: keras.Model) -> None:
    """Synchronize batch normalization over replicas: one share may hold only two crops, or tiles of one class."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def _optimizer(options: TrainingOptions, replicas: int) -> keras.optimizers.Optimizer:
    # Each replica clips its share of the gradient.
    clip_norm = options.clip_norm and options.clip_norm / replicas
    adam = keras.optimizers.Adam(options.learning_rate, global_clipnorm=clip_norm)
    if options.precision == "mixed_float16":
        # Half-precision gradients below 6e-8 underflow; the scale is lowered whenever a gradient is not finite.
        return keras.optimizers.LossScaleOptimizer(adam)
    return adam


@contextmanager
def dtype_policy(precision: Precision) -> Iterator[None]:
    """Set the precision of layers created in the block; layers with an explicit dtype keep it."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def configure_tensorflow(options: TrainingOptions) -> None:
    """Apply process-wide TensorFlow settings, before the first operation.

    Raises:
        TrainingError: the training must be deterministic, but TensorFlow has already started.
    """
    if options.onednn_bfloat16:
        tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    if options.deterministic:
        _one_operation_at_a_time()
        tf.config.experimental.enable_op_determinism()


def _one_operation_at_a_time() -> None:
    """Run the operations of a graph one after the other; each still uses all cores.

    TensorFlow's AddN adds the gradients of a tensor that is used three times. It starts its sum with the first term
    that no other operation still reads, and with parallel operations that term varies.

    Raises:
        TrainingError: TensorFlow has already started.
    """
    try:
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise TrainingError(
            "a deterministic training has to start in a new process; TensorFlow has already run operations in this one"
        ) from error
