"""Starts Keras when it is imported, for modules that import Keras or TensorFlow and that users import directly."""

from spinal_tf.keras_start import start_keras

start_keras()
